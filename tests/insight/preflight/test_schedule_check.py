"""Schedules that count epochs where they are stepped per batch, or steps where per epoch; and those that do not.

`plain_data` gives 20 batches an epoch here, and a run has 10 epochs: 200 steps.
"""

from functools import partial

import pytest
import torch
from torch.optim import SGD
from torch.optim import lr_scheduler as schedules

from dlcore.insight import check_training
from dlcore.insight.preflight import Verdict, cost
from dlcore.optim import ExponentialDecayLR, PiecewiseConstantLR

OK, WARNING, FAILED = Verdict.OK, Verdict.WARNING, Verdict.FAILED
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*is using 'interval'"),
]
CLASSES = torch.arange(640) % 10


def scheduled(plain_net, make, interval, **more):
    def optimization(module):
        optimizer = SGD(module.parameters(), 0.1)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": make(optimizer), "interval": interval, **more}}

    return plain_net(optimization)


def warmed_cosine(optimizer, length, warmup):
    first = schedules.LinearLR(optimizer, 0.1, total_iters=warmup)
    return schedules.SequentialLR(optimizer, [first, schedules.CosineAnnealingLR(optimizer, length)], [warmup])


SICK = [
    ("step", partial(schedules.CosineAnnealingLR, T_max=10), WARNING),  # 10 periods instead of half of one
    ("step", partial(warmed_cosine, length=8, warmup=2), WARNING),
    ("step", partial(schedules.ExponentialLR, gamma=0.8), FAILED),  # 1% after 21 steps
    ("step", partial(schedules.StepLR, step_size=4, gamma=0.1), FAILED),
    ("step", partial(schedules.MultiStepLR, milestones=[5, 8], gamma=0.1), FAILED),
    ("step", partial(schedules.MultiStepLR, milestones=[6], gamma=0.1), WARNING),
    ("step", partial(schedules.PolynomialLR, total_iters=10), FAILED),
    ("step", partial(schedules.LambdaLR, lr_lambda=lambda epoch: 0.8**epoch), FAILED),
    ("epoch", partial(schedules.OneCycleLR, max_lr=1.0, total_steps=5000), WARNING),
    ("epoch", partial(schedules.OneCycleLR, max_lr=1.0, total_steps=200), WARNING),
    ("epoch", partial(schedules.CosineAnnealingLR, T_max=200), WARNING),
    ("epoch", partial(warmed_cosine, length=2000, warmup=2), WARNING),
    ("epoch", partial(schedules.StepLR, step_size=1000), WARNING),
    ("epoch", partial(schedules.MultiStepLR, milestones=[1000, 1500]), WARNING),
    ("epoch", partial(schedules.ExponentialLR, gamma=0.9995), WARNING),
    ("epoch", partial(schedules.LinearLR, start_factor=1.0, end_factor=0.01, total_iters=200), WARNING),
]
HEALTHY = [
    ("epoch", partial(schedules.CosineAnnealingLR, T_max=10)),
    ("step", partial(schedules.CosineAnnealingLR, T_max=200)),
    ("step", partial(schedules.CosineAnnealingLR, T_max=150)),
    ("step", partial(warmed_cosine, length=180, warmup=20)),
    ("epoch", partial(schedules.CosineAnnealingLR, T_max=30)),  # a run that was cut short
    ("step", partial(schedules.CosineAnnealingWarmRestarts, T_0=10)),
    ("step", partial(schedules.CyclicLR, base_lr=0.01, max_lr=0.1, step_size_up=5)),
    ("step", partial(schedules.OneCycleLR, max_lr=0.1, total_steps=200)),
    ("epoch", partial(schedules.OneCycleLR, max_lr=0.1, total_steps=10)),
    ("step", partial(schedules.ExponentialLR, gamma=0.98)),
    ("epoch", partial(schedules.ExponentialLR, gamma=0.99)),
    ("epoch", partial(schedules.StepLR, step_size=30)),
    ("epoch", partial(schedules.StepLR, step_size=3)),
    ("epoch", partial(schedules.MultiStepLR, milestones=[5, 8])),
    ("step", partial(schedules.MultiStepLR, milestones=[100, 150])),
    ("step", partial(schedules.LinearLR, start_factor=0.1, total_iters=10)),  # a warm-up
    ("epoch", partial(schedules.LinearLR, start_factor=1.0, end_factor=0.1, total_iters=5)),  # ends before the run
    ("step", partial(schedules.PolynomialLR, total_iters=150)),
    ("step", partial(schedules.ConstantLR, factor=1.0)),
    ("step", partial(schedules.LambdaLR, lr_lambda=lambda step: 1.0)),
]


def names(entries):
    return [f"{interval}-{make.func.__name__}" for interval, make, *_ in entries]


@pytest.mark.parametrize(("interval", "make", "verdict"), SICK, ids=names(SICK))
def test_a_length_in_the_other_unit_is_found(interval, make, verdict, look, plain_net, plain_data):
    result = look("schedule", scheduled(plain_net, make, interval), plain_data(CLASSES), max_epochs=10)
    assert result.verdict is verdict
    other = "epoch" if interval == "step" else "step"
    assert any(f'"interval": "{other}"' in remedy for remedy in result.findings[0].remedies)


@pytest.mark.parametrize(("interval", "make"), HEALTHY, ids=names(HEALTHY))
def test_no_other_schedule_is(interval, make, look, plain_net, plain_data):
    result = look("schedule", scheduled(plain_net, make, interval), plain_data(CLASSES), max_epochs=10)
    assert result.verdict is OK


def test_a_frequency_counts(look, plain_net, plain_data):
    cosine = partial(schedules.CosineAnnealingLR, T_max=10)
    model = scheduled(plain_net, cosine, "step", frequency=20)  # once an epoch
    assert look("schedule", model, plain_data(CLASSES), max_epochs=10).verdict is OK


def test_a_plateau_and_no_schedule_are_skipped(look, plain_net, plain_data):
    plateau = scheduled(plain_net, schedules.ReduceLROnPlateau, "epoch", monitor="val_loss")
    assert look("schedule", plateau, plain_data(CLASSES), max_epochs=10).verdict is Verdict.NOT_APPLICABLE
    assert look("schedule", plain_net(), plain_data(CLASSES), max_epochs=10).verdict is Verdict.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("schedule", "remedy"),
    [
        (partial(schedules.CosineAnnealingLR, T_max=350), "--model.lr_scheduler.T_max 50"),
        (partial(schedules.LinearLR, end_factor=0.01, start_factor=1.0, total_iters=9000), "total_iters 50"),
        (partial(ExponentialDecayLR, decay_rate=0.5, interval="step"), "--model.lr_scheduler.interval epoch"),
        (
            partial(PiecewiseConstantLR, boundaries=[2, 4], values=[0.1, 0.01, 0.0001], interval="step"),
            "--model.lr_scheduler.interval epoch",
        ),
        (partial(schedules.OneCycleLR, max_lr=0.1, total_steps=100_000), "--model.lr_scheduler.total_steps 350"),
    ],
)
def test_dlcores_models_get_a_flag(schedule, remedy, look, make_model):
    result = look("schedule", make_model(lr_scheduler=schedule), max_epochs=50)  # 7 steps an epoch
    assert result.verdict >= WARNING
    assert remedy in result.findings[0].remedies[0]


@pytest.mark.parametrize(
    "schedule",
    [
        partial(schedules.CosineAnnealingLR, T_max=50),
        partial(schedules.OneCycleLR, max_lr=0.1),
        partial(ExponentialDecayLR, decay_rate=0.1),
        partial(PiecewiseConstantLR, boundaries=[20, 40], values=[0.1, 0.01, 0.0001]),
    ],
)
def test_dlcores_models_are_healthy(schedule, look, make_model):
    assert look("schedule", make_model(lr_scheduler=schedule), max_epochs=50).verdict is OK


def test_a_run_without_end_is_skipped(look, make_model):
    model = make_model(lr_scheduler=partial(schedules.CosineAnnealingLR, T_max=50))
    assert look("schedule", model, max_epochs=-1).verdict is Verdict.NOT_APPLICABLE


def test_all_checks_of_somebody_elses_module_tell_of_it(plain_net, plain_data, make_trainer, monkeypatch):
    monkeypatch.setattr(cost, "_SECONDS", 0.1)
    model = scheduled(plain_net, partial(schedules.ExponentialLR, gamma=0.8), "step")
    assert check_training(model, plain_data(CLASSES), make_trainer(max_epochs=10)).failed == ["schedule"]
