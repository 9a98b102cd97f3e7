"""A loss that is NaN or infinite: the run stops, says where and why, and what it had is finite."""

import functools
import math

import pytest
import torch
from lightning.pytorch import Callback, LightningModule
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


class TwoNetworks(LightningModule):
    """Two networks with an optimiser each, as of a GAN; the loss of the second is NaN in step `poisoned` of its own.

    Args:
        poisoned: The step, from 0.
        backward: How a loss goes back: manual_backward, or the tensor's own backward.
    """

    def __init__(self, poisoned, backward="manual_backward"):
        super().__init__()
        torch.manual_seed(1)
        self.automatic_optimization = False
        self.one, self.two = torch.nn.Linear(4, 3), torch.nn.Linear(4, 3)
        self.poisoned, self.backward_by, self.steps = poisoned, backward, 0

    def configure_optimizers(self):
        return [SGD(self.one.parameters(), lr=0.1), Adam(self.two.parameters(), lr=0.1)]

    def training_step(self, batch, batch_idx):
        for network, optimizer in zip((self.one, self.two), self.optimizers(), strict=True):
            loss = network(batch[0]).square().mean()
            if network is self.two:
                loss = loss * (math.nan if self.steps == self.poisoned else 1)
                self.steps += 1
            optimizer.zero_grad()
            self.manual_backward(loss) if self.backward_by == "manual_backward" else loss.backward()
            optimizer.step()

    def validation_step(self, batch, batch_idx):
        """Nothing."""


def test_sees_each_loss_of_a_batch(tiny_data, make_trainer):
    model = TwoNetworks(poisoned=2)
    trainer = make_trainer(callbacks=[NonFiniteLoss()], limit_val_batches=0)
    with pytest.raises(NotFiniteError, match=r"^Loss 2 of the batch is NaN in step 6 \(epoch 1, batch 3 of 7\)"):
        trainer.fit(model, tiny_data())
    assert all_finite(values(model))
    assert trainer.global_step == 5


def test_a_loss_that_only_the_module_sees_is_known_by_its_gradients(tiny_data, make_trainer):
    model = TwoNetworks(poisoned=2, backward="its own")
    trainer = make_trainer(callbacks=[NonFiniteLoss()], limit_val_batches=0)
    with pytest.raises(NotFiniteError, match=r"^The gradients are not finite in step 6 \(epoch 1, batch 3 of 7\)"):
        trainer.fit(model, tiny_data())
    assert all_finite(values(model))


def test_skip_leaves_out_the_batch_of_a_second_loss(tiny_data, make_trainer, capsys):
    model = TwoNetworks(poisoned=2)
    trainer = make_trainer(callbacks=[NonFiniteLoss("skip")], limit_val_batches=0)
    trainer.fit(model, tiny_data())
    assert all_finite(values(model))
    assert capsys.readouterr().out == (
        "Batch left out: loss 2 of the batch is NaN in step 6 (epoch 1, batch 3 of 7).\n"
    )


class Plain(LightningModule):
    """An ordinary module with automatic optimisation; its loss is NaN in the batches that are named."""

    def __init__(self, *poisoned):
        super().__init__()
        torch.manual_seed(1)
        self.layer, self.poisoned = torch.nn.Linear(4, 3), poisoned

    def training_step(self, batch, batch_idx):
        return self.layer(batch[0]).square().mean() * (math.nan if batch_idx in self.poisoned else 1)

    def configure_optimizers(self):
        return SGD(self.parameters(), lr=0.1)

    def validation_step(self, batch, batch_idx):
        """Nothing."""


def test_skip_counts_a_step_of_accumulated_gradients_once(tiny_data, make_trainer, capsys):
    model = Plain(2)
    guard = NonFiniteLoss("skip", times=1)
    make_trainer(callbacks=[guard], limit_val_batches=0, accumulate_grad_batches=2).fit(model, tiny_data())
    assert all_finite(values(model))
    assert capsys.readouterr().out.count("Batch left out") == 1


@pytest.mark.parametrize("batch", [0, 1])
def test_sees_the_loss_of_each_batch_whose_gradients_are_accumulated(tiny_data, make_trainer, batch):
    trainer = make_trainer(callbacks=[NonFiniteLoss()], limit_val_batches=0, accumulate_grad_batches=3)
    with pytest.raises(NotFiniteError, match=rf"NaN in step 1 \(epoch 1, batch {batch + 1} of 7\)"):
        trainer.fit(Plain(batch), tiny_data())


@pytest.mark.parametrize(
    ("settings", "name"), [({"policy": "ignore"}, "policy"), ({"factor": 1.0}, "factor"), ({"times": 0}, "times")]
)
def test_settings_out_of_range_are_named(settings, name):
    with pytest.raises(ArgumentError) as caught:
        NonFiniteLoss(**settings)
    assert caught.value.argument == name
