import math
from types import SimpleNamespace

import pytest
from scripted_model import ScriptedModel

from dlcore.callbacks.metric_callback import MetricCallback, is_better, read_monitor, say
from dlcore.errors import ArgumentError


class Acts(MetricCallback):
    """Writes down when it acted, and which metrics were new."""

    def __init__(self):
        self.steps = []

    def on_metrics(self, trainer, model):
        self.steps.append((trainer.global_step, "val" if trainer.validating else "train"))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, [(7, "val"), (14, "val"), (21, "val")]),
        ({"num_sanity_val_steps": 0}, [(7, "val"), (14, "val"), (21, "val")]),
        ({"check_val_every_n_epoch": 2}, [(7, "train"), (14, "val"), (21, "train")]),
        ({"limit_val_batches": 0}, [(7, "train"), (14, "train"), (21, "train")]),
        ({"val_check_interval": 0.5}, [(3, "val"), (6, "val"), (10, "val"), (13, "val"), (17, "val"), (20, "val")]),
        ({"val_check_interval": 10, "check_val_every_n_epoch": None}, [(7, "train"), (10, "val"), (20, "val")]),
        ({"max_steps": 10}, [(7, "val")]),  # the second epoch is cut short: no metrics are those of an epoch
        ({"limit_train_batches": 2}, [(2, "val"), (4, "val"), (6, "val")]),
    ],
)
def test_acts_once_on_each_new_set_of_metrics(settings, expected, tiny_data, make_trainer):
    acts = Acts()
    make_trainer(max_epochs=3, callbacks=[acts], **settings).fit(ScriptedModel([1.0] * 3), tiny_data())
    assert acts.steps == expected


def test_does_not_act_outside_of_a_fit(tiny_data, make_trainer):
    acts = Acts()
    make_trainer(callbacks=[acts]).validate(ScriptedModel([1.0]), tiny_data(), verbose=False)
    assert acts.steps == []


@pytest.mark.parametrize("settings", [{}, {"limit_val_batches": 0}, {"check_val_every_n_epoch": 2}])
def test_a_run_resumed_at_the_end_of_an_epoch_does_not_act_on_it_again(settings, tiny_data, make_trainer, tmp_path):
    class Saves(Acts):
        def on_metrics(self, trainer, model):
            super().on_metrics(trainer, model)
            trainer.save_checkpoint(tmp_path / f"{trainer.global_step}.ckpt")

    def acts(until, ckpt_path=None):
        callback = Saves()
        trainer = make_trainer(max_epochs=until, callbacks=[callback], **settings)
        trainer.fit(ScriptedModel([1.0] * 4), tiny_data(), ckpt_path=ckpt_path, weights_only=True)
        return [step for step, _ in callback.steps]

    assert acts(2) == [7, 14]
    assert acts(4, tmp_path / "14.ckpt") == [21, 28]
    assert acts(4, tmp_path / "7.ckpt") == [14, 21, 28]


# read_monitor


def trainer_with(metrics, validating=True, enable_validation=True):
    return SimpleNamespace(
        callback_metrics=metrics, validating=validating, enable_validation=enable_validation, is_global_zero=True
    )


METRICS = {"val/loss": 0.5, "val/accuracy": 0.75, "train/loss": 0.4}


def test_reads_a_value_that_is_new():
    assert read_monitor(trainer_with(METRICS), "val/loss", "x.monitor") == 0.5
    assert read_monitor(trainer_with(METRICS, validating=False), "train/loss", "x.monitor") == 0.4


def test_a_validation_that_is_past_has_no_new_value():
    assert read_monitor(trainer_with(METRICS, validating=False), "val/loss", "x.monitor") is None
    assert read_monitor(trainer_with({"train/loss": 0.4}, validating=False), "val/loss", "x.monitor") is None


@pytest.mark.parametrize(
    ("metrics", "monitor", "validating", "expected"),
    [
        (METRICS, "val/acuracy", True, "Did you mean 'val/accuracy'? Logged are: train/loss, val/accuracy, val/loss."),
        (METRICS, "perplexity", True, "Logged are: train/loss, val/accuracy, val/loss."),
        ({"train/loss": 0.4}, "train/los", False, "Did you mean 'train/loss'? Logged are: train/loss."),
        ({}, "train/loss", False, "Logged are: none."),
    ],
)
def test_a_monitor_that_nothing_logs_is_an_error_with_those_that_are(metrics, monitor, validating, expected):
    with pytest.raises(ArgumentError) as caught:
        read_monitor(trainer_with(metrics, validating), monitor, "early_stopping.monitor")
    error = caught.value
    assert (error.argument, error.received, error.remedy) == ("early_stopping.monitor", monitor, expected)


def test_a_run_without_validation_says_so():
    with pytest.raises(ArgumentError, match="This run does not validate"):
        read_monitor(trainer_with({"train/loss": 0.4}, False, enable_validation=False), "val/loss", "x.monitor")


# is_better and say


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


def test_only_the_first_process_speaks(capsys):
    say(trainer_with({}), "first", "second")
    say(SimpleNamespace(is_global_zero=False), "not heard")
    assert capsys.readouterr().out == "first\nsecond\n"
