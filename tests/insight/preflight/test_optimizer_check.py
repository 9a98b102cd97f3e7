"""A weight decay that eats the weights, a momentum that remembers too long."""

from functools import partial

import pytest
import torch
from torch.optim import LBFGS, SGD, Adam, AdamW
from torch.optim.lr_scheduler import LinearLR

from dlcore.insight import check_training
from dlcore.insight.preflight import Verdict, cost

OK, WARNING, FAILED = Verdict.OK, Verdict.WARNING, Verdict.FAILED
pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers")


@pytest.mark.parametrize(
    ("optimizer", "share", "verdict"),
    [
        (partial(AdamW, lr=0.001, weight_decay=50), 0.05, FAILED),
        (partial(AdamW, lr=0.001, weight_decay=10), 0.01, WARNING),
        (partial(AdamW, lr=0.001, weight_decay=0.1), 0.0001, OK),
        (partial(SGD, lr=0.1, weight_decay=0.0005, momentum=0.9), 0.0005, OK),
        (partial(SGD, lr=0.1, weight_decay=0.05, momentum=0.9), 0.05, FAILED),
        (partial(Adam, lr=0.001), 0, OK),
        (partial(LBFGS, lr=1), 0, OK),
    ],
)
def test_the_share_of_the_weights_that_a_step_takes_away(optimizer, share, verdict, look, make_model):
    result = look("optimizer", make_model(optimizer=optimizer))
    assert result.verdict is verdict
    assert result.numbers.get("decay", 0) == pytest.approx(share)


def test_the_remedy_is_a_decay_that_is_fine(look, make_model):
    finding = look("optimizer", make_model(optimizer=partial(SGD, lr=1.0, weight_decay=0.1))).findings[0]
    assert finding.remedies == ("--model.optimizer.weight_decay 0.001",)
    assert look("optimizer", make_model(optimizer=partial(SGD, lr=1.0, weight_decay=0.001))).verdict is OK


def test_a_schedule_that_lowers_the_rate_lowers_the_decay(look, make_model):
    """At a mean rate of half the highest, a step takes away half as much."""
    schedule = partial(LinearLR, start_factor=1.0, end_factor=0.0, total_iters=50)
    model = make_model(optimizer=partial(AdamW, lr=0.001, weight_decay=30), lr_scheduler=schedule)
    result = look("optimizer", model, max_epochs=50)
    assert result.numbers["decay"] == pytest.approx(0.015, rel=0.05)
    assert result.verdict is WARNING


@pytest.mark.parametrize(
    ("optimizer", "steps", "verdict"),
    [
        (partial(SGD, lr=0.1, momentum=0.99), 100, WARNING),
        (partial(SGD, lr=0.1, momentum=0.95), 20, OK),
        (partial(Adam, betas=(0.999, 0.999)), 1000, WARNING),
        (partial(Adam, betas=(0.95, 0.999)), 20, OK),
        (partial(SGD, lr=0.1, momentum=1.0), None, FAILED),
    ],
)
def test_the_steps_that_momentum_averages_over(optimizer, steps, verdict, look, make_model):
    result = look("optimizer", make_model(optimizer=optimizer), max_epochs=50)
    assert result.verdict is verdict
    if steps is not None:
        assert result.numbers["averaged"] == pytest.approx(steps)
    if verdict is WARNING:
        assert f"{steps:,} steps" in result.findings[0].seen
        assert "the run has 350" in result.findings[0].seen
        betas = "betas" in optimizer.keywords
        remedy = "--model.optimizer.betas '[0.9, 0.999]'" if betas else "--model.optimizer.momentum 0.9"
        assert result.findings[0].remedies == (remedy,)


def test_somebody_elses_module_is_told_in_words(plain_net, plain_data, look, make_trainer, monkeypatch):
    classes = torch.arange(640) % 10
    heavy = plain_net(lambda module: AdamW(module.parameters(), 0.001, weight_decay=50))
    finding = look("optimizer", heavy, plain_data(classes)).findings[0]
    assert finding.verdict is FAILED
    assert finding.remedies == ("weight_decay=0.01 in configure_optimizers",)
    slow = plain_net(lambda module: SGD(module.parameters(), 0.001, momentum=0.995))
    assert look("optimizer", slow, plain_data(classes)).findings[0].remedies == (
        "momentum=0.9 in configure_optimizers",
    )
    monkeypatch.setattr(cost, "_SECONDS", 0.1)
    assert "optimizer" in check_training(heavy, plain_data(classes), make_trainer(max_epochs=20)).failed


def test_a_run_without_end_is_checked_too(look, make_model):
    slow = make_model(optimizer=partial(SGD, lr=0.1, momentum=0.99))
    assert look("optimizer", slow, max_epochs=-1).verdict is WARNING
