import math

import pytest
from scripted_model import ScriptedModel

from dlcore.callbacks import Checkpoint, EarlyStopping
from dlcore.errors import ArgumentError

NAN = math.nan


@pytest.fixture
def fit(tiny_data, make_trainer, tmp_path):
    """Train with given values of val/loss, checkpoints in tmp_path; give the trainer."""

    def fit(values, early_stopping, ckpt_path=None, max_epochs=None, **settings):
        callbacks = [early_stopping, Checkpoint(dirpath=str(tmp_path))]
        settings = {"max_epochs": max_epochs or len(values), "callbacks": callbacks, **settings}
        trainer = make_trainer(enable_checkpointing=True, **settings)
        trainer.fit(ScriptedModel(values), tiny_data(size=40), ckpt_path=ckpt_path, weights_only=True)
        return trainer

    return fit


@pytest.mark.parametrize(
    ("settings", "values", "epochs"),
    [
        ({"patience": 2}, [0.9, 0.8, 0.85, 0.81, 0.1, 0.1], 4),
        ({"patience": 1}, [0.9, 0.9, 0.1], 2),  # an equal value is no improvement
        ({"patience": 2}, [0.9, 0.95, 0.8, 0.85, 0.7, 0.6], 6),  # an improvement starts the count again
        ({"patience": 2, "monitor": "val/accuracy", "mode": "max"}, [0.5, 0.6, 0.6, 0.55, 0.9], 4),
        ({"patience": 2, "min_delta": 0.1}, [0.9, 0.85, 0.81, 0.1], 3),  # too small to count, and best stays 0.9
        ({"patience": 3, "min_delta": 0.1}, [0.9, 0.85, 0.79, 0.78, 0.77, 0.76, 0.1], 6),
        ({"patience": 2, "monitor": "val/accuracy", "mode": "max", "min_delta": 0.1}, [0.5, 0.55, 0.59, 0.9], 3),
        ({"patience": 2}, [NAN, NAN, 0.1], 2),  # NaN never improves
        ({"patience": 2}, [0.9, NAN, 0.8, NAN, NAN, 0.1], 5),
        ({"patience": 2}, [NAN, 0.9, NAN, 0.8], 4),
        ({"patience": 2}, [math.inf, 0.9, math.inf, 0.8], 4),
    ],
)
def test_stops_at_the_check_at_which_patience_ends(settings, values, epochs, fit):
    early_stopping = EarlyStopping(**settings)
    trainer = fit(values, early_stopping)
    assert trainer.current_epoch == epochs
    assert bool(early_stopping.reason) is (epochs < len(values))


def test_says_which_value_and_check_and_why(fit, capsys):
    early_stopping = EarlyStopping(patience=2)
    fit([0.9, 0.8, 0.85, 0.81234, 0.1], early_stopping)
    said = "Stopped early: val/loss has not improved in 2 checks (patience 2): best 0.8000 at epoch 2, now 0.8123."
    assert early_stopping.reason == said
    assert capsys.readouterr().out.splitlines() == [said]


def test_says_what_counts_as_an_improvement(fit):
    early_stopping = EarlyStopping(patience=1, min_delta=0.05)
    fit([0.9, 0.89, 0.1], early_stopping)
    assert "has not improved by more than 0.05 in 1 check (patience 1)" in early_stopping.reason


def test_says_that_the_value_never_was_a_number(fit):
    early_stopping = EarlyStopping(patience=2)
    fit([NAN, NAN, NAN], early_stopping)
    assert early_stopping.reason.endswith("(patience 2): it never was a number, now nan.")


def test_each_validation_within_an_epoch_is_a_check(fit):
    trainer = fit([[0.9, 0.8, 0.85], [0.85, 0.1, 0.1]], EarlyStopping(patience=2), val_check_interval=0.5)
    assert trainer.global_step == 4  # three batches an epoch, each with a validation


def test_an_epoch_without_validation_is_no_check_of_a_validation(fit):
    trainer = fit([None, 0.9, None, 0.95, None, 0.1], EarlyStopping(patience=2), check_val_every_n_epoch=2)
    assert trainer.current_epoch == 6


def test_watches_the_training_of_epochs_without_validation(fit):
    early_stopping = EarlyStopping(monitor="train/loss", min_delta=9.0, patience=2)
    trainer = fit([1.0] * 9, early_stopping, limit_val_batches=0, callbacks=[early_stopping])
    assert trainer.current_epoch == 3  # it does not fall by so much, so the first is the best
    assert "train/loss has not improved by more than 9 in 2 checks" in early_stopping.reason


def test_the_decision_survives_a_resume(fit, tmp_path, capsys):
    values = [0.9, 0.8, 0.85, 0.81, 0.1, 0.1]
    fit(values, EarlyStopping(patience=2))
    capsys.readouterr()
    early_stopping = EarlyStopping(patience=2)
    trainer = fit(values, early_stopping, ckpt_path=tmp_path / "last.ckpt")
    assert trainer.global_step == 12
    assert "best 0.8000 at epoch 2, before this run was resumed" in early_stopping.reason
    assert "raise early_stopping.patience to go on" in capsys.readouterr().out


def test_a_decision_by_values_that_were_never_numbers_survives_too(fit, tmp_path):
    fit([NAN] * 4, EarlyStopping(patience=2))
    assert fit([NAN] * 4, EarlyStopping(patience=2), ckpt_path=tmp_path / "last.ckpt").global_step == 6


def test_a_raised_patience_goes_on_and_keeps_the_count(fit, tmp_path):
    values = [0.9, 0.8, 0.85, 0.81, 0.82, 0.83, 0.1]
    fit(values, EarlyStopping(patience=2))
    early_stopping = EarlyStopping(patience=3)
    trainer = fit(values, early_stopping, ckpt_path=tmp_path / "last.ckpt")
    assert trainer.current_epoch == 5
    assert "in 3 checks (patience 3)" in early_stopping.reason


def test_a_resumed_run_counts_on(fit, tmp_path):
    values = [0.9, 0.8, 0.85, 0.81, 0.1]
    fit(values, EarlyStopping(patience=2), max_epochs=3)
    assert fit(values, EarlyStopping(patience=2), ckpt_path=tmp_path / "last.ckpt").current_epoch == 4


def test_another_metric_is_counted_anew(fit, tmp_path):
    fit([0.9, 0.95, 0.95, 0.95], EarlyStopping(patience=9), max_epochs=3)
    early_stopping = EarlyStopping(monitor="val/accuracy", patience=2)
    with pytest.warns(UserWarning, match="EarlyStopping{'monitor': 'val/loss'}"):
        trainer = fit([0.9, 0.95, 0.95, 0.1, 0.05, 0.01], early_stopping, ckpt_path=tmp_path / "last.ckpt")
    assert trainer.current_epoch == 6
    assert early_stopping.best == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("argument", "value"),
    [("mode", "up"), ("patience", 0), ("min_delta", -0.1), ("min_delta", NAN)],
)
def test_an_impossible_argument_is_named(argument, value):
    with pytest.raises(ArgumentError) as caught:
        EarlyStopping(**{argument: value})
    assert caught.value.argument == argument
