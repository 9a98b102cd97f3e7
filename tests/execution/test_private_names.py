"""Private names of Lightning, torch and torchmetrics that executions rest on: each with what it promises."""

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loops.fetchers import _PrefetchDataFetcher
from lightning.pytorch.trainer.connectors.logger_connector.result import _Metadata, _ResultCollection, _ResultMetric
from lightning.pytorch.utilities.combined_loader import CombinedLoader
from torch.utils.data import DataLoader, TensorDataset
from torchmetrics.classification import MulticlassAccuracy

from dlcore.execution.batch_fetch import fetch_by_index

LOADER = DataLoader(TensorDataset(torch.arange(6.0)), 2)


@pytest.fixture(scope="module")
def trainer():
    return Trainer(accelerator="cpu", logger=False, enable_progress_bar=False, enable_checkpointing=False)


def fetcher():
    made = _PrefetchDataFetcher()
    made.setup(CombinedLoader(LOADER))
    return iter(made)


def entry():
    return _ResultMetric(_Metadata("training_step", "loss", on_step=True, on_epoch=True), is_tensor=True)


NAMES = {
    "an epoch is taken step by step by this loop": (
        lambda trainer: trainer.fit_loop.epoch_loop,
        ["advance", "batch_progress", "_results", "_batches_that_stepped", "_should_accumulate", "restarting"],
    ),
    "validation within an epoch is told from these": (
        lambda trainer: trainer.fit_loop.epoch_loop,
        ["_should_check_val_epoch", "update_lr_schedulers"],
    ),
    "optimiser steps are counted here (global_step, checkpoints)": (
        lambda trainer: trainer.fit_loop.epoch_loop.automatic_optimization.optim_progress.optimizer,
        ["step", "zero_grad"],
    ),
    "values of self.log begin anew, or go on, by this": (
        lambda trainer: trainer._logger_connector,
        ["_first_loop_iter", "on_batch_end", "update_train_step_metrics"],
    ),
    "self.log adds up here": (
        lambda _: entry(),
        ["value", "cumulated_batch_size", "_forward_cache", "_computed", "_update_count", "has_reset", "meta"],
    ),
    "self.log finds the batch's size here": (lambda _: _ResultCollection(True), ["_extract_batch_size", "batch_size"]),
    "self.log is told which hook it is called in": (lambda _: LightningModule(), ["_current_fx_name"]),
    "hooks of data and module around the transfer of a batch": (
        lambda trainer: trainer._data_connector,
        ["_datahook_selector"],
    ),
    "gradients are clipped by the precision": (lambda trainer: trainer.precision_plugin, ["_clip_gradients"]),
    "validation by the clock": (lambda trainer: trainer, ["_val_check_time_interval"]),
    "checkpoints by steps": (lambda _: ModelCheckpoint(every_n_train_steps=3), ["_every_n_train_steps"]),
    "batches by index": (lambda _: fetcher().iterator._iterator.iterators[0], ["_dataset_fetcher"]),
    "states of a metric, and how processes' are put together": (
        lambda _: MulticlassAccuracy(3),
        ["_defaults", "_reductions", "_update_count"],
    ),
}


@pytest.mark.parametrize("promise", NAMES)
def test_a_private_name_is_where_it_was(promise, trainer):
    owner, names = NAMES[promise]
    holder = owner(trainer)
    missing = [name for name in names if not hasattr(holder, name)]
    assert not missing, f"{type(holder).__name__} has no {missing}: {promise}"


def test_a_plain_loader_is_read_by_index_and_any_other_is_not():
    made = fetcher()
    assert fetch_by_index(made)
    assert [batch[0].tolist() for (batch, _, _) in made] == [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]
    other = _PrefetchDataFetcher()
    other.setup(
        CombinedLoader(DataLoader(TensorDataset(torch.arange(6.0)), 2, collate_fn=lambda samples: len(samples)))
    )
    assert not fetch_by_index(iter(other))
