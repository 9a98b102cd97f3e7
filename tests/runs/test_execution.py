"""Several optimiser steps in one Lightning step: the same weights, bit for bit, and the same counts."""

import functools
import math

import pytest
import torch
from dlcore.runs.execution import ExecutionLoop
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import Timer
from torch.optim import LBFGS, SGD, Adam
from torch.optim.lr_scheduler import OneCycleLR, StepLR

from dlcore.callbacks import Checkpoint, NonFiniteLoss, WeightAveraging
from dlcore.errors import ArgumentError, NotFiniteError
from dlcore.execution.per_batch_hooks import Position
from dlcore.models import MLP

MOMENTUM = functools.partial(SGD, lr=0.1, momentum=0.9)


def make_model(**settings):
    torch.manual_seed(1)
    own = {"gradient_clip_val", "gradient_clip_algorithm", "accumulate_grad_batches"} & settings.keys()
    attributes = {name: settings.pop(name) for name in own}
    model = MLP([8], **{"optimizer": MOMENTUM, "in_features": 4, "num_classes": 3, **settings})
    for name, value in attributes.items():
        setattr(model, name, value)
    return model


class Calls(Callback):
    """Counts the batches that it is called for, and needs none of them."""

    def __init__(self):
        self.batches = []

    def skippable_batches(self, trainer, position):
        return math.inf

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.batches.append(batch_idx)


@pytest.fixture
def train(tiny_data, make_trainer):
    """Train; give the model and its trainer."""

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


@pytest.mark.parametrize("steps", ["auto", 2, 5])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"optimizer": functools.partial(Adam, lr=0.01)},
        {"optimizer": functools.partial(LBFGS, lr=0.1, max_iter=3)},
        {"gradient_clip_val": 0.1},
        {"gradient_clip_val": 0.01, "gradient_clip_algorithm": "value"},
        {"gradient_clip_val": 0.1, "optimizer": functools.partial(LBFGS, lr=0.1, max_iter=3)},
        {"lr_scheduler": functools.partial(OneCycleLR, max_lr=0.3)},
        {"lr_scheduler": functools.partial(StepLR, step_size=1, gamma=0.5)},
        {"accumulate_grad_batches": 2},
        {"accumulate_grad_batches": 3, "lr_scheduler": functools.partial(OneCycleLR, max_lr=0.3)},
        {"warmup_steps": 9},
        {"batch_norm": True, "dropout": 0.4, "l2": 0.01, "l1": 0.001},
    ],
)
def test_weights_counts_and_metrics_are_those_of_single_steps(train, settings, steps):
    assert_same(train(1, make_model(**settings)), train(steps, make_model(**settings)))


@pytest.mark.parametrize("precision", ["bf16-mixed", "64-true", "bf16-true"])
def test_in_other_precisions_too(train, precision):
    settings = {"precision": precision, "max_epochs": 2}
    model = functools.partial(make_model, gradient_clip_val=0.1)
    assert_same(train(1, model(), **settings), train("auto", model(), **settings))


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
    assert calls.batches == [6, 6]
    train(1, make_model(), one, max_epochs=1)
    assert one.batches == list(range(7))
    train(3, make_model(), three, max_epochs=1)
    assert three.batches == [2, 5, 6]


def test_an_execution_on_one_device_ends_in_time(train, monkeypatch):
    calls = Calls()
    monkeypatch.setattr("dlcore.runs.execution._SECONDS", -1.0)
    train("auto", make_model(), calls, max_epochs=1)
    assert calls.batches == [1, 3, 5, 6]  # a quiet batch and one with all hooks, in turn


def test_checkpoints_within_an_epoch_are_written_at_their_steps(train, tmp_path, monkeypatch):
    written = []
    save = Checkpoint._save
    monkeypatch.setattr(Checkpoint, "_save", lambda self, t: (written.append(t.global_step), save(self, t)))
    keeper = Checkpoint(dirpath=str(tmp_path), monitor="train/loss", every_n_steps=3)
    train("auto", make_model(accumulate_grad_batches=2), keeper, max_epochs=2, enable_checkpointing=True)
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


# Where steps cannot be taken together


class Looks(Callback):
    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        pass


def test_a_callback_that_looks_at_each_batch_makes_it_one_and_is_named(train, capsys):
    calls = Calls()
    train("auto", make_model(), calls, Looks(), max_epochs=2)
    assert calls.batches == 2 * list(range(7))
    said = "steps_per_execution is 1: the callback Looks looks at each batch.\n"
    assert capsys.readouterr().out.count(said) == 1


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"profiler": "simple"}, "the profiler looks at each step"),
        ({"val_check_interval": "00:00:00:30"}, "validation goes by the clock"),
    ],
)
def test_other_reasons_are_named(train, capsys, settings, reason):
    calls = Calls()
    train("auto", make_model(), calls, max_epochs=1, **settings)
    assert calls.batches == list(range(7))
    assert reason in capsys.readouterr().out


def test_a_model_with_a_step_of_its_own_takes_single_steps(train, capsys):
    class Own(MLP):
        def on_before_optimizer_step(self, optimizer):
            super().on_before_optimizer_step(optimizer)

    calls = Calls()
    train("auto", Own([8], in_features=4, num_classes=3, optimizer=MOMENTUM), calls, max_epochs=1)
    assert calls.batches == list(range(7))
    assert "Own has a hook of its own for each step (on_before_optimizer_step)" in capsys.readouterr().out


def test_lightnings_timer_is_no_reason(train):
    calls = Calls()
    train("auto", make_model(), calls, Timer("00:01:00:00"), max_epochs=1)
    assert calls.batches == [6]


def test_a_number_below_one_is_refused(train):
    with pytest.raises(ArgumentError, match="steps_per_execution: expected a whole number at least 1, got 0"):
        train(0, make_model())


def test_batches_before_a_step():
    assert Position(batch_idx=0, batches=10, step=0).batches_before(1) == 0
    assert Position(batch_idx=4, batches=10, step=4).batches_before_multiple(50) == 45
    assert Position(batch_idx=4, batches=10, step=2, accumulate_grad_batches=2).batches_before(3) == 1
    assert Position(batch_idx=5, batches=10, step=2, accumulate_grad_batches=2).batches_before(3) == 0
    assert Position(batch_idx=5, batches=10, step=50).batches_before_multiple(50) == 49
