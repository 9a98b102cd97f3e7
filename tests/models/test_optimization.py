import inspect
import math
from functools import partial

import pytest
import torch
from torch import nn
from torch.optim import SGD, Adagrad, Adam, AdamW, RMSprop
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    CyclicLR,
    ExponentialLR,
    OneCycleLR,
    ReduceLROnPlateau,
    StepLR,
)

from dlcore.errors import ArgumentError
from dlcore.models import MLP
from dlcore.optim.factories import make_schedule, step_schedule
from dlcore.optim.optimizer_factory import check_optimization, make_optimizer


def parameters():
    return [nn.Parameter(torch.zeros(2))]


# The implementation


@pytest.mark.parametrize("kind", [SGD, Adam, AdamW, Adagrad])
def test_fused_is_chosen_where_torch_has_it(kind):
    assert make_optimizer(kind, parameters()).defaults["fused"] is True
    assert make_optimizer(partial(kind, lr=0.1), parameters()).defaults["fused"] is True


@pytest.mark.parametrize(
    ("factory", "fused"),
    [
        (partial(Adam, foreach=True), None),
        (partial(Adam, foreach=False), None),
        (partial(Adam, fused=False), False),
        (partial(Adam, capturable=True), None),
        (partial(Adam, differentiable=True), None),
        (lambda params: Adam(params, lr=0.1), None),
    ],
    ids=["foreach", "single tensor", "not fused", "capturable", "differentiable", "a function of one's own"],
)
def test_an_implementation_that_was_chosen_is_kept(factory, fused):
    assert make_optimizer(factory, parameters()).defaults["fused"] is fused


def test_an_optimizer_without_a_fused_implementation_is_made():
    assert isinstance(make_optimizer(partial(RMSprop, lr=0.1), parameters()), RMSprop)


def test_a_device_without_the_fused_implementation_gets_the_usual_one():
    class NotHere(Adam):
        def __init__(self, params, lr=0.1, fused=None):
            if fused:
                raise RuntimeError("`fused=True` requires all the params to be floating point Tensors of …")
            super().__init__(params, lr=lr)

    assert make_optimizer(NotHere, parameters()).defaults["fused"] is None


# Settings


@pytest.mark.parametrize("name", ["lr", "weight_decay", "momentum"])
@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf])
@pytest.mark.parametrize("own", [False, True], ids=["class", "function"])
def test_a_setting_that_is_no_number_to_train_with_is_named(name, value, own):
    def factory(params):
        return SGD(params, **{name: value})

    with pytest.raises(ArgumentError, match=r"^optimizer") as caught:
        check_optimization(factory if own else partial(SGD, **{name: value}), None)
    if not (own and value < 0):  # which torch itself refuses, in words of its own
        assert caught.value.argument == f"optimizer.{name}"
        assert caught.value.expected.startswith("a number")


def test_what_torch_refuses_is_told_in_its_words():
    with pytest.raises(ArgumentError, match=r"^optimizer: .*Nesterov momentum requires a momentum"):
        check_optimization(partial(SGD, lr=0.1, nesterov=True), None)
    with pytest.raises(ArgumentError, match=r"^optimizer: .*Invalid beta parameter"):
        check_optimization(partial(Adam, betas=(1.5, 0.9)), None)
    with pytest.raises(ArgumentError, match=r"^optimizer\.betas: "):
        check_optimization(partial(Adam, betas=(math.nan, 0.9)), None)
    with pytest.raises(ArgumentError, match=r"^optimizer: .*unexpected keyword argument 'learning_rate'"):
        check_optimization(partial(SGD, learning_rate=0.1), None)


def test_plain_settings_are_accepted():
    check_optimization(Adam, None)
    check_optimization(partial(SGD, lr=0), partial(StepLR, step_size=3))
    for schedule in (
        partial(CosineAnnealingLR, T_max=5),
        partial(ExponentialLR, gamma=0.9),
        partial(OneCycleLR, max_lr=0.1, total_steps=1),
        partial(CyclicLR, base_lr=0.1, max_lr=0.2),
    ):
        check_optimization(partial(SGD, lr=0.1, momentum=0.9), schedule)


# Schedules


def test_a_schedule_that_counts_steps_is_told_from_one_that_counts_epochs():
    optimizer = SGD(parameters(), lr=0.1, momentum=0.9)
    for schedule, interval in (
        (partial(OneCycleLR, max_lr=0.1, total_steps=9), "step"),
        (partial(CyclicLR, base_lr=0.1, max_lr=0.2), "step"),
        (partial(StepLR, step_size=3), "epoch"),
    ):
        assert make_schedule(schedule, optimizer)[1] == interval


@pytest.mark.parametrize("factory", [ReduceLROnPlateau, partial(ReduceLROnPlateau, patience=3)])
def test_torchs_plateau_schedule_is_refused_with_the_remedy(factory):
    with pytest.raises(ArgumentError, match="a schedule that needs no metric") as caught:
        check_optimization(SGD, factory)
    assert "--reduce_lr_on_plateau.factor" in caught.value.remedy


@pytest.mark.parametrize(
    "schedule",
    [
        partial(StepLR, step_size=0),
        partial(CosineAnnealingLR, T_max=0),
        partial(OneCycleLR, max_lr=0.1, epochs=3),
        partial(StepLR, step_sise=3),
        partial(ExponentialLR, gamma=math.nan),
        partial(ExponentialLR, gamma=-1.0),
    ],
    ids=["period 0", "length 0", "half a length", "unknown setting", "NaN", "negative rate"],
)
def test_a_schedule_that_cannot_work_is_known_before_the_training(schedule):
    with pytest.raises(ArgumentError, match=r"^lr_scheduler"):
        check_optimization(partial(SGD, lr=0.1, momentum=0.9), schedule)


def test_a_schedule_that_is_over_before_the_training_is_named():
    optimizer = SGD(parameters(), lr=0.1, momentum=0.9)
    schedule, _ = make_schedule(partial(OneCycleLR, max_lr=0.1, total_steps=2), optimizer)
    optimizer.step()
    step_schedule(schedule)
    step_schedule(schedule)
    with pytest.raises(ArgumentError, match=r"^lr_scheduler\.total_steps: .* got 2\."):
        step_schedule(schedule)


def made_by_the_command_line(kind, **settings):
    """What the parser makes of a class with arguments: all of them, with their defaults."""
    defaults = {name: p.default for name, p in inspect.signature(kind).parameters.items() if p.default is not p.empty}
    return partial(
        lambda make, what, *args, **kwargs: make(what, *args, **kwargs), _call, kind, **{**defaults, **settings}
    )


def _call(kind, *args, **kwargs):
    return kind(*args, **kwargs)


@pytest.mark.parametrize("maker", [partial, made_by_the_command_line])
@pytest.mark.parametrize("given", [{}, {"total_steps": None}])
def test_one_cycle_without_a_length_lasts_the_run(maker, given):
    optimizer = SGD(parameters(), lr=0.1, momentum=0.9)
    schedule, interval = make_schedule(maker(OneCycleLR, max_lr=0.1, **given), optimizer, lambda: 7)
    assert (schedule.total_steps, interval) == (7, "step")


def test_a_length_that_was_given_is_kept():
    optimizer = SGD(parameters(), lr=0.1, momentum=0.9)
    for given, steps in (({"total_steps": 5}, 5), ({"epochs": 2, "steps_per_epoch": 4}, 8)):
        assert make_schedule(partial(OneCycleLR, max_lr=0.1, **given), optimizer, lambda: 7)[0].total_steps == steps


@pytest.mark.parametrize(
    ("settings", "accumulate", "steps"),
    [
        ({"max_epochs": 3}, 1, 21),
        ({"max_epochs": 3}, 3, 9),
        ({"max_epochs": 3, "limit_train_batches": 5}, 1, 15),
        ({"max_epochs": 3, "limit_train_batches": 0.5}, 1, 9),
        ({"max_epochs": 3, "max_steps": 10}, 1, 10),
        ({"max_epochs": -1, "max_steps": 10}, 1, 10),
        ({"max_epochs": 2, "overfit_batches": 2}, 1, 4),
        ({"fast_dev_run": 3}, 1, 3),
    ],
)
def test_steps_of_a_run_are_those_that_it_takes(settings, accumulate, steps, tiny_data, make_trainer):
    model = MLP([], optimizer=partial(SGD, lr=0.1, momentum=0.9), in_features=4, num_classes=3)
    model.schedule_factory = partial(OneCycleLR, max_lr=0.1)
    trainer = make_trainer(**{"limit_val_batches": 0, "accumulate_grad_batches": accumulate, **settings})
    trainer.fit(model, datamodule=tiny_data())
    assert model.lr_schedulers().total_steps == steps == trainer.global_step


def test_a_run_without_end_has_no_number_of_steps(tiny_data, make_trainer):
    model = MLP([], lr_scheduler=partial(OneCycleLR, max_lr=0.1), in_features=4, num_classes=3)
    with pytest.raises(ArgumentError, match=r"^model\.lr_scheduler\.total_steps: expected the optimiser steps"):
        make_trainer(max_epochs=-1).fit(model, datamodule=tiny_data())
