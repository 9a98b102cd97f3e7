"""A loss that is NaN or infinite: the run stops, leaves the batch out, or goes back, as it was told to."""

import functools
import math

import pytest
import torch
from lightning.pytorch import Callback
from torch.optim import LBFGS, SGD, Adam
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, OneCycleLR

from dlcore.callbacks import Checkpoint, NonFiniteLoss
from dlcore.errors import ArgumentError, NotFiniteError
from dlcore.models import MLP

FINITE = r"The last checkpoint, of step 7, is finite: .*last\.ckpt"
STEPS = 7  # of an epoch of 103 samples in batches of 16
MOMENTUM = functools.partial(SGD, lr=0.1, momentum=0.9)


class Poison(Callback):
    """Makes a number of a batch NaN; batches are counted over the run, from 0."""

    def __init__(self, *batches, part=0):
        self.batches, self.part = batches, part

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if trainer.fit_loop.epoch_loop.total_batch_idx in self.batches:
            batch[self.part][0] = math.nan


class Rates(Callback):
    """Writes down the rate of each step."""

    def __init__(self):
        self.seen = []

    def on_train_batch_end(self, trainer, pl_module, *args):
        self.seen.append(pl_module.lr)


def make_model(optimizer=MOMENTUM, lr_scheduler=None, task="multiclass", outputs=3, **settings):
    torch.manual_seed(1)
    settings = {"batch_norm": False, **settings}
    return MLP([8], task=task, optimizer=optimizer, lr_scheduler=lr_scheduler, in_features=4, num_classes=outputs,
               **settings)  # fmt: skip


@pytest.fixture
def fit(tiny_data, make_trainer, tmp_path):
    """Train a model; gives it and its trainer."""

    def fit(guard, *others, model=None, data=None, **settings):
        model = make_model() if model is None else model
        callbacks = [*([guard] if guard else []), *others, Checkpoint(dirpath=str(tmp_path), monitor="train/loss")]
        trainer = make_trainer(enable_checkpointing=True, callbacks=callbacks, **{"max_epochs": 2, **settings})
        try:
            trainer.fit(model, datamodule=data or tiny_data())
        finally:
            model.ended = trainer
        return model, trainer

    return fit


def values(model):
    return [parameter.detach().clone() for parameter in model.parameters()]


def assert_same(one, two):
    assert all(torch.equal(a, b) for a, b in zip(values(one), values(two), strict=True))


def all_finite(state):
    if isinstance(state, torch.Tensor):
        return bool(state.isfinite().all())
    if isinstance(state, dict):
        return all(map(all_finite, state.values()))
    return all(map(all_finite, state)) if isinstance(state, list | tuple) else True


# stop


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


# skip


def without(model, tiny_data, make_trainer, left_out, **settings):
    """Train on all batches but some."""

    class Leave(Callback):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            pl_module.left_out = trainer.fit_loop.epoch_loop.total_batch_idx in left_out

        def on_before_optimizer_step(self, trainer, pl_module, optimizer):
            if pl_module.left_out:
                optimizer.zero_grad()

    trainer = make_trainer(callbacks=[Leave()], **{"max_epochs": 2, **settings})
    trainer.fit(model, tiny_data())
    return model


@pytest.mark.fault("NaN in a training batch, with --non_finite_loss.policy skip", "Batch left out: the loss is NaN …")
def test_skip_trains_as_if_the_batch_were_not_there(fit, tiny_data, make_trainer, capsys):
    model, trainer = fit(NonFiniteLoss("skip"), Poison(3, 10), model=make_model())
    expected = without(make_model(), tiny_data, make_trainer, (3, 10))
    assert_same(model, expected)
    assert trainer.global_step == 2 * STEPS
    assert "Batch left out: the loss is NaN in step 4 (epoch 1, batch 4 of 7)." in capsys.readouterr().out


def test_skip_leaves_the_batch_out_of_the_metrics_and_the_running_statistics(fit):
    model, trainer = fit(NonFiniteLoss("skip"), Poison(3), model=make_model(batch_norm=True), max_epochs=1)
    assert math.isfinite(trainer.callback_metrics["train/loss"])
    assert all_finite(dict(model.named_buffers()))


def test_skip_leaves_out_gradients_that_overflow(fit, capsys):
    model = make_model()
    steps = []

    def overflow(gradient):
        steps.append(model.trainer.global_step)
        return gradient * math.inf if model.trainer.global_step == 2 else gradient

    next(model.parameters()).register_hook(overflow)
    fit(NonFiniteLoss("skip"), model=model)
    assert all_finite(values(model))
    assert "Batch left out: the gradients are not finite in step 3" in capsys.readouterr().out


def test_skip_leaves_out_a_whole_step_of_accumulated_gradients(fit, tiny_data, make_trainer):
    model = make_model()
    model.accumulate_grad_batches = 2
    model, _ = fit(NonFiniteLoss("skip"), Poison(2), model=model)
    other = make_model()
    other.accumulate_grad_batches = 2
    assert_same(model, without(other, tiny_data, make_trainer, (2, 3)))


def test_skip_stops_when_it_happens_too_often(fit):
    with pytest.raises(NotFiniteError, match=r"step 6 .*2 batches were left out before \(non_finite_loss\.times\)"):
        fit(NonFiniteLoss("skip", times=2), Poison(3, 4, 5))


def test_skip_with_l_bfgs(fit):
    model, trainer = fit(NonFiniteLoss("skip"), Poison(3), model=make_model(functools.partial(LBFGS, max_iter=3)))
    assert all_finite(values(model))
    assert trainer.global_step == 2 * STEPS


# back_off


@pytest.mark.fault(
    "NaN in a training batch, with --non_finite_loss.policy back_off",
    "… back to the weights of step 7; learning rate cut from 0.1 to 0.05.",
)
def test_back_off_goes_back_to_the_last_checkpoint_with_a_lower_rate(fit, capsys):
    rates, back = Rates(), []

    class After(Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            if trainer.fit_loop.epoch_loop.total_batch_idx == 10:
                state = trainer.optimizers[0].state_dict()["state"]
                back.append((values(pl_module), [kept["momentum_buffer"].clone() for kept in state.values()]))

    fit(NonFiniteLoss("back_off"), Poison(10), rates, After())
    assert rates.seen == [0.1] * 11 + [0.05] * 3
    expected, trainer = fit(None, max_epochs=1)
    assert all(torch.equal(a, b) for a, b in zip(back[0][0], values(expected), strict=True))
    kept = trainer.optimizers[0].state_dict()["state"]
    assert all(torch.equal(a, b["momentum_buffer"]) for a, b in zip(back[0][1], kept.values(), strict=True))
    said = capsys.readouterr().out
    assert "The loss is NaN in step 11 (epoch 2, batch 4 of 7)" in said
    assert "back to the weights of step 7; learning rate cut from 0.1 to 0.05" in said


def test_back_off_before_the_first_checkpoint_goes_back_to_the_beginning(fit):
    start, back = values(make_model()), []

    class After(Callback):
        def on_train_batch_end(self, trainer, pl_module, *args):
            back.append(values(pl_module))

    fit(NonFiniteLoss("back_off"), Poison(2), After(), max_epochs=1)
    assert all(torch.equal(a, b) for a, b in zip(back[2], start, strict=True))


@pytest.mark.parametrize(
    "schedule",
    [
        functools.partial(LambdaLR, lr_lambda=lambda t: 1 / (1 + t)),
        functools.partial(CosineAnnealingLR, T_max=4),
    ],
)
def test_back_off_cuts_what_a_schedule_makes_of_the_rate(fit, schedule):
    def seen(guard, *others):
        rates = Rates()
        fit(guard, *others, rates, model=make_model(lr_scheduler=schedule), max_epochs=4)
        return rates.seen

    plain, cut = seen(None), seen(NonFiniteLoss("back_off", factor=0.25), Poison(3))
    assert cut[:4] == plain[:4]
    assert cut[4:] == pytest.approx([rate * 0.25 for rate in plain[4:]])


def test_back_off_and_a_cycle_exclude_each_other(fit):
    with pytest.raises(ArgumentError, match="expected stop or skip with OneCycleLR"):
        fit(NonFiniteLoss("back_off"), model=make_model(lr_scheduler=functools.partial(OneCycleLR, max_lr=0.4)))


def test_back_off_is_remembered_by_a_resumed_run(fit, tmp_path, tiny_data, make_trainer):
    fit(NonFiniteLoss("back_off", times=2), Poison(3, 4), max_epochs=1)
    guard, rates = NonFiniteLoss("back_off", times=2), Rates()
    callbacks = [guard, rates, Poison(9), Checkpoint(monitor="train/loss", dirpath=str(tmp_path))]
    trainer = make_trainer(max_epochs=2, callbacks=callbacks, enable_checkpointing=True)
    with pytest.raises(NotFiniteError, match="step 10 "):
        trainer.fit(make_model(), tiny_data(), ckpt_path=tmp_path / "last.ckpt", weights_only=True)
    assert rates.seen == [0.025] * 2


# arguments


@pytest.mark.parametrize(
    ("settings", "name"), [({"policy": "ignore"}, "policy"), ({"factor": 1.0}, "factor"), ({"times": 0}, "times")]
)
def test_settings_out_of_range_are_named(settings, name):
    with pytest.raises(ArgumentError) as caught:
        NonFiniteLoss(**settings)
    assert caught.value.argument == name
