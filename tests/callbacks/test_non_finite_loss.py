"""A loss that is NaN or infinite: the run stops, says where and why, and what it had is finite."""

import functools
import math

import pytest
import torch
from lightning.pytorch import Callback
from lost_loss import MOMENTUM, STEPS, Poison, all_finite, assert_same, fit_guarded, make_model, values
from torch.optim import LBFGS, SGD, Adam

from dlcore.callbacks import NonFiniteLoss
from dlcore.errors import ArgumentError, NotFiniteError

FINITE = r"The last checkpoint, of step 7, is finite: .*last\.ckpt"


@pytest.fixture
def fit(tiny_data, make_trainer, tmp_path):
    """Train a model; gives it and its trainer."""
    return functools.partial(fit_guarded, tiny_data, make_trainer, tmp_path)


def test_stops_before_the_update_and_says_where(fit):
    model = make_model()
    with pytest.raises(NotFiniteError) as caught:
        fit(NonFiniteLoss(), Poison(10), model=model)
    assert str(caught.value).startswith(
        "The loss is NaN in step 11 (epoch 2, batch 4 of 7), before its update: the batch's inputs hold 4 numbers that "
        "are not finite."
    )
    assert_same(model, fit(NonFiniteLoss(), max_steps=10, max_epochs=-1)[0])
    assert model.ended.global_step == 10


@pytest.mark.fault("NaN in a training batch", "The loss is NaN in step 11 (epoch 2, batch 4 of 7), before its update.")
def test_the_last_checkpoint_is_finite(fit, tmp_path):
    with pytest.raises(NotFiniteError, match=f"epoch 2, batch 4 of 7.*{FINITE}"):
        fit(NonFiniteLoss(), Poison(10))
    state = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert state["global_step"] == STEPS
    assert all_finite([state["state_dict"], state["optimizer_states"]])


def test_names_targets_that_are_not_finite(fit, tiny_data):
    model = make_model(task="regression", outputs=1)
    with pytest.raises(NotFiniteError, match="targets hold 1 number that is not finite"):
        fit(NonFiniteLoss(), Poison(3, part=1), model=model, data=tiny_data(task="regression"))


@pytest.mark.fault("a learning rate that makes the weights overflow", "The loss is NaN in step …: weights hold …")
def test_names_weights_that_overflowed(fit, tiny_data):
    model = make_model()
    next(model.parameters()).register_hook(lambda grad: grad * (math.inf if model.trainer.global_step == 1 else 1))
    with pytest.raises(
        NotFiniteError, match=r"step 3 .*: network\.linear_1\.weight holds .*--model.optimizer.lr 0\.01; it was"
    ):
        fit(NonFiniteLoss(), model=model)


def test_names_a_network_whose_numbers_grew_too_large(fit, tiny_data):
    model = make_model(functools.partial(SGD, lr=1.0), task="regression", outputs=1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1e12)
    with pytest.raises(NotFiniteError, match=r"infinite in step 1 .*inputs and weights are finite"):
        fit(NonFiniteLoss(), model=model, data=tiny_data(task="regression"))


def test_no_checkpoint_of_weights_that_are_not_finite_is_written(fit, tmp_path):
    class Break(Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            if trainer.global_step == 2 * STEPS:
                next(pl_module.parameters()).data[0] = math.inf

    with pytest.raises(NotFiniteError, match=f"weights.*after step 14.*{FINITE}"):
        fit(NonFiniteLoss(), Break(), max_epochs=2)
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["global_step"] == STEPS


def test_without_it_the_training_goes_on(fit):
    model, trainer = fit(None, Poison(3))
    assert trainer.global_step == 2 * STEPS
    assert not all_finite(values(model))


@pytest.mark.parametrize("optimizer", [functools.partial(Adam, lr=0.01), MOMENTUM])
def test_a_device_that_is_not_waited_for_withholds_the_updates_itself(fit, optimizer):
    """As on a GPU: nobody reads the loss until it is logged; the weights are those before the batch all the same."""
    guard = NonFiniteLoss()
    guard.waits = False
    model = make_model(optimizer)
    with pytest.raises(NotFiniteError, match=r"The loss is NaN in step 11 \(epoch 2, batch 4 of 7\)"):
        fit(guard, Poison(10), model=model, log_every_n_steps=6)
    assert model.ended.global_step == 12
    assert_same(model, fit(None, model=make_model(optimizer), max_steps=10, max_epochs=-1)[0])


def test_l_bfgs_is_stopped_by_its_first_look_at_a_batch(fit):
    model = make_model(functools.partial(LBFGS, lr=0.1, max_iter=3))
    with pytest.raises(NotFiniteError, match="step 4 "):
        fit(NonFiniteLoss(), Poison(3), model=model)
    assert all_finite(values(model))


@pytest.mark.parametrize(
    ("settings", "name"), [({"policy": "ignore"}, "policy"), ({"factor": 1.0}, "factor"), ({"times": 0}, "times")]
)
def test_settings_out_of_range_are_named(settings, name):
    with pytest.raises(ArgumentError) as caught:
        NonFiniteLoss(**settings)
    assert caught.value.argument == name
