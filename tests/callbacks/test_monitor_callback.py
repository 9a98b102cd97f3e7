import copy
import math

import pytest
from plain_module import PlainModule, loaders
from scripted_model import ScriptedModel

from dlcore.callbacks import Checkpoint, EarlyStopping, ReduceLROnPlateau, WeightAveraging
from dlcore.callbacks.monitor_callback import MonitorCallback, is_better
from dlcore.errors import ArgumentError
from dlcore.models import MLP

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers")
MONITORS = (Checkpoint, EarlyStopping, ReduceLROnPlateau)


class Watches(MonitorCallback):
    """Writes down each value that it is given, and at which step."""

    def on_value(self, trainer, model, value):
        self.seen.append((trainer.global_step, round(value, 4)))

    def reset(self):
        self.seen = []


@pytest.fixture
def fit(make_trainer):
    """Train a plain module with values given beforehand; give the trainer."""

    def fit(values, *callbacks, late=False, schedule=None, **settings):
        trainer = make_trainer(**{"max_epochs": len(values), "callbacks": list(callbacks), **settings})
        trainer.fit(PlainModule(values, schedule, late), *loaders())
        return trainer

    return fit


# Mode


@pytest.mark.parametrize("make", MONITORS)
def test_the_mode_is_that_of_the_metric(make):
    assert make(monitor="val/accuracy").mode == make(monitor="valid_f1", mode="max").mode == "max"
    assert make(monitor="val_loss").mode == make(monitor="test/rmse", mode="min").mode == "min"


@pytest.mark.parametrize("make", MONITORS)
@pytest.mark.parametrize(("monitor", "wrong", "right"), [("val/accuracy", "min", "max"), ("val/loss", "max", "min")])
def test_a_mode_that_contradicts_the_metric_is_refused(make, monitor, wrong, right):
    with pytest.raises(ArgumentError, match=rf"^mode: expected auto or {right}, .* got '{wrong}'\. .*\.mode {right}"):
        make(monitor=monitor, mode=wrong)


def test_a_rising_accuracy_is_not_stopped_and_its_last_state_is_the_best(fit):
    early, keeper = EarlyStopping("val_acc", patience=1), Checkpoint("val_acc")
    assert fit([0.5, 0.6, 0.7], early, keeper, enable_checkpointing=True).current_epoch == 3
    assert (keeper.best, keeper.best_epoch) == (pytest.approx(0.7), 3)


def test_an_unknown_metric_asks_for_its_mode_before_the_first_step(fit, make_trainer):
    trainer = make_trainer(callbacks=[EarlyStopping("val/odd")])
    with pytest.raises(ArgumentError, match=r"early_stopping\.mode: .* --early_stopping\.mode max if more is"):
        trainer.fit(PlainModule([0.5]), *loaders())
    assert trainer.global_step == 0
    early = EarlyStopping("val/odd", "max", patience=1)
    assert fit([0.5, 0.4, 0.3], early).current_epoch == 2


def test_the_metric_object_that_is_logged_tells_the_mode(fit):
    watches = Watches("val_grade", "auto")
    fit([0.6, 0.7], watches)
    assert watches.mode == "max"
    with pytest.raises(ArgumentError, match="expected auto or max, since more of val_grade is better, got 'min'"):
        fit([0.6, 0.7], Watches("val_grade", "min"))
    unseen = EarlyStopping("val_grade", patience=1)  # without a trial run it is known when it is logged
    assert fit([0.6, 0.7, 0.8], unseen, num_sanity_val_steps=0).current_epoch == 2
    assert unseen.mode == "max"


# Names


@pytest.mark.parametrize(
    ("monitor", "near"),
    [("val_los", "val_loss"), ("val/acc", "val_acc"), ("train_los", "train_loss"), ("vall_acc", "val_acc")],
)
@pytest.mark.parametrize("make", MONITORS)
def test_a_mistyped_monitor_is_told_before_the_first_step(make, monitor, near, make_trainer):
    trainer = make_trainer(callbacks=[make(monitor=monitor)], enable_checkpointing=make is Checkpoint)
    with pytest.raises(ArgumentError, match=rf"\.monitor: expected a metric that is logged, got .*mean '{near}'\?"):
        trainer.fit(PlainModule([0.5]), *loaders())
    assert trainer.global_step == 0


@pytest.mark.parametrize(("monitor", "near"), [("val/acuracy", "val/accuracy"), ("train/accurac", "train/accuracy")])
def test_a_mistyped_monitor_of_dlcores_model_too(monitor, near, tiny_data, make_trainer):
    trainer = make_trainer(callbacks=[EarlyStopping(monitor)], check_val_every_n_epoch=3)
    with pytest.raises(ArgumentError, match=rf"Did you mean '{near}'\? Logged are: val/accuracy, val/loss\."):
        trainer.fit(MLP([8], in_features=4, num_classes=3), tiny_data())
    assert trainer.global_step == 0


@pytest.mark.parametrize(
    ("monitor", "settings", "steps"),
    [
        ("val_loss", {}, [2, 4, 6]),
        ("val_loss", {"check_val_every_n_epoch": 3}, [6]),
        ("val_loss", {"val_check_interval": 1}, [1, 2, 3, 4, 5, 6]),
        ("train_loss", {}, [2, 4, 6]),
        ("train_loss", {"val_check_interval": 1}, [2, 4, 6]),
        ("train_loss", {"limit_val_batches": 0}, [2, 4, 6]),
        ("late_accuracy", {"late": True, "callbacks": True}, [2, 4, 6]),
        ("val_guarded_loss", {}, [2, 4, 6]),
    ],
)
def test_each_new_value_counts_once(monitor, settings, steps, fit):
    class Early(Watches, EarlyStopping.__mro__[3]):
        """Is called when Lightning calls its EarlyStopping."""

    values = [0.7, 0.7, 0.7]
    watches = Early(monitor, "auto")
    settings = {name: value for name, value in settings.items() if name != "callbacks"}
    fit(values, watches, **settings)
    assert watches.seen == [(step, 0.7) for step in steps]


def test_early_stopping_and_cuts_go_by_what_a_module_logs_at_the_end_of_its_epoch(fit):
    values = [0.5, 0.6, 0.6, 0.6, 0.6]
    plateau = ReduceLROnPlateau("late_accuracy", patience=0)
    trainer = fit(values, plateau, EarlyStopping("late_accuracy", patience=2), late=True)
    assert trainer.current_epoch == 4
    assert [cut["epoch"] for cut in plateau.cuts] == [3, 4]


def test_what_nothing_logs_is_told_after_the_first_epoch_without_a_trial_run(make_trainer):
    trainer = make_trainer(max_epochs=3, num_sanity_val_steps=0, callbacks=[EarlyStopping("val_f1")])
    with pytest.raises(ArgumentError, match=r"got 'val_f1'\. .*Logged are: .*val_acc, "):
        trainer.fit(PlainModule([0.5] * 3), *loaders())
    assert trainer.global_step == 2


def test_a_metric_of_a_validation_that_there_is_not(make_trainer):
    trainer = make_trainer(limit_val_batches=0, callbacks=[EarlyStopping("val_loss")])
    with pytest.raises(ArgumentError, match=r"early_stopping\.monitor: expected a metric of the training"):
        trainer.fit(PlainModule([0.5]), *loaders())


# Runs


@pytest.mark.parametrize(
    "make",
    [
        lambda path: EarlyStopping(patience=2),
        lambda path: ReduceLROnPlateau(patience=0),
        lambda path: Checkpoint(dirpath=path),
        lambda path: WeightAveraging(decay=0.5),
    ],
    ids=["EarlyStopping", "ReduceLROnPlateau", "Checkpoint", "WeightAveraging"],
)
def test_a_second_run_with_the_same_object_goes_like_the_first(make, tiny_data, make_trainer, tmp_path):
    callback, ends = make(str(tmp_path)), []
    for _ in range(2):
        model = ScriptedModel([0.5, 0.6, 0.7, 0.8, 0.9])
        keeps = isinstance(callback, Checkpoint)
        trainer = make_trainer(max_epochs=5, callbacks=[callback], enable_checkpointing=keeps)
        trainer.fit(model, tiny_data(size=20))
        weights = [parameter.tolist() for parameter in model.parameters()]
        ends.append((trainer.global_step, model.rates, weights, copy.deepcopy(callback.state_dict())))
    assert ends[0] == ends[1]
    assert ends[0][0] > 0


def test_two_of_a_class_keep_a_state_each(fit, make_trainer, tmp_path):
    def callbacks():
        early = [EarlyStopping("val_loss", patience=9), EarlyStopping("val_acc", patience=9)]
        keepers = [
            Checkpoint("val_loss", dirpath=str(tmp_path / "a")),
            Checkpoint("val_acc", dirpath=str(tmp_path / "b")),
        ]
        return [*early, *keepers]

    first = callbacks()
    fit([0.5, 0.6, 0.7], *first, enable_checkpointing=True)
    assert [each.best for each in first] == pytest.approx([0.5, 0.7, 0.5, 0.7])
    second = callbacks()
    trainer = make_trainer(max_epochs=3, callbacks=second, enable_checkpointing=True)
    trainer.fit(PlainModule([0.5] * 3), *loaders(), ckpt_path=tmp_path / "b" / "last.ckpt", weights_only=True)
    assert [each.best for each in second] == pytest.approx([0.5, 0.7, 0.5, 0.7])


def test_two_checkpoints_do_not_write_over_each_other(fit, tmp_path):
    with pytest.raises(ArgumentError, match="a folder of its own for each Checkpoint"):
        fit(
            [0.5],
            *(Checkpoint(name, dirpath=str(tmp_path)) for name in ("val_loss", "val_acc")),
            enable_checkpointing=True,
        )


# is_better


@pytest.mark.parametrize(
    ("value", "best", "mode", "min_delta", "better"),
    [
        (0.5, None, "min", 0.0, True),
        (0.4, 0.5, "min", 0.0, True),
        (0.5, 0.5, "min", 0.0, False),
        (0.6, 0.5, "min", 0.0, False),
        (0.6, 0.5, "max", 0.0, True),
        (0.5, 0.5, "max", 0.0, False),
        (0.25, 0.5, "min", 0.25, False),
        (0.24, 0.5, "min", 0.25, True),
        (0.75, 0.5, "max", 0.25, False),
        (0.76, 0.5, "max", 0.25, True),
        (math.nan, None, "min", 0.0, False),
        (math.nan, 0.5, "max", 0.0, False),
        (0.5, math.inf, "min", 0.0, True),
    ],
)
def test_is_better(value, best, mode, min_delta, better):
    assert is_better(value, best, mode, min_delta) is better
