"""The short way to Adam's fused step: the same numbers, and only where nobody looks on."""

import functools

import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW
from torch.optim.lr_scheduler import StepLR

from dlcore.execution.direct_step import direct_step

FUSED = functools.partial(Adam, lr=0.01, fused=True)


def make(factory, parts=1):
    generator = torch.Generator().manual_seed(0)
    weights = [nn.Parameter(torch.randn(shape, generator=generator)) for shape in ((7, 5), (5,), ())]
    groups = [{"params": weights}] if parts == 1 else [{"params": weights[:1]}, {"params": weights[1:], "lr": 0.1}]
    return weights, factory(groups)


def give_gradients(weights, seed):
    generator = torch.Generator().manual_seed(seed)
    for weight in weights:
        weight.grad = torch.randn(weight.shape, generator=generator)


def warm(weights, optimizer):
    give_gradients(weights, 0)
    optimizer.step()


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize(
    "factory",
    [
        FUSED,
        functools.partial(FUSED, weight_decay=0.1, betas=(0.5, 0.9), eps=1e-3),
        functools.partial(FUSED, amsgrad=True),
        functools.partial(FUSED, maximize=True),
        functools.partial(AdamW, lr=0.01, weight_decay=0.3, fused=True),
    ],
)
def test_numbers_are_those_of_the_optimisers_own_step(factory, parts):
    (weights, optimizer), (others, other) = make(factory, parts), make(factory, parts)
    for each in ((weights, optimizer), (others, other)):
        warm(*each)
    step = direct_step(optimizer)
    assert step != optimizer.step
    for number in range(1, 6):
        for some in (weights, others):
            give_gradients(some, number)
        for one in (optimizer, other):
            one.param_groups[0]["lr"] *= 0.9
            one.param_groups[-1]["weight_decay"] += 0.01
        step()
        other.step()
    assert all(map(torch.equal, weights, others))
    assert str(optimizer.state_dict()) == str(other.state_dict())


def test_a_parameter_without_gradient_keeps_its_value():
    weights, optimizer = make(FUSED)
    warm(weights, optimizer)
    step = direct_step(optimizer)
    give_gradients(weights, 1)
    weights[1].grad = None
    before = [weight.detach().clone() for weight in weights]
    step()
    assert [torch.equal(*pair) for pair in zip(before, weights, strict=True)] == [False, True, False]


@pytest.mark.parametrize("factory", [SGD, functools.partial(Adam, foreach=True), FUSED])
def test_its_own_step_is_taken_without_a_fused_kernel_or_state(factory):
    _, optimizer = make(factory)
    assert direct_step(optimizer) == optimizer.step


def test_its_own_step_is_taken_where_a_hook_looks_on():
    weights, optimizer = make(FUSED)
    warm(weights, optimizer)
    handle = optimizer.register_step_post_hook(lambda *arguments: None)
    assert direct_step(optimizer) == optimizer.step
    handle.remove()
    assert direct_step(optimizer) != optimizer.step


def test_a_schedule_sees_that_a_step_was_taken():
    weights, optimizer = make(FUSED)
    warm(weights, optimizer)
    optimizer._opt_called = False
    schedule = StepLR(optimizer, 1)
    give_gradients(weights, 1)
    direct_step(optimizer)()
    schedule.step()  # would warn, which is an error in tests
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.001)
