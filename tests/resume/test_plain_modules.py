"""ExactResume in a plain Trainer, around a module that knows nothing of dlcore: a resumed run ends like a whole one."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from lightning.pytorch import seed_everything
from lightning.pytorch.callbacks import Checkpoint
from plain_module import Plain, loaders

from dlcore.callbacks import ExactResume

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*num_workers"),
    pytest.mark.filterwarnings("ignore:.*No positive samples in targets"),
]
WAYS = {
    "by step": {},
    "plateau": {"plateau": True},
    "accumulated": {"accumulate_grad_batches": 3},
    "validation within": {"val_check_interval": 2},
    "no validation": {"limit_val_batches": 0},
    "every second": {"check_val_every_n_epoch": 2},
    "by max_steps": {"max_steps": 8, "max_epochs": None},
    "short epochs": {"limit_train_batches": 3},
}


class Run:
    """A fit of two epochs, and what it ended with."""

    def __init__(self, make_trainer, logger, callbacks, checkpoint=None, plateau=False, seed=0, data=None, **settings):
        seed_everything(seed, verbose=False)
        self.logger = logger
        self.model = Plain(plateau)
        keeps = any(isinstance(callback, Checkpoint) for callback in callbacks)
        own = {"max_epochs": 2, "callbacks": callbacks, "logger": logger, "enable_checkpointing": keeps}
        trainer = make_trainer(**{**own, **settings})
        trainer.fit(self.model, *(data or loaders()), ckpt_path=checkpoint, weights_only=True)
        self.epochs, self.step = trainer.current_epoch, trainer.global_step
        self.random = torch.rand(3), np.random.rand(3), [random.random() for _ in range(3)]
        self.rates = [group["lr"] for group in trainer.optimizers[0].param_groups]

    def ends_like(self, other):
        for (name, mine), theirs in zip(
            self.model.state_dict().items(), other.model.state_dict().values(), strict=True
        ):
            assert torch.equal(mine, theirs), name
        assert (self.epochs, self.step, self.rates) == (other.epochs, other.step, other.rates)
        assert torch.equal(self.random[0], other.random[0])
        assert (self.random[1] == other.random[1]).all()
        assert self.random[2] == other.random[2]

    def logs_like(self, other, rows):
        """What the resumed run logged is all that the whole one logged after so many rows."""
        assert self.logger.rows == other.logger.rows[rows:]


class KeepAll(Checkpoint):
    """Keeps a checkpoint after each batch, each validation and each epoch, and how much was logged by then."""

    def __init__(self, folder):
        self.folder, self.rows = folder, {}

    def keep(self, trainer, hook):
        file = self.folder / f"{trainer.global_step:02}-{trainer.fit_loop.epoch_loop.total_batch_idx:02}-{hook}.ckpt"
        trainer.save_checkpoint(file)
        # What was logged in this batch is written after these hooks.
        self.rows[file] = len(trainer.logger.rows) + (hook == "batch" and not trainer.fit_loop._should_accumulate())

    def on_train_batch_end(self, trainer, *args):
        self.keep(trainer, "batch")

    def on_validation_end(self, trainer, *args):
        if not trainer.sanity_checking:
            self.keep(trainer, "validation")

    def on_train_epoch_end(self, trainer, *args):
        self.keep(trainer, "epoch")


@pytest.mark.parametrize("way", WAYS)
def test_resumed_anywhere_a_run_ends_like_one_never_interrupted(way, make_trainer, memory_logger, tmp_path):
    settings = WAYS[way]
    keeper = KeepAll(tmp_path)
    whole = Run(make_trainer, memory_logger, [ExactResume(), keeper], **settings)
    assert len(keeper.rows) > 8
    for file, rows in keeper.rows.items():
        step, batch, hook = file.stem.split("-")
        if int(batch) in (1, 3) or (int(step) == whole.step and (hook == "epoch" or "max_steps" in settings)):
            continue  # like another one; where a run has ended, Lightning does nothing
        try:
            resumed = Run(make_trainer, type(memory_logger)(), [ExactResume()], file, seed=7, **settings)
            resumed.ends_like(whole)
            resumed.logs_like(whole, rows)
        except (AssertionError, RuntimeError) as error:
            raise AssertionError(file.stem) from error
