"""A run that is resumed from any checkpoint of it ends as if it had never been interrupted, bit for bit."""

import shutil
from functools import partial

import pytest
import torch
from lightning.pytorch import Callback
from torch.optim import SGD, Adam
from torch.optim.lr_scheduler import CosineAnnealingLR, OneCycleLR, StepLR

from dlcore.callbacks import Checkpoint, EarlyStopping, ExactResume, ParameterDistribution, ReduceLROnPlateau
from dlcore.models import MLP
from dlcore.runs.checkpoint_file import AtomicCheckpointIO

SIZE = 72  # an epoch has five batches: four of 16 samples and one of 8
MOMENTUM = partial(SGD, lr=0.1, momentum=0.9)


class KeepsAll(AtomicCheckpointIO):
    """Keeps a copy of each checkpoint that is written, and how much was logged and validated by then."""

    def __init__(self, folder, logger, counts):
        self.folder, self.logger, self.counts = folder, logger, counts
        self.paths, self.done = [], {}
        folder.mkdir()

    def save_checkpoint(self, checkpoint, path, storage_options=None):
        super().save_checkpoint(checkpoint, path, storage_options)
        self.paths.append(self.folder / f"{len(self.paths):02d}_at_step_{checkpoint['global_step']}.ckpt")
        shutil.copyfile(path, self.paths[-1])
        self.done[self.paths[-1]] = len(self.logger.rows), len(self.counts.steps)


class Counts(Callback):
    """Counts the validations."""

    def __init__(self):
        self.steps = []

    def on_validation_end(self, trainer, pl_module):
        if not trainer.sanity_checking:
            self.steps.append(trainer.global_step)


class Run:
    """What a run was like in the end."""

    def __init__(self, trainer, model, callbacks, keeps):
        self.checkpoints, self.done, self.validations = keeps.paths, keeps.done, keeps.counts.steps
        self.rows = trainer.logger.rows
        self.step, self.epoch = trainer.global_step, trainer.current_epoch
        self.state = {
            "weights": model.state_dict(),
            "optimizer": trainer.optimizers[0].state_dict(),
            "schedules": [config.scheduler.state_dict() for config in trainer.lr_scheduler_configs],
            "callbacks": {type(callback).__name__: callback.state_dict() for callback in callbacks},
        }


@pytest.fixture
def train(tiny_data, make_trainer, memory_logger, tmp_path):
    """Train with all callbacks, from the beginning or from a checkpoint."""
    number = iter(range(1000))

    def train(
        ckpt_path=None, every_n_steps=1, model=None, extra=(), monitor="val/loss", group=1, cuts=True, **settings
    ):
        folder = tmp_path / f"run_{next(number)}"
        torch.manual_seed(1 if ckpt_path is None else 2)
        net = MLP([8], in_features=4, num_classes=3, **{"optimizer": MOMENTUM, **(model or {})})
        callbacks = [
            EarlyStopping(monitor, patience=100),
            ParameterDistribution(),
            Checkpoint(monitor, every_n_steps=every_n_steps, dirpath=str(folder / "checkpoints")),
        ]
        if cuts:
            callbacks.insert(0, ReduceLROnPlateau(monitor, patience=0, threshold=0.9, min_lr=0.01))  # at each check
        counts = Counts()
        keeps = KeepsAll(folder, type(memory_logger)(), counts)
        if ckpt_path is not None:
            (folder / "checkpoints").mkdir()
            (folder / "checkpoints" / "best.ckpt").touch()  # a run that is resumed has its best state there
        settings = {"max_epochs": 2, "log_every_n_steps": 2, **settings}
        trainer = make_trainer(
            enable_checkpointing=True,
            callbacks=[counts, *extra, *callbacks[:-1], ExactResume(), callbacks[-1]],
            accumulate_grad_batches=group,
            plugins=[keeps],
            logger=keeps.logger,
            **settings,
        )
        trainer.fit(net, tiny_data(size=SIZE), ckpt_path=ckpt_path, weights_only=True)
        return Run(trainer, net, callbacks, keeps)

    return train


def assert_same(one, other, where="state"):
    """Two states are equal, tensors bit for bit; NaN equals NaN."""
    if torch.is_tensor(one):
        assert torch.equal(one.nan_to_num(nan=-7), other.nan_to_num(nan=-7)), where
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            assert_same(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), where
        for place, (a, b) in enumerate(zip(one, other, strict=True)):
            assert_same(a, b, f"{where}[{place}]")
    else:
        assert one == other, where


def assert_resumed(resumed, whole, path, done):
    """From this checkpoint on, all is as in the run as a whole: the end, what was logged, when it validated."""
    rows, validations = done
    assert_same(resumed.state, whole.state, path.stem)
    assert resumed.step == whole.step, path.stem
    after = [(step, values) for step, values in whole.rows[rows:]]
    at = int(path.stem.rpartition("_")[2]) - 1  # Lightning writes a step's row after what its callbacks do
    assert resumed.rows in (after, [row for row in after if row[0] != at]), path.stem
    assert resumed.validations == whole.validations[validations:], path.stem


WAYS = {
    "validation each epoch": {},
    "dropout": {"model": {"dropout": 0.3, "input_dropout": 0.1}},
    "Adam and batch norm": {"model": {"optimizer": partial(Adam, lr=0.01), "batch_norm": True}},
    "validation within the epoch": {"val_check_interval": 0.5},
    "validation each second epoch": {"check_val_every_n_epoch": 2},
    "validation by steps": {"val_check_interval": 4, "check_val_every_n_epoch": None},
    "no validation": {"limit_val_batches": 0, "monitor": "train/loss"},
    "accumulated gradients": {"group": 3},
    "accumulated gradients, validation within": {"group": 3, "val_check_interval": 0.5},
    "end by steps": {"max_steps": 8, "max_epochs": -1},
    "end by steps without validation": {
        "max_steps": 8,
        "max_epochs": -1,
        "limit_val_batches": 0,
        "monitor": "train/loss",
    },
    "end by steps or epochs without validation": {"max_steps": 8, "limit_val_batches": 0, "monitor": "train/loss"},
    "StepLR": {"model": {"lr_scheduler": partial(StepLR, step_size=1, gamma=0.9)}},
    "CosineAnnealingLR": {"model": {"lr_scheduler": partial(CosineAnnealingLR, T_max=2)}},
    "OneCycleLR": {"model": {"lr_scheduler": partial(OneCycleLR, max_lr=0.2, total_steps=10)}, "cuts": False},
}


@pytest.mark.parametrize("each", [pytest.param(4, id="some"), pytest.param(1, marks=pytest.mark.matrix, id="all")])
@pytest.mark.parametrize("way", WAYS)
def test_from_any_checkpoint(way, each, train):
    whole = train(**WAYS[way])
    assert len(whole.checkpoints) >= 4
    assert whole.checkpoints[-1].stem.endswith(f"_{whole.step}")
    for path in whole.checkpoints[list(WAYS).index(way) % each :: each]:  # others of each way
        assert_resumed(train(ckpt_path=path, **WAYS[way]), whole, path, whole.done[path])


VALIDATED, WITHIN = {}, {"val_check_interval": 0.5}
SECOND, NEVER = {"check_val_every_n_epoch": 2}, {"limit_val_batches": 0, "monitor": "train/loss"}
EPOCHS = [{"max_epochs": 1}, {"max_epochs": 2}]


@pytest.mark.parametrize(
    ("way", "ends"),
    [
        (VALIDATED, [*EPOCHS, *({"max_steps": steps} for steps in (2, 5, 8))]),
        (WITHIN, [*EPOCHS, *({"max_steps": steps} for steps in (4, 5, 7))]),
        (SECOND, EPOCHS),
        (NEVER, [*EPOCHS, *({"max_steps": steps} for steps in (2, 5, 8))]),
        ({"group": 3}, [{"max_steps": 3}]),
    ],
    ids=["validated", "within", "second", "never", "accumulated"],
)
def test_a_run_that_ended_goes_on_from_its_last_checkpoint(way, ends, train):
    whole = train(every_n_steps=None, max_epochs=3, **way)
    for until in ends:
        part = train(every_n_steps=None, **way, **{"max_epochs": 3, **until})
        path = part.checkpoints[-1]
        assert part.rows == whole.rows[: len(part.rows)], until
        assert_resumed(train(ckpt_path=path, every_n_steps=None, max_epochs=3, **way), whole, path, part.done[path])


def test_a_run_that_a_timer_ended_goes_on(train):
    class Timer(Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            trainer.should_stop = trainer.global_step == 8

    way = {"every_n_steps": None, "limit_val_batches": 0, "monitor": "train/loss"}
    part = train(extra=[Timer()], **way)
    path = part.checkpoints[-1]
    assert path.stem.endswith("_8")
    assert_resumed(train(ckpt_path=path, **way), train(**way), path, part.done[path])


def test_a_checkpoint_a_step_is_one_for_accumulated_gradients_too(train):
    # Five batches in groups of three: steps one and two of an epoch are taken with its third and its fifth batch.
    paths = train(group=3).checkpoints
    loops = [torch.load(path, weights_only=True)["loops"]["fit_loop"] for path in paths]
    assert [loop["epoch_loop.batch_progress"]["current"]["ready"] for loop in loops] == [3, 5, 3, 5]


def test_nothing_is_saved_twice_at_a_step(train):
    whole = train(val_check_interval=0.5)
    steps = [int(path.stem.rpartition("_")[2]) for path in whole.checkpoints]
    assert steps == sorted(set(steps)) == list(range(1, 11))


def test_a_resumed_run_that_has_nothing_to_do_writes_nothing(train):
    path = train(max_epochs=1).checkpoints[-1]
    assert train(ckpt_path=path, max_epochs=1).checkpoints == []
