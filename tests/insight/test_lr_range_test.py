"""The range test trains with rising rates, reads the curve by its rule, and leaves nothing behind."""

from functools import partial

import numpy as np
import pytest
import torch
from lightning.pytorch import Callback
from torch.optim import SGD, Adam
from torch.optim.lr_scheduler import ExponentialLR, OneCycleLR

from dlcore.errors import ArgumentError
from dlcore.insight import find_learning_rate
from dlcore.insight.lr_range_test import read_range_test, smooth
from dlcore.models import MLP


def make_model(optimizer=partial(SGD, lr=0.5), **settings):  # noqa: B008 (never changed)
    torch.manual_seed(0)
    return MLP([8], in_features=4, num_classes=3, optimizer=optimizer, **settings)


def test_the_smoothed_loss_is_the_bias_corrected_average():
    assert smooth(np.array([4.0, 2.0]), beta=0.9).tolist() == pytest.approx([4.0, (0.9 * 0.1 * 4 + 0.1 * 2) / 0.19])
    assert smooth(np.full(50, 3.0)).tolist() == pytest.approx([3.0] * 50)


def test_the_suggestion_is_where_the_loss_falls_fastest_before_its_lowest_point():
    rates = np.geomspace(1e-6, 10, 400)
    # A fall whose middle is at 1e-3, a rise around 1.
    losses = 2 - 1 / (1 + np.exp(-3 * (np.log10(rates) + 3))) + np.exp(4 * np.log10(rates))
    test = read_range_test(rates, losses)
    assert test.suggestion == pytest.approx(1e-3, rel=0.7)  # the average lags behind
    assert rates[test.lowest] > 5 * test.suggestion
    assert not test.diverged


def test_a_loss_that_does_not_fall_gives_no_suggestion():
    rates = np.geomspace(1e-6, 10, 100)
    noise = 1 + 0.01 * np.random.default_rng(0).standard_normal(100)
    assert read_range_test(rates, noise).suggestion is None
    assert read_range_test(rates, 1 + rates).suggestion is None


def test_what_is_not_finite_ends_the_curve():
    rates = np.geomspace(1e-6, 10, 100)
    losses = 2 - np.linspace(0, 1, 100)
    losses[60:] = np.nan
    test = read_range_test(rates, losses)
    assert (len(test.rates), len(test.losses), test.diverged) == (60, 60, True)
    losses[5:] = np.inf
    with pytest.raises(ArgumentError, match="lr_min: expected a rate at which the loss stays finite"):
        read_range_test(rates, losses)


@pytest.mark.outcome
@pytest.mark.parametrize("optimizer", [partial(SGD, lr=0.5), partial(SGD, lr=0.0), Adam])
def test_a_training_with_rising_rates(optimizer, tiny_data, make_trainer):
    model = make_model(optimizer, lr_scheduler=partial(ExponentialLR, gamma=0.1))
    test = find_learning_rate(model, tiny_data(), make_trainer(max_epochs=1), 1e-4, 100.0, num_steps=100)
    assert test.rates[0] == pytest.approx(1e-4)
    assert np.diff(np.log(test.rates)) == pytest.approx(np.log(1e6) / 99)
    assert 1e-3 < test.suggestion < 10
    assert test.losses[0] == pytest.approx(1.1, abs=0.5)


def test_each_step_takes_its_rate(tiny_data, make_trainer):
    """The first steps are those of a hand-written loop with these rates."""
    model = make_model()
    data, twin = tiny_data(), make_model()
    test = find_learning_rate(model, data, make_trainer(), 1e-3, 1.0, num_steps=20)
    fresh = tiny_data()
    fresh.setup()
    losses = []
    for rate, (inputs, targets) in zip(test.rates, fresh.train_dataloader(), strict=False):
        loss = torch.nn.functional.cross_entropy(twin(inputs), targets)
        losses.append(loss.item())
        for parameter, gradient in zip(
            twin.parameters(), torch.autograd.grad(loss, list(twin.parameters())), strict=True
        ):
            parameter.data -= float(rate) * gradient
    assert test.losses[: len(losses)].tolist() == pytest.approx(losses, rel=1e-5)


@pytest.mark.outcome
def test_it_stops_where_the_loss_diverges(tiny_data, make_trainer):
    test = find_learning_rate(make_model(), tiny_data(), make_trainer(), 1e-3, 1e6, num_steps=100)
    assert test.diverged
    assert len(test.rates) < 90


def test_weights_statistics_and_random_numbers_are_as_before(tiny_data, make_trainer, tmp_path):
    model = make_model(batch_norm=True, dropout=0.5, lr_scheduler=partial(ExponentialLR, gamma=0.1))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    schedule, random_state = model.schedule_factory, torch.get_rng_state()
    find_learning_rate(model, tiny_data(), make_trainer(), num_steps=30)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model.schedule_factory is schedule
    assert torch.equal(torch.get_rng_state(), random_state)
    assert list(tmp_path.iterdir()) == []


def test_a_schedule_that_is_shorter_than_the_test_does_not_end_it(tiny_data, make_trainer):
    model = make_model(lr_scheduler=partial(OneCycleLR, max_lr=1.0, total_steps=3))
    assert len(find_learning_rate(model, tiny_data(), make_trainer(), 1e-6, 1e-3, num_steps=30).rates) == 30


def test_accumulated_gradients_make_one_step_of_several_batches(tiny_data, make_trainer):
    test = find_learning_rate(make_model(), tiny_data(), make_trainer(accumulate_grad_batches=3), num_steps=25)
    assert len(test.rates) == 25
    assert test.losses[0] == pytest.approx(1.1, abs=0.5)


class Watcher(Callback):
    """Must not be called."""

    def on_train_batch_end(self, *args):
        raise AssertionError


def test_the_recipes_callbacks_and_limits_do_not_take_part(tiny_data, make_trainer):
    trainer = make_trainer(callbacks=[Watcher()], max_epochs=1, max_steps=3, min_epochs=2)
    assert len(find_learning_rate(make_model(), tiny_data(), trainer, num_steps=40).rates) == 40


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"lr_min": 0}, "lr_min: expected a number above 0, got 0"),
        ({"lr_min": 1.0, "lr_max": 0.1}, "lr_max: expected a number above 1.0, got 0.1"),
        ({"num_steps": 5}, "num_steps: expected a number at least 20, got 5"),
    ],
)
def test_bad_settings_are_named(settings, said, tiny_data, make_trainer):
    with pytest.raises(ArgumentError, match=said):
        find_learning_rate(make_model(), tiny_data(), make_trainer(), **settings)
