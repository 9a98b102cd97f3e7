"""A loss that is NaN or infinite, and a run that goes on: without the batch, or from before it with a lower rate."""

import functools
import math

import pytest
import torch
from lightning.pytorch import Callback
from lost_loss import STEPS, Poison, Rates, all_finite, assert_same, fit_guarded, make_model, values
from torch.optim import LBFGS
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, OneCycleLR

from dlcore.callbacks import Checkpoint, NonFiniteLoss
from dlcore.errors import ArgumentError, NotFiniteError


@pytest.fixture
def fit(tiny_data, make_trainer, tmp_path):
    """Train a model; gives it and its trainer."""
    return functools.partial(fit_guarded, tiny_data, make_trainer, tmp_path)


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
    model, _ = fit(NonFiniteLoss("skip"), Poison(2), accumulate_grad_batches=2)
    assert_same(model, without(make_model(), tiny_data, make_trainer, (2, 3), accumulate_grad_batches=2))


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
    assert rates.seen == [0.025] * 3
