"""A training whose loss is NaN in the batches that were named: the poison, the guarded fit, what its weights are."""

import functools
import math

import torch
from lightning.pytorch import Callback
from torch.optim import SGD

from dlcore.callbacks import Checkpoint
from dlcore.models import MLP

STEPS = 7  # of an epoch of 103 samples in batches of 16
MOMENTUM = functools.partial(SGD, lr=0.1, momentum=0.9)


class Poison(Callback):
    """Makes a number of a batch NaN; batches are counted over the run, from 0."""

    def __init__(self, *batches, part=0):
        self.batches, self.part = batches, part

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if trainer.fit_loop.epoch_loop.total_batch_idx in self.batches:
            batch[self.part][0] = math.nan


class Rates(Callback):
    """Writes down the rate of each step."""

    def __init__(self):
        self.seen = []

    def on_train_batch_start(self, trainer, pl_module, *args):
        self.seen.append(trainer.optimizers[0].param_groups[0]["lr"])


def make_model(optimizer=MOMENTUM, lr_scheduler=None, task="multiclass", outputs=3, **settings):
    torch.manual_seed(1)
    settings = {"batch_norm": False, **settings}
    return MLP([8], task=task, optimizer=optimizer, lr_scheduler=lr_scheduler, in_features=4, num_classes=outputs,
               **settings)  # fmt: skip


def fit_guarded(tiny_data, make_trainer, folder, guard, *others, model=None, data=None, **settings):
    """Train a model under a guard, with checkpoints in the folder; gives it and its trainer."""
    model = make_model() if model is None else model
    callbacks = [*([guard] if guard else []), *others, Checkpoint(dirpath=str(folder), monitor="train/loss")]
    trainer = make_trainer(enable_checkpointing=True, callbacks=callbacks, **{"max_epochs": 2, **settings})
    try:
        trainer.fit(model, datamodule=data or tiny_data())
    finally:
        model.ended = trainer
    return model, trainer


def values(model):
    return [parameter.detach().clone() for parameter in model.parameters()]


def assert_same(one, two):
    assert all(torch.equal(a, b) for a, b in zip(values(one), values(two), strict=True))


def all_finite(state):
    if isinstance(state, torch.Tensor):
        return bool(state.isfinite().all())
    if isinstance(state, dict):
        return all(map(all_finite, state.values()))
    return all(map(all_finite, state)) if isinstance(state, list | tuple) else True
