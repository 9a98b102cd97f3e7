"""ExactResume in a plain Trainer, around a module that knows nothing of dlcore: a resumed run ends like a whole one."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from lightning.pytorch import seed_everything
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.utilities import CombinedLoader
from noisy_module import Noisy, Plain, loaders
from torch.utils.data import BatchSampler, DataLoader, DistributedSampler, RandomSampler, Sampler, WeightedRandomSampler

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
        self.random = torch.rand(3), np.random.rand(3), [random.random() for _ in range(3)]  # noqa: NPY002
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


@pytest.mark.parametrize("each", [pytest.param(3, id="some"), pytest.param(1, marks=pytest.mark.matrix, id="all")])
@pytest.mark.parametrize("way", WAYS)
def test_resumed_anywhere_a_run_ends_like_one_never_interrupted(way, each, make_trainer, memory_logger, tmp_path):
    settings = WAYS[way]
    keeper = KeepAll(tmp_path)
    whole = Run(make_trainer, memory_logger, [ExactResume(), keeper], **settings)
    assert len(keeper.rows) > 8
    for file, rows in list(keeper.rows.items())[list(WAYS).index(way) % each :: each]:  # others of each way
        step, batch, hook = file.stem.split("-")
        if int(batch) in (1, 3) or (int(step) == whole.step and (hook == "epoch" or "max_steps" in settings)):
            continue  # like another one; where a run has ended, Lightning does nothing
        try:
            resumed = Run(make_trainer, type(memory_logger)(), [ExactResume()], file, seed=7, **settings)
            resumed.ends_like(whole)
            resumed.logs_like(whole, rows)
        except (AssertionError, RuntimeError) as error:
            raise AssertionError(file.stem) from error


class Still(Noisy):
    """The same samples each time."""

    def __getitem__(self, n):
        return torch.full((4,), float(n)), n % 3


class Drawn(Sampler):
    """An order that NumPy draws."""

    def __len__(self):
        return 20

    def __iter__(self):
        yield from np.random.permutation(20).tolist()  # noqa: NPY002


def own_generator():
    return torch.Generator().manual_seed(3)


LOADERS = {
    "own generator": lambda: DataLoader(Noisy(), 4, shuffle=True, generator=own_generator()),
    "with replacement": lambda: DataLoader(Noisy(), 4, sampler=RandomSampler(Noisy(), replacement=True)),
    "weighted": lambda: DataLoader(Noisy(), 4, sampler=WeightedRandomSampler(torch.arange(20), 20)),
    "drawn by NumPy": lambda: DataLoader(Noisy(), 4, sampler=Drawn(), drop_last=True),
    "own batches": lambda: DataLoader(Noisy(), batch_sampler=BatchSampler(RandomSampler(Noisy()), 4, False)),
    "function of the epoch": lambda: DataLoader(Noisy(), 4, sampler=DistributedSampler(Noisy(), 1, 0)),
    "no batches": lambda: DataLoader(
        Noisy(), None, sampler=RandomSampler(Noisy()), collate_fn=lambda one: (one[0][None], torch.tensor([one[1]]))
    ),
    "two loaders": lambda: CombinedLoader(
        [DataLoader(Noisy(), 4, shuffle=True), DataLoader(Noisy(), 7, shuffle=True)], "max_size_cycle"
    ),
}


def check_loader(make, make_trainer, logger, folder, batches=("03", "07", "09"), **settings):
    """A run with this loader ends the same, resumed after these batches."""

    def data():
        return make(), DataLoader(Still(), 10)

    keeper = KeepAll(folder)
    whole = Run(make_trainer, logger, [ExactResume(), keeper], data=data(), **settings)
    files = [file for file in keeper.rows if file.stem.split("-")[1] in batches]
    assert len(files) >= len(batches)
    for file in files:
        if file.stem.endswith("epoch") and file.stem.startswith(f"{whole.step:02}"):
            continue
        resumed = Run(make_trainer, type(logger)(), [ExactResume()], file, seed=7, data=data(), **settings)
        resumed.ends_like(whole)


@pytest.mark.filterwarnings("ignore:.*batch normalisation")
@pytest.mark.parametrize("kind", LOADERS)
def test_the_order_of_any_loader_goes_on(kind, make_trainer, memory_logger, tmp_path, capsys):
    check_loader(LOADERS[kind], make_trainer, memory_logger, tmp_path)
    assert "ExactResume" not in capsys.readouterr().out
