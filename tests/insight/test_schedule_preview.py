"""The previewed rates are those that a training takes, step for step."""

import inspect
import math
from functools import partial

import numpy as np
import pytest
import torch
from lightning.pytorch import Callback
from torch.optim import SGD
from torch.optim.lr_scheduler import CosineAnnealingLR, ExponentialLR, LinearLR, MultiStepLR, OneCycleLR

from dlcore.callbacks import EarlyStopping, ReduceLROnPlateau
from dlcore.errors import ArgumentError, FitError
from dlcore.insight import preview_schedule
from dlcore.models import MLP


class RateLog(Callback):
    """Keeps the rate that each optimiser step takes."""

    def __init__(self):
        self.rates = []

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        self.rates.append(optimizer.param_groups[0]["lr"])


def make_model(schedule=None):
    return MLP([5], in_features=4, num_classes=3, optimizer=partial(SGD, lr=0.1), lr_scheduler=schedule)


@pytest.mark.parametrize(
    "schedule",
    [
        None,
        partial(OneCycleLR, max_lr=1.0, total_steps=100),
        partial(CosineAnnealingLR, T_max=3),
        partial(ExponentialLR, gamma=0.5),
        partial(LinearLR, start_factor=0.01, total_iters=2),
    ],
)
@pytest.mark.parametrize(
    ("accumulate", "limits"),
    [
        (1, {"max_epochs": 3}),
        (3, {"max_epochs": 3}),
        (1, {"max_epochs": -1, "max_steps": 11}),
        (2, {"max_epochs": 2, "limit_train_batches": 5}),
    ],
)
def test_the_rates_are_those_of_a_training(schedule, accumulate, limits, tiny_data, make_trainer):
    settings = {"accumulate_grad_batches": accumulate, **limits}
    preview = preview_schedule(make_model(schedule), tiny_data(), make_trainer(**settings))
    log = RateLog()
    make_trainer(callbacks=[log], limit_val_batches=0, **settings).fit(make_model(schedule), tiny_data())
    assert preview.rates.tolist() == pytest.approx(log.rates, rel=1e-12)


def test_warm_up_comes_on_top_of_the_schedule(tiny_data, make_trainer):
    model = make_model(partial(MultiStepLR, milestones=[1]))
    model.warmup_steps = 10
    rates = preview_schedule(model, tiny_data(), make_trainer(max_epochs=3)).rates
    assert rates[:12] == pytest.approx([0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.008, 0.009, 0.01, 0.01, 0.01])


@pytest.mark.skipif("warmup_steps" not in inspect.signature(MLP).parameters, reason="MLP has no warm-up yet")
def test_the_warm_up_is_that_of_a_training(tiny_data, make_trainer):
    schedule = partial(OneCycleLR, max_lr=1.0, total_steps=21)
    models = [
        MLP([5], in_features=4, num_classes=3, optimizer=partial(SGD, lr=0.1), lr_scheduler=schedule, warmup_steps=9)
        for _ in range(2)
    ]
    preview, log = preview_schedule(models[0], tiny_data(), make_trainer(max_epochs=3)), RateLog()
    make_trainer(callbacks=[log], limit_val_batches=0, max_epochs=3).fit(models[1], tiny_data())
    assert preview.rates.tolist() == pytest.approx(log.rates, rel=1e-12)


def test_a_warm_up_that_is_longer_than_the_run_is_cut(tiny_data, make_trainer):
    model = make_model()
    model.warmup_steps = 100
    assert preview_schedule(model, tiny_data(), make_trainer(max_epochs=1)).rates[-1] == pytest.approx(0.007)


def test_lbfgs_has_a_preview_too(tiny_data, make_trainer):
    class Model(MLP):
        def configure_optimizers(self):
            optimizer = torch.optim.LBFGS(self.parameters(), lr=0.5)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": ExponentialLR(optimizer, 0.5)}}

    preview = preview_schedule(Model([], in_features=4, num_classes=3), tiny_data(), make_trainer(max_epochs=3))
    assert preview.rates[[0, 7, 14]].tolist() == [0.5, 0.25, 0.125]


def test_a_drop_happens_after_its_epochs(tiny_data, make_trainer):
    preview = preview_schedule(
        make_model(partial(MultiStepLR, milestones=[2, 3])), tiny_data(), make_trainer(max_epochs=4)
    )
    assert (preview.name, preview.per_batch) == ("MultiStepLR", False)
    assert (preview.samples, preview.batches_per_epoch, preview.steps_per_epoch) == (103, 7, 7)
    assert preview.changes.tolist() == [15, 22]
    assert preview.rates[[0, 13, 14, 20, 21, 27]] == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001, 0.001])


def test_cosine_ends_where_its_formula_says(tiny_data, make_trainer):
    preview = preview_schedule(
        make_model(partial(CosineAnnealingLR, T_max=10)), tiny_data(), make_trainer(max_epochs=10)
    )
    assert preview.rates[::7] == pytest.approx([0.05 * (1 + math.cos(math.pi * epoch / 10)) for epoch in range(10)])


def test_accumulated_batches_make_fewer_steps(tiny_data, make_trainer):
    preview = preview_schedule(make_model(), tiny_data(), make_trainer(max_epochs=2, accumulate_grad_batches=3))
    assert (preview.batches_per_epoch, preview.steps_per_epoch, len(preview.rates)) == (7, 3, 6)


def test_one_cycle_is_stepped_per_batch(tiny_data, make_trainer):
    preview = preview_schedule(
        make_model(partial(OneCycleLR, max_lr=1.0, total_steps=14)), tiny_data(), make_trainer(max_epochs=2)
    )
    assert preview.per_batch
    assert preview.rates.max() == pytest.approx(1, rel=0.05)
    assert len(preview.changes) == 13


def test_a_schedule_that_is_shorter_than_the_run_is_known_before(tiny_data, make_trainer):
    with pytest.raises(ArgumentError, match=r"model\.lr_scheduler\.total_steps: expected at least the 14 steps"):
        preview_schedule(
            make_model(partial(OneCycleLR, max_lr=1.0, total_steps=9)), tiny_data(), make_trainer(max_epochs=2)
        )


def test_what_reacts_to_results_is_a_note(tiny_data, make_trainer):
    trainer = make_trainer(callbacks=[ReduceLROnPlateau(monitor="val/accuracy"), EarlyStopping()])
    notes = preview_schedule(make_model(), tiny_data(), trainer).notes
    assert "when val/accuracy stops improving" in notes[0]
    assert "early_stopping may end the run" in notes[1]


def test_a_run_without_end_has_no_preview(tiny_data, make_trainer):
    with pytest.raises(FitError, match=r"trainer\.max_epochs: expected an end of the run"):
        preview_schedule(make_model(), tiny_data(), make_trainer(max_epochs=-1))


def test_a_limit_that_leaves_no_batch_is_named(tiny_data, make_trainer):
    with pytest.raises(
        ArgumentError, match=r"trainer\.limit_train_batches: expected at least one of an epoch's batches"
    ):
        preview_schedule(make_model(), tiny_data(), make_trainer(limit_train_batches=0.1))


def test_nothing_is_trained(tiny_data, make_trainer):
    model = make_model(partial(ExponentialLR, gamma=0.5))
    before = [parameter.clone() for parameter in model.parameters()]
    preview = preview_schedule(model, tiny_data(), make_trainer(max_epochs=20_000))
    assert len(preview.rates) == 140_000
    assert np.isfinite(preview.rates).all()
    assert all(torch.equal(old, new) for old, new in zip(before, model.parameters(), strict=True))
