import math
from functools import partial

import pytest
import torch
from crossed import crossed
from lightning.pytorch import LightningModule
from scripted_model import ScriptedModel
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    CyclicLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    OneCycleLR,
    SequentialLR,
    StepLR,
)
from torch.optim.lr_scheduler import ReduceLROnPlateau as TorchReduceLROnPlateau

from dlcore.callbacks import Checkpoint, ReduceLROnPlateau
from dlcore.errors import ArgumentError, FitError
from dlcore.models import MLP
from dlcore.optim import InverseTimeDecayLR

STEPS = 2  # of an epoch of 20 samples
NAN = math.nan


def torchs_rates(values, lr=0.1, **settings):
    """The rate of each epoch, by torch's own schedule."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    settings.pop("monitor", None)
    rule = TorchReduceLROnPlateau(optimizer, **{"factor": 0.5, "patience": 2, **settings})
    rates = []
    for value in values:
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        rule.step(torch.tensor(value))  # metrics are float32 in the trainer
    return rates


@pytest.fixture
def fit(tiny_data, make_trainer, tmp_path):
    """Train with given values of val/loss, checkpoints in tmp_path; give the rate of each epoch."""

    def fit(values, callback, ckpt_path=None, max_epochs=None, first_epoch=0, **settings):
        model = ScriptedModel(values)
        settings = {"max_epochs": max_epochs or len(values), **settings}
        trainer = make_trainer(
            enable_checkpointing=True, callbacks=[callback, Checkpoint(dirpath=str(tmp_path))], **settings
        )
        trainer.fit(model, tiny_data(size=20), ckpt_path=ckpt_path, weights_only=True)
        return model.rates[::STEPS]

    return fit


WAVE = [0.9, 0.8, 0.81, 0.8, 0.79999, 0.79, 0.7901, 0.795, 0.9, 0.85, 0.5, 0.55, 0.56, 0.57, 0.58]


SETTINGS = [
    {},
    {"patience": 0},
    {"patience": 1, "factor": 0.1},
    {"patience": 0, "threshold": 0.0},
    {"patience": 0, "threshold": 0.02},
    {"patience": 0, "threshold": 0.02, "threshold_mode": "abs"},
    {"patience": 0, "cooldown": 2},
    {"patience": 1, "cooldown": 1, "threshold": 0.0},
    {"patience": 1, "monitor": "val/accuracy", "mode": "max"},
    {"patience": 0, "monitor": "val/accuracy", "mode": "max", "threshold": 0.05, "threshold_mode": "abs"},
]
LOSSES = [WAVE, [NAN, 0.9, NAN, NAN, 0.8, NAN, NAN, NAN, 0.7]]


@pytest.mark.parametrize(("settings", "values"), crossed(SETTINGS, LOSSES))
def test_rates_are_those_of_torchs_rule(settings, values, fit):
    expected = torchs_rates(values, **settings)
    assert fit(values, ReduceLROnPlateau(**settings)) == expected
    assert len(set(expected)) > 1


def test_honors_min_lr(fit):
    rates = fit([1.0] * 8, ReduceLROnPlateau(patience=0, min_lr=0.03))
    assert rates == [0.1, 0.1, 0.05, 0.03, 0.03, 0.03, 0.03, 0.03]
    assert rates == torchs_rates([1.0] * 8, patience=0, min_lr=0.03)


def test_each_cut_is_told_with_its_reason(fit, capsys):
    callback = ReduceLROnPlateau(patience=1)
    fit([0.9, 0.8, 0.85, 0.81234, 0.9, 0.9, 0.7], callback)
    assert capsys.readouterr().out.splitlines() == [
        "Learning rate cut from 0.1 to 0.05: val/loss has not improved in 2 checks (patience 1): best 0.8000, "
        "now 0.8123.",
        "Learning rate cut from 0.05 to 0.025: val/loss has not improved in 2 checks (patience 1): best 0.8000, "
        "now 0.9000.",
    ]
    assert callback.cuts == [{"epoch": 4, "step": 8, "lr": 0.05}, {"epoch": 6, "step": 12, "lr": 0.025}]


@pytest.mark.parametrize(
    ("mode", "threshold", "margin"),
    [("rel", 0.05, " by more than 5%"), ("abs", 0.05, " by more than 0.05"), ("rel", 1e-4, ""), ("abs", 0.0, "")],
)
def test_a_cut_says_by_how_much_the_metric_should_have_improved(mode, threshold, margin, fit, capsys):
    losses = [0.9, 0.89 if margin else 0.9]
    fit(losses, ReduceLROnPlateau(patience=0, threshold=threshold, threshold_mode=mode))
    assert f"val/loss has not improved{margin} in 1 check (patience 0)" in capsys.readouterr().out


def test_the_cut_is_in_the_checkpoint_of_the_same_validation(fit, tmp_path):
    fit([0.9, 0.95], ReduceLROnPlateau(patience=0))
    checkpoint = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert checkpoint["global_step"] == 2 * STEPS
    assert checkpoint["optimizer_states"][0]["param_groups"][0]["lr"] == 0.05


@pytest.mark.parametrize(
    ("first", "settings"), crossed([1, 3, 5, 8], [{"patience": 2}, {"patience": 0, "cooldown": 3}])
)
def test_a_resumed_run_counts_on(first, settings, fit, tmp_path):
    fit(WAVE, ReduceLROnPlateau(**settings), max_epochs=first)
    callback = ReduceLROnPlateau(**settings)
    rates = fit(WAVE, callback, ckpt_path=tmp_path / "last.ckpt")
    assert rates == torchs_rates(WAVE, **settings)[first:]
    whole = ReduceLROnPlateau(**settings)
    fit(WAVE, whole)
    assert callback.state_dict() == whole.state_dict()


def test_settings_of_a_resumed_run_are_the_present_ones(fit, tmp_path):
    fit([1.0] * 3, ReduceLROnPlateau(patience=9))
    rates = fit([1.0] * 6, ReduceLROnPlateau(patience=3, factor=0.1), ckpt_path=tmp_path / "last.ckpt")
    assert rates == pytest.approx([0.1, 0.1, 0.01])  # the fourth check without improvement, two of them before


def test_another_metric_is_counted_anew(fit, tmp_path):
    fit([0.5, 0.6, 0.7], ReduceLROnPlateau(patience=9))
    callback = ReduceLROnPlateau(monitor="val/accuracy", patience=0)
    with pytest.warns(UserWarning, match="ReduceLROnPlateau{'monitor': 'val/loss'}"):
        assert fit([0.5, 0.6, 0.7, 0.1, 0.2, 0.3], callback, ckpt_path=tmp_path / "last.ckpt") == [0.1] * 3
    assert callback.cuts == []


def test_a_fit_that_is_called_again_counts_on(tiny_data, make_trainer):
    callback = ReduceLROnPlateau(patience=2)
    model, data = ScriptedModel([1.0] * 6), tiny_data(size=20)
    trainer = make_trainer(max_epochs=3, callbacks=[callback])
    trainer.fit(model, data)
    trainer.fit_loop.max_epochs = 4
    trainer.fit(model, data)
    assert [cut["epoch"] for cut in callback.cuts] == [4]


def test_a_validation_that_is_past_counts_once(fit):
    rates = fit([None, 0.9, None, 0.95, None, 0.96], ReduceLROnPlateau(patience=1), check_val_every_n_epoch=2)
    assert rates == [0.1] * 6  # the second check without improvement comes after the last epoch


def _warm_up(optimizer):
    return SequentialLR(optimizer, [LinearLR(optimizer, total_iters=2), StepLR(optimizer, 2)], [3])


@pytest.mark.parametrize(
    "schedule",
    [
        partial(OneCycleLR, max_lr=0.1, total_steps=56),
        partial(CyclicLR, base_lr=0.1, max_lr=0.2, cycle_momentum=False),
        partial(LambdaLR, lr_lambda=lambda epoch: 1.0),
        partial(CosineAnnealingWarmRestarts, T_0=4),
        partial(InverseTimeDecayLR, decay_rate=0.1),
        partial(CosineAnnealingLR, T_max=3),  # rises again in the run, by its first rate
        _warm_up,
    ],
    ids=lambda made: getattr(made, "func", made).__name__,
)
def test_a_schedule_that_would_undo_a_cut_is_refused(schedule, tiny_data, make_trainer):
    optimizer = partial(torch.optim.SGD, lr=0.1, momentum=0.9)
    model = MLP([8], in_features=4, num_classes=3, optimizer=optimizer, lr_scheduler=schedule)
    trainer = make_trainer(callbacks=[ReduceLROnPlateau()], max_epochs=8)
    with pytest.raises(
        FitError, match=r"reduce_lr_on_plateau: expected a schedule that keeps a cut, got \w+LR|Restarts, "
    ):
        trainer.fit(model, tiny_data())
    assert trainer.global_step == 0


@pytest.mark.parametrize(
    "schedule",
    [
        partial(StepLR, step_size=2),
        partial(ExponentialLR, gamma=0.9),
        partial(CosineAnnealingLR, T_max=8, eta_min=1e-4),
        partial(LinearLR, total_iters=3),
    ],
    ids=lambda made: made.func.__name__,
)
def test_a_schedule_that_keeps_a_cut_is_tried_and_left_as_it_was(schedule, tiny_data, make_trainer):
    def rates(*callbacks):
        model = ScriptedModel([0.5] + [0.6] * 7)
        model.schedule_factory = schedule
        make_trainer(callbacks=list(callbacks), max_epochs=8).fit(model, tiny_data(size=20))
        return model.rates[::STEPS]

    plain = rates()
    assert rates(ReduceLROnPlateau(patience=9)) == plain
    cut = rates(ReduceLROnPlateau(patience=0, cooldown=9))  # once, after the second epoch
    assert cut[:2] == plain[:2]
    assert cut[2] == pytest.approx(plain[2] / 2, rel=0.05)
    assert all(after < before for after, before in zip(cut[2:], plain[2:], strict=True))


def test_a_monitor_that_nothing_logs_is_an_error_with_its_argument(fit):
    with pytest.raises(ArgumentError, match=r"^reduce_lr_on_plateau\.monitor: .*Did you mean 'val/loss'"):
        fit([1.0, 1.0], ReduceLROnPlateau(monitor="val/los", mode="min"))


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("mode", "up"),
        ("threshold_mode", "percent"),
        ("factor", 0),
        ("factor", 1),
        ("factor", NAN),
        ("patience", -1),
        ("threshold", -0.1),
        ("cooldown", -1),
        ("min_lr", -0.1),
        ("min_lr", math.inf),
    ],
)
def test_an_impossible_argument_is_named(argument, value):
    with pytest.raises(ArgumentError) as caught:
        ReduceLROnPlateau(**{argument: value})
    assert caught.value.argument == argument


class SeveralOptimizers(LightningModule):
    """Two optimisers, the first of two groups of parameters; ``val/loss`` stays as it is."""

    def __init__(self):
        super().__init__()
        self.automatic_optimization = False
        self.one, self.two = torch.nn.Linear(4, 3), torch.nn.Linear(4, 3)

    def configure_optimizers(self):
        groups = [{"params": [self.one.weight], "lr": 0.001}, {"params": [self.one.bias], "lr": 0.2}]
        return [torch.optim.SGD(groups), torch.optim.Adam(self.two.parameters(), lr=0.04)]

    def training_step(self, batch, batch_idx):
        for network, optimizer in zip((self.one, self.two), self.optimizers(), strict=True):
            optimizer.zero_grad()
            self.manual_backward(network(batch[0]).square().mean())
            optimizer.step()

    def validation_step(self, batch, batch_idx):
        self.log("val/loss", 1.0)


def test_cuts_all_groups_of_all_optimisers_and_says_so(tiny_data, make_trainer, capsys):
    callback = ReduceLROnPlateau(patience=0, min_lr=0.001)
    trainer = make_trainer(callbacks=[callback], max_epochs=2)
    trainer.fit(SeveralOptimizers(), tiny_data(size=20))
    rates = [group["lr"] for optimizer in trainer.optimizers for group in optimizer.param_groups]
    assert rates == [0.001, 0.1, 0.02]
    assert [cut["lr"] for cut in callback.cuts] == [0.1]
    assert "Learning rate cut from 0.2 to 0.1, from 0.04 to 0.02: val/loss has not improved" in capsys.readouterr().out
