"""What callbacks write down as events: by whom, when, and what the terminal shows of it."""

import math
import signal

import pytest
import torch
from scripted_model import ScriptedModel
from test_checkpoint_signals import Sends

from dlcore.callbacks import Checkpoint, EarlyStopping, ReduceLROnPlateau, run_events
from dlcore.callbacks.metric_callback import MetricCallback, epochs_done
from dlcore.callbacks.run_events import RunEvents
from dlcore.diagnosis import diagnose
from dlcore.errors import Interrupted
from dlcore.models import MLP
from dlcore.tracking import RunLogger
from dlcore.tracking.timeline import read_events

STEPS = 2  # of an epoch of 20 samples


class Raises(MetricCallback):
    """Raises an exception at a step, and then knows what happened."""

    def __init__(self, at_step, exception):
        self.at_step, self.exception = at_step, exception

    def on_metrics(self, trainer, model):
        if trainer.global_step == self.at_step:
            raise self.exception


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path / "logs" / "mine" / "version_0"


@pytest.fixture
def fit(tiny_data, make_trainer, folder):
    """Train with given values of val/loss, events in the folder; give the events."""

    def fit(values, *callbacks, ckpt_path=None, logger=None, command="", **settings):
        step = None if ckpt_path is None else STEPS * int(ckpt_path.stem.removeprefix("at"))
        logger = logger or RunLogger(folder, "mine", resume_step=step)
        callbacks = [RunEvents(command), *callbacks, Checkpoint(dirpath=str(folder / "checkpoints"))]
        settings = {"max_epochs": len(values), "callbacks": callbacks, "logger": logger, **settings}
        trainer = make_trainer(enable_checkpointing=True, **settings)
        trainer.fit(ScriptedModel(values), tiny_data(size=20), ckpt_path=ckpt_path, weights_only=True)
        return read_events(folder)

    return fit


def told(events, *names):
    return [(event["step"], event["epoch"], event["kind"], *(event.get(name) for name in names)) for event in events]


def test_a_run_begins_has_best_states_cuts_and_an_early_stop_and_finishes(fit, capsys):
    values, command = [0.9, 0.8, 0.85, 0.86, 0.1], "python -m dlcore fit -c mine"
    events = fit(values, ReduceLROnPlateau(patience=0), EarlyStopping(patience=2), command=command)
    assert told(events) == [
        (0, 0.0, "started"),
        (2, 1.0, "new_best"),
        (4, 2.0, "new_best"),
        (6, 3.0, "learning_rate_cut"),
        (8, 4.0, "learning_rate_cut"),
        (8, 4.0, "stopped_early"),
        (8, 4.0, "finished"),
    ]
    started, best, better, cut, _, stopped, finished = events
    assert started["text"] == "Started: ScriptedModel with 67 parameters."
    assert (started["parameters"], started["command"]) == (67, command)
    assert (best["metric"], best["value"], "before" in best) == ("val/loss", pytest.approx(0.9), False)
    assert better["text"] == "New best val/loss: 0.8000 (before 0.9000 at epoch 1)."
    assert (cut["before"], cut["after"], cut["metric"]) == (0.1, 0.05, "val/loss")
    assert (cut["best"], cut["value"]) == (pytest.approx(0.8), pytest.approx(0.85))
    assert (stopped["metric"], stopped["best_epoch"], stopped["checks"]) == ("val/loss", 2, 2)
    assert finished["text"] == "Finished: 4 epochs, 8 steps."
    assert finished["seconds"] >= 0
    # The terminal has the same words, and the star of the table for the best states.
    assert capsys.readouterr().out.splitlines() == [event["text"] for event in events[3:6]]


def test_a_resumed_run_says_from_where_and_cuts_what_came_after(fit, folder):
    class Saves(MetricCallback):
        def on_metrics(self, trainer, model):
            trainer.save_checkpoint(folder / "checkpoints" / f"at{trainer.current_epoch + 1}.ckpt")

    fit([0.9, 0.8, 0.7], Saves())
    events = fit([0.9, 0.8, 0.75, 0.7], ckpt_path=folder / "checkpoints" / "at2.ckpt")
    assert told(events, "value") == [
        (0, 0.0, "started", None),
        (2, 1.0, "new_best", pytest.approx(0.9)),
        (4, 2.0, "new_best", pytest.approx(0.8)),
        (4, 2.0, "resumed", None),
        (6, 3.0, "new_best", pytest.approx(0.75)),
        (8, 4.0, "new_best", pytest.approx(0.7)),
        (8, 4.0, "finished", None),
    ]
    place = "logs/mine/version_0/checkpoints/at2.ckpt"
    assert events[3]["text"] == f"Resumed at step 4 (epoch 2) from {place}."
    assert events[3]["checkpoint"] == place


def test_a_stop_of_a_run_that_is_resumed_is_told_again(fit, folder, capsys):
    class Saves(MetricCallback):
        def on_train_end(self, trainer, pl_module):
            trainer.save_checkpoint(folder / "checkpoints" / "at2.ckpt")

        def on_metrics(self, trainer, model):
            pass

    fit([0.9, 0.95, 0.1], EarlyStopping(patience=1), Saves())
    capsys.readouterr()
    events = fit([0.9, 0.95, 0.1], EarlyStopping(patience=1), ckpt_path=folder / "checkpoints" / "at2.ckpt")
    assert [event["kind"] for event in events[-3:]] == ["resumed", "stopped_early", "finished"]
    assert capsys.readouterr().out.splitlines() == [events[-2]["text"]]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_an_event_with_its_name(number, fit, folder):
    with pytest.raises(Interrupted):
        fit([0.9, 0.8, 0.7], Sends("on_train_batch_end", 3, number))
    event = read_events(folder)[-1]
    name = number.name
    assert told([event], "signal") == [(3, 1.5, "interrupted", name)]
    assert event["text"] == f"Interrupted by {name} at step 3."


def test_leaving_at_once_is_an_event_too(fit, folder):
    with pytest.raises(SystemExit):
        fit([0.9, 0.8], Sends("on_before_optimizer_step", 2, signal.SIGINT, signal.SIGINT))
    event = read_events(folder)[-1]
    assert event["text"] == "Interrupted by SIGINT at step 2, at once: nothing was saved by that."
    signal.signal(signal.SIGINT, signal.default_int_handler)  # Lightning leaves it ignored


def test_an_error_is_an_event_with_its_kind_and_its_text_in_a_line(fit, folder):
    with pytest.raises(RuntimeError):
        fit([0.9, 0.8], Raises(4, RuntimeError("on\npurpose " + "x" * 999)))
    event = read_events(folder)[-1]
    assert told([event], "error") == [(4, 2.0, "failed", "RuntimeError")]
    assert event["text"].startswith("Failed at step 4: RuntimeError: on purpose xxx")
    assert event["text"].endswith("x…")
    assert len(event["text"]) < 330


def test_an_error_before_the_first_step_is_no_event(fit, folder):
    class Fails(MetricCallback):
        def on_metrics(self, trainer, model):
            pass

        def setup(self, trainer, pl_module, stage):
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError):
        fit([0.9], Fails())
    assert read_events(folder) == []


def test_a_metric_that_is_lost_is_an_event_and_a_line_of_the_terminal(fit, capsys):
    events = fit([0.9, math.nan, math.nan, math.inf])
    assert told(events, "metric") == [
        (0, 0.0, "started", None),
        (2, 1.0, "new_best", "val/loss"),
        (4, 2.0, "not_finite", "val/loss"),
        (4, 2.0, "not_finite", "val/accuracy"),
        (8, 4.0, "finished", None),
    ]
    said = "Not finite: val/loss is NaN, val/accuracy is NaN at step 4: the training diverged"
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(said)


def test_a_loss_that_is_lost_within_an_epoch_is_said_at_once(tiny_data, make_trainer, folder, capsys):
    heard = {}

    class Listens(MetricCallback):
        def on_metrics(self, trainer, model):
            pass

        def on_train_batch_end(self, trainer, *args):
            heard[trainer.global_step] = capsys.readouterr().out

    trainer = make_trainer(callbacks=[RunEvents(), Listens()], logger=RunLogger(folder, "mine"), max_epochs=1)
    trainer.fit(MLP([8], in_features=4, num_classes=3), tiny_data(inputs_are_nan=True))
    assert heard[2].startswith("Not finite: train/loss_step is NaN at step 1: ")
    assert [event["metric"] for event in read_events(folder) if event["kind"] == "not_finite"] == [
        "train/loss_step",
        "train/loss",
        "val/loss",
    ]


def test_loggers_of_other_kinds_get_nothing_and_nothing_breaks(fit, memory_logger, folder, capsys):
    fit([0.9, math.nan, 0.95], ReduceLROnPlateau(patience=0), EarlyStopping(patience=2), logger=memory_logger)
    assert read_events(folder) == []
    assert "Stopped early" in capsys.readouterr().out


def test_all_places_of_a_fit_know_how_many_epochs_are_done(tiny_data, make_trainer, tmp_path):
    seen = []

    class Counts(MetricCallback):
        def on_metrics(self, trainer, model):
            seen.append(("metrics", epochs_done(trainer)))
            trainer.save_checkpoint(tmp_path / "kept.ckpt")

        def on_train_start(self, trainer, pl_module):
            super().on_train_start(trainer, pl_module)
            seen.append(("start", epochs_done(trainer)))

        def on_train_end(self, trainer, pl_module):
            seen.append(("end", epochs_done(trainer)))

        def on_fit_end(self, trainer, pl_module):
            seen.append(("fit end", epochs_done(trainer)))

    def train(ckpt_path=None, **settings):
        seen.clear()
        trainer = make_trainer(callbacks=[Counts(), Checkpoint()], enable_checkpointing=True, **settings)
        trainer.fit(MLP([8], in_features=4, num_classes=3), tiny_data(), ckpt_path=ckpt_path, weights_only=True)
        return list(seen)

    assert train() == [("start", 0.0), ("metrics", 1.0), ("end", 1.0), ("fit end", 1.0)]
    assert train(tmp_path / "kept.ckpt", max_epochs=9, max_steps=10) == [
        ("start", 1.0),
        ("end", 1.4286),
        ("fit end", 1.4286),
    ]


@pytest.fixture
def waits(monkeypatch):
    """Let a fit's threads have waited for so much of its time, however short it is."""

    def waits(share):
        monkeypatch.setattr(run_events.CoreWaits, "share", lambda self: share)

    return waits


@pytest.mark.parametrize(("threads", "remedy"), [(8, "OMP_NUM_THREADS=4"), (2, "OMP_NUM_THREADS=1"), (1, None)])
def test_a_busy_machine_is_named_once_with_what_helps(threads, remedy, fit, waits, monkeypatch, capsys):
    waits(0.414)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    events = [event for event in fit([0.9, 0.8, 0.7]) if event["kind"] == "busy_machine"]
    assert told(events, "waited") == [(1, 0.5, "busy_machine", 0.414)]
    text = events[0]["text"]
    assert text.startswith("Busy machine: other work held the cores, and threads of this fit waited 41% of the time.")
    assert remedy in text if remedy else "OMP_NUM_THREADS" not in text
    assert capsys.readouterr().out.count("Busy machine") == 1


@pytest.mark.parametrize("share", [0.2, None])
def test_a_machine_that_is_free_or_does_not_tell_is_not_called_busy(share, fit, waits):
    waits(share)
    assert "busy_machine" not in [event["kind"] for event in fit([0.9, 0.8])]


@pytest.mark.parametrize(
    ("threads", "remedy"),
    [
        (
            6,
            "train when the machine is free, or on fewer threads (OMP_NUM_THREADS=3 before the command, or "
            "--thread_tuning on)",
        ),
        (1, "train when the machine is free"),
    ],
)
def test_the_diagnosis_has_it_that_the_machine_was_busy(threads, remedy, fit, waits, folder, monkeypatch):
    waits(0.414)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    fit([0.9, 0.8, 0.7])
    (note,) = [note for note in diagnose(folder).notes if note.name == "busy_machine"]
    assert "threads waited 41.4% of the time for a core that other processes used" in note.text
    assert note.advice == remedy
