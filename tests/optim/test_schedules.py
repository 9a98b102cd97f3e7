"""Schedules of the lesson "learning-rate annealing": the rate at each t, by its formula."""

import math
from functools import partial

import pytest
import torch
from torch import nn
from torch.optim import SGD
from torch.optim.lr_scheduler import CosineAnnealingLR, ExponentialLR, OneCycleLR

from dlcore.errors import ArgumentError
from dlcore.optim import (
    ExponentialDecayLR,
    InverseTimeDecayLR,
    PiecewiseConstantLR,
    exponential_average,
    warm_up,
    warmup_factor,
)
from dlcore.optim.factories import make_schedule
from dlcore.optim.optimizer_factory import check_optimization


def make_optimizer(*rates):
    return SGD([{"params": [nn.Parameter(torch.zeros(1))], "lr": rate} for rate in rates or (0.1,)], momentum=0.9)


def rates_of(factory, steps, *rates):
    optimizer = make_optimizer(*rates)
    schedule = factory(optimizer)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[-1]["lr"])
        optimizer.step()
        schedule.step()
    return found


FORMULAS = {
    "exponential": (partial(ExponentialDecayLR, decay_rate=0.3), lambda t: 0.1 * math.exp(-0.3 * t)),
    "inverse time": (partial(InverseTimeDecayLR, decay_rate=0.3), lambda t: 0.1 / (1 + 0.3 * t)),
    "piecewise": (
        partial(PiecewiseConstantLR, boundaries=[3, 5], values=[0.5, 0.2, 0.01]),
        lambda t: 0.5 if t < 3 else 0.2 if t < 5 else 0.01,
    ),
    "cosine": (partial(CosineAnnealingLR, T_max=8), lambda t: 0.05 * (1 + math.cos(math.pi * t / 8))),
}


@pytest.mark.parametrize(("factory", "formula"), FORMULAS.values(), ids=FORMULAS)
def test_has_the_lessons_rate_at_each_time(factory, formula):
    assert rates_of(factory, 8) == pytest.approx([formula(t) for t in range(8)], rel=1e-9)


def test_one_cycle_rises_to_its_maximum_and_falls_below_its_start():
    rates = rates_of(partial(OneCycleLR, max_lr=0.1, total_steps=10), 10)
    top = rates.index(max(rates))
    assert rates[0] == pytest.approx(0.1 / 25)
    assert rates == sorted(rates[: top + 1]) + sorted(rates[top + 1 :], reverse=True)
    assert rates[-1] < rates[0]


def test_exponential_decay_is_torchs_in_other_words():
    own = rates_of(partial(ExponentialDecayLR, decay_rate=0.3), 20)
    assert own == pytest.approx(rates_of(partial(ExponentialLR, gamma=math.exp(-0.3)), 20), rel=1e-9)


def test_each_group_has_its_own_beginning_but_for_values_that_are_rates():
    assert rates_of(partial(InverseTimeDecayLR, decay_rate=1), 3, 0.1, 0.6) == pytest.approx([0.6, 0.3, 0.2])
    assert rates_of(partial(PiecewiseConstantLR, boundaries=[1], values=[0.3, 0.2]), 2, 0.0, 0.6) == [0.3, 0.2]


@pytest.mark.parametrize("name", ["exponential", "inverse time", "piecewise"])
def test_goes_on_where_it_stopped(name):
    factory, formula = FORMULAS[name]
    optimizer = make_optimizer()
    schedule = factory(optimizer)
    for _ in range(4):
        optimizer.step()
        schedule.step()
    again = make_optimizer()
    resumed = factory(again)
    resumed.load_state_dict(schedule.state_dict())
    again.load_state_dict(optimizer.state_dict())
    again.step()
    resumed.step()
    assert again.param_groups[0]["lr"] == pytest.approx(formula(5))


@pytest.mark.parametrize("interval", ["epoch", "step"])
def test_counts_what_it_is_told_to(interval):
    factory = partial(InverseTimeDecayLR, decay_rate=1, interval=interval)
    assert make_schedule(factory, make_optimizer())[1] == interval


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        (partial(ExponentialDecayLR, decay_rate=-1), "lr_scheduler.decay_rate: expected a number at least 0, got -1."),
        (partial(InverseTimeDecayLR, decay_rate=math.nan), "lr_scheduler.decay_rate: expected a number"),
        (partial(InverseTimeDecayLR, decay_rate=1, interval="batch"), "lr_scheduler.interval: expected epoch or"),
        (partial(PiecewiseConstantLR, boundaries=[5, 2], values=[1, 2, 3]), "lr_scheduler.boundaries: expected numb"),
        (partial(PiecewiseConstantLR, boundaries=[0], values=[1, 2]), "lr_scheduler.boundaries[0]: expected a whole"),
        (partial(PiecewiseConstantLR, boundaries=[5], values=[1]), "lr_scheduler.values: expected 2 learning rat"),
        (partial(PiecewiseConstantLR, boundaries=[5], values=[1, -1]), "lr_scheduler.values[1]: expected a num"),
    ],
)  # fmt: skip
def test_impossible_settings_are_named_before_the_training(factory, message):
    with pytest.raises(ArgumentError) as caught:
        check_optimization(partial(SGD, lr=0.1), factory)
    assert str(caught.value).startswith(message)


# Warm-up


def test_warm_up_grows_evenly_to_one():
    assert [warmup_factor(step, 4) for step in range(6)] == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    assert warmup_factor(0, 0) == 1.0


def watched_steps(optimizer, steps, stop_within=None):
    """Take steps; gives the rates that each step sees. A step may end with an error."""
    seen = []

    def closure():
        seen.append([group["lr"] for group in optimizer.param_groups])
        if len(seen) == stop_within:
            raise RuntimeError

    for _ in range(steps):
        optimizer.step(closure)
    return seen


def test_the_rate_is_multiplied_within_a_step_and_put_back_after_it():
    optimizer, taken = make_optimizer(0.1, 0.6), iter(range(9))
    warm_up(optimizer, 2, lambda: next(taken))
    assert watched_steps(optimizer, 3) == [[0.05, 0.3], [0.1, 0.6], [0.1, 0.6]]
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.6]
    assert next(taken) == 2  # nobody asked after the warm-up


def test_the_rate_is_put_back_whatever_happens():
    optimizer = make_optimizer(0.1, 0.6)
    warm_up(optimizer, 2, lambda: 0)
    with pytest.raises(RuntimeError):
        watched_steps(optimizer, 3, stop_within=2)
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.6]


def test_an_optimizer_whose_step_calls_its_parents_is_warmed_up_once():
    class Own(SGD):
        def step(self, closure=None):
            return super().step(closure)

    parameter = nn.Parameter(torch.zeros(1))
    SGD([parameter], lr=0.1)  # torch lets a class call hooks when the first of it is made
    optimizer = Own([parameter], lr=0.1)
    warm_up(optimizer, 2, lambda: 0)
    assert watched_steps(optimizer, 2) == [[0.05], [0.05]]
    assert optimizer.param_groups[0]["lr"] == 0.1


# The exponentially weighted average


def test_the_average_is_the_lessons_recursion():
    values = [4.0, 1.0, 7.0]
    assert exponential_average(values, 0.9) == pytest.approx([4.0, 0.9 * 4 + 0.1, 0.9 * 3.7 + 0.7])
    assert exponential_average(values, 0) == values
    assert exponential_average([]) == []


def test_torchs_average_of_weights_is_the_same_recursion():
    weights = [4.0, 1.0, 7.0]
    layer = nn.Linear(1, 1)
    averaged = torch.optim.swa_utils.AveragedModel(layer, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9))
    found = []
    for weight in weights:
        nn.init.constant_(layer.weight, weight)
        averaged.update_parameters(layer)
        found.append(averaged.module.weight.item())
    assert found == pytest.approx(exponential_average(weights, 0.9))


def test_an_impossible_share_is_named():
    with pytest.raises(ArgumentError, match=r"^beta: expected a number at least 0 and below 1, got 1\."):
        exponential_average([1.0], 1.0)
