"""dlcore's own models in executions: the same weights, bit for bit, and the same values as in single steps."""

import functools
import math

import pytest
import torch
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import Timer
from torch.optim import LBFGS, SGD, Adam
from torch.optim.lr_scheduler import OneCycleLR, StepLR

from dlcore.callbacks import Checkpoint, NonFiniteLoss, WeightAveraging
from dlcore.errors import NotFiniteError
from dlcore.execution.loop import ExecutionLoop
from dlcore.execution.per_batch_hooks import Position
from dlcore.models import MLP

MOMENTUM = functools.partial(SGD, lr=0.1, momentum=0.9)


def make_model(**settings):
    torch.manual_seed(1)
    return MLP([8], **{"optimizer": MOMENTUM, "in_features": 4, "num_classes": 3, **settings})


class Calls(Callback):
    """Counts the batches that it is called for, and needs none of them."""

    def __init__(self):
        self.batches = []

    def skippable_batches(self, trainer, position):
        return math.inf

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.batches.append(batch_idx)


@pytest.fixture
def train(tiny_data, make_trainer, monkeypatch):
    """Train, whatever time it takes; give the model and its trainer."""
    monkeypatch.setattr("dlcore.execution.loop._SECONDS", math.inf)

    def train(steps, model, *callbacks, data=None, **settings):
        settings = {"max_epochs": 3, "log_every_n_steps": 7, **settings}
        trainer = make_trainer(callbacks=list(callbacks), **settings)
        trainer.fit_loop.epoch_loop = ExecutionLoop(trainer, steps)
        torch.manual_seed(5)
        trainer.fit(model, datamodule=data or tiny_data())
        return model, trainer

    return train


def assert_same(one, two):
    ours, theirs = one[0].state_dict(), two[0].state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())
    assert one[1].global_step == two[1].global_step
    assert one[1].logger.rows == two[1].logger.rows


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"optimizer": functools.partial(Adam, lr=0.01)},
        {"optimizer": functools.partial(LBFGS, lr=0.1, max_iter=3)},
        {"lr_scheduler": functools.partial(OneCycleLR, max_lr=0.3)},
        {"lr_scheduler": functools.partial(StepLR, step_size=1, gamma=0.5)},
        {"warmup_steps": 9},
        {"batch_norm": True, "dropout": 0.4, "l2": 0.01, "l1": 0.001},
    ],
)
def test_weights_counts_and_metrics_are_those_of_single_steps(train, settings):
    single = train(1, make_model(**settings))
    for steps in ("auto", 2, 5):
        assert_same(single, train(steps, make_model(**settings)))


@pytest.mark.parametrize("precision", ["bf16-mixed", "64-true", "bf16-true"])
def test_in_other_precisions_too(train, precision):
    settings = {"precision": precision, "max_epochs": 2, "gradient_clip_val": 0.1}
    assert_same(train(1, make_model(), **settings), train("auto", make_model(), **settings))


@pytest.mark.parametrize(
    "settings",
    [
        {"log_every_n_steps": 1},
        {"log_every_n_steps": 3},
        {"max_steps": 10, "max_epochs": -1},
        {"val_check_interval": 3},
        {"val_check_interval": 5, "check_val_every_n_epoch": None},
        {"limit_train_batches": 5, "log_every_n_steps": 5},
        {"limit_val_batches": 0},
        {"overfit_batches": 4, "log_every_n_steps": 4},
        {"gradient_clip_val": 0.01, "gradient_clip_algorithm": "value"},
        {"accumulate_grad_batches": 2},
        {"accumulate_grad_batches": 3, "log_every_n_steps": 2},
    ],
)
def test_events_fall_on_the_same_steps(train, settings):
    assert_same(train(1, make_model(), **settings), train("auto", make_model(), **settings))


def test_callbacks_that_need_it_are_called_for_each_step(train):
    for callback in (lambda: WeightAveraging(decay=0.5), lambda: WeightAveraging(decay=0.5, every_n_steps=3)):
        assert_same(train(1, make_model(), callback()), train("auto", make_model(), callback()))


def test_hooks_are_called_once_an_execution(train):
    calls, one, three = Calls(), Calls(), Calls()
    train("auto", make_model(), calls, max_epochs=2)
    assert calls.batches == [0, 6, 0, 6]
    train(1, make_model(), one, max_epochs=1)
    assert one.batches == list(range(7))
    train(3, make_model(), three, max_epochs=1)
    assert three.batches == [0, 3, 6]


def test_an_execution_on_one_device_ends_in_time(train, monkeypatch):
    calls = Calls()
    monkeypatch.setattr("dlcore.execution.loop._SECONDS", -1.0)
    train("auto", make_model(), calls, max_epochs=1)
    assert calls.batches == [0, 2, 4, 6]  # a quiet batch and one with all hooks, in turn


def test_checkpoints_within_an_epoch_are_written_at_their_steps(train, tmp_path, monkeypatch):
    written = []
    save = Checkpoint._save
    monkeypatch.setattr(Checkpoint, "_save", lambda self, t: (written.append(t.global_step), save(self, t)))
    keeper = Checkpoint(dirpath=str(tmp_path), monitor="train/loss", every_n_steps=3)
    train("auto", make_model(), keeper, max_epochs=2, accumulate_grad_batches=2, enable_checkpointing=True)
    assert [step for step in written if step % 3 == 0] == [3, 6]


def test_a_loss_that_is_not_finite_stops_at_its_step(train):
    class Poison(Callback):
        hooks_of_every_batch = ("on_train_batch_start",)

        def skippable_batches(self, trainer, position):
            return math.inf

        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            if batch_idx == 3:
                batch[0][0] = math.nan

    model = make_model()
    with pytest.raises(
        NotFiniteError, match=r"step 4 \(epoch 1, batch 4 of 7\), before its update: the batch's inputs"
    ):
        train("auto", model, Poison(), NonFiniteLoss())
    expected, _ = train(1, make_model(), max_steps=3, max_epochs=-1)
    assert all(map(torch.equal, model.parameters(), expected.parameters()))


def test_lightnings_timer_is_no_reason(train):
    calls = Calls()
    train("auto", make_model(), calls, Timer("00:01:00:00"), max_epochs=1)
    assert calls.batches == [0, 6]


def test_batches_before_a_step():
    assert Position(batch_idx=0, batches=10, step=0).batches_before(1) == 0
    assert Position(batch_idx=4, batches=10, step=4).batches_before_multiple(50) == 45
    assert Position(batch_idx=4, batches=10, step=2, accumulate_grad_batches=2).batches_before(3) == 1
    assert Position(batch_idx=5, batches=10, step=2, accumulate_grad_batches=2).batches_before(3) == 0
    assert Position(batch_idx=5, batches=10, step=50).batches_before_multiple(50) == 49
