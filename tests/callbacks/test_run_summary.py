"""The picture and the page that a run leaves, and that nothing is lost when it ends badly."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from dlcore.callbacks import RunSummary, run_summary
from dlcore.callbacks.metric_callback import MetricCallback
from dlcore.callbacks.run_events import RunEvents
from dlcore.cli.main import main
from dlcore.errors import ArgumentError
from dlcore.models import MLP
from dlcore.runs import fit
from dlcore.tracking import BackgroundWriter, RunLogger, read_metrics
from dlcore.tracking.timeline import read_events

pytestmark = pytest.mark.figures


def page_of(folder):
    return (folder / "summary.md").read_text(encoding="utf-8")


def events_of(folder):
    return EventAccumulator(str(folder), size_guidance=dict.fromkeys(("scalars", "images", "tensors"), 0)).Reload()


def in_both(folder):
    """Numbers of metrics.csv, having checked that TensorBoard has each of them at the same step."""
    board, table = events_of(folder), read_metrics(folder)
    names = [name for name in table if name not in ("step", "epoch")]
    points = 0
    for name in names:
        rows = [(step, y) for step, y in zip(table["step"], table[name], strict=True) if y is not None]
        assert [(point.step, pytest.approx(y)) for (_, y), point in zip(rows, board.Scalars(name), strict=True)] == [
            (step, point.value) for (step, _), point in zip(rows, board.Scalars(name), strict=True)
        ]
        points += len(rows)
    return points


class Acts(MetricCallback):
    """Does something at the end of an epoch."""

    def __init__(self, act):
        self.act = act

    def on_metrics(self, trainer, model):
        self.act(trainer)


@pytest.fixture
def train(tiny_data, make_trainer, tmp_path, monkeypatch):
    """Train a few epochs of seven steps with a summary; give the run's folder."""

    def train(*callbacks, summary=None, logger=None, model=None, **settings):
        monkeypatch.chdir(tmp_path)
        folder = tmp_path / "logs" / "mine" / "version_0"
        logger = logger or RunLogger(folder, "mine", 0)
        callbacks = [RunEvents(), summary or RunSummary(), *callbacks]
        trainer = make_trainer(logger=logger, callbacks=callbacks, **settings)
        trainer.fit(model or MLP([8], in_features=4, num_classes=3), tiny_data())
        return folder

    return train


def test_a_run_leaves_a_picture_and_a_page(train):
    folder = train(max_epochs=2)
    with Image.open(folder / "curves.png") as picture:
        assert picture.size[0] > 900
    lines = page_of(folder).splitlines()
    assert lines[0] == "# mine, version_0"
    assert re.fullmatch(r"\*\*Finished after 2 epochs: best val/accuracy \d\d\.\d\d% at epoch [12]\.\*\*", lines[2])
    assert "- Model: MLP, 67 parameters" in lines
    assert "- Data: TinyData: 103 train, 53 val, 47 test samples" in lines
    assert "![Curves of the run over its epochs](curves.png)" in lines
    assert "- epoch 2, step 14: Finished: 2 epochs, 14 steps." in lines
    assert [image.step for image in events_of(folder).Images("curves")] == [14]
    assert sorted(path.name for path in folder.iterdir() if "tfevents" not in path.name) == [
        "curves.png",
        "events.jsonl",
        "metrics.csv",
        "summary.md",
    ]


def test_findings_have_a_section_of_their_own(train, monkeypatch):
    assert "## Findings\n\n- " in page_of(train())
    monkeypatch.setattr(run_summary, "_findings", lambda folder: [f"{folder.name}: all | well."])
    assert "## Findings\n\n- version_0: all \\| well.\n" in page_of(train())


def test_a_run_that_failed_has_both_too(train, tmp_path):
    def fails(trainer):
        if trainer.global_step == 14:
            raise RuntimeError("on | purpose")

    with pytest.raises(RuntimeError, match="purpose"):
        train(Acts(fails), max_epochs=9)
    folder = tmp_path / "logs" / "mine" / "version_0"
    assert (folder / "curves.png").is_file()
    assert page_of(folder).splitlines()[2].startswith("**Failed after 2 epochs: best val/accuracy")
    assert r"- epoch 2, step 14: Failed at step 14: RuntimeError: on \| purpose" in page_of(folder)
    assert in_both(folder) > 14


def test_a_run_that_failed_before_anything_was_logged_has_a_page_without_a_picture(train, tmp_path):
    class Fails(MLP):
        def training_step(self, batch, batch_idx):
            raise RuntimeError("at once")

    with pytest.raises(RuntimeError, match="at once"):
        train(model=Fails([8], in_features=4, num_classes=3))
    folder = tmp_path / "logs" / "mine" / "version_0"
    assert not (folder / "curves.png").exists()
    assert "Failed at step 0: RuntimeError: at once" in page_of(folder)
    assert "curves.png" not in page_of(folder)


def test_a_logger_of_another_kind_gets_nothing(train, memory_logger, tmp_path):
    train(logger=memory_logger)
    assert list(tmp_path.rglob("summary.md")) == []


@pytest.mark.parametrize("share", [-0.1, 1.5])
def test_an_impossible_share_is_named(share):
    with pytest.raises(ArgumentError, match=r"refresh_share: expected a number at least 0 and at most 1"):
        RunSummary(refresh_share=share)


# While it trains


def test_the_curves_are_drawn_while_the_run_goes_on_as_often_as_the_budget_allows(train, monkeypatch, tmp_path):
    folder, drawn, seen = tmp_path / "logs" / "mine" / "version_0", [], []
    draw = run_summary._draw

    class Always(run_summary.Refresh):
        def __init__(self, share, expected):
            super().__init__(share, 0.0)
            drawn.append((share, expected))

        def took(self, seconds):
            drawn.append(seconds)
            super().took(0.0)

    monkeypatch.setattr(run_summary, "Refresh", Always)

    def drawn_of(columns, folder):
        seen.append(len(columns["step"]))
        return draw(columns, folder)

    monkeypatch.setattr(run_summary, "_draw", drawn_of)

    def waits(trainer):
        trainer.loggers[0].background.drain()
        assert (folder / "curves.png").is_file()

    train(Acts(waits), max_epochs=3)
    assert drawn[0] == (0.01, 1.0)
    assert len(drawn) == 4
    assert seen == [7, 14, 21, 21]
    assert len(events_of(folder).Images("curves")) == 1  # event files do not grow by a picture each time


def test_a_short_run_is_drawn_only_at_its_end(train, monkeypatch):
    drawn = []
    monkeypatch.setattr(RunSummary, "_redraw", lambda self, folder, refresh: drawn.append(folder))
    train(max_epochs=3)
    train(max_epochs=3, summary=RunSummary(refresh_share=0))
    assert drawn == []


def test_a_table_that_is_being_written_is_drawn_the_next_time(train, tmp_path):
    (tmp_path / "metrics.csv").write_text("no table\n1\n")
    took = []

    class Watch:
        def took(self, seconds):
            took.append(seconds)

    RunSummary()._redraw(tmp_path, Watch())
    RunSummary()._redraw(tmp_path / "nowhere", Watch())
    assert len(took) == 2
    assert not (tmp_path / "curves.png").exists()


# What waits in the background when a run ends


@pytest.mark.parametrize("ends", ["finished", "failed"])
def test_slow_work_in_a_queue_that_is_full_is_all_done_at_the_end(ends, train, tmp_path):
    folder, done = tmp_path / "logs" / "mine" / "version_0", []
    logger = RunLogger(folder, "mine", 0)
    logger.background = BackgroundWriter(max_queue=1)

    def slow(number):
        time.sleep(0.05)
        done.append((number, threading.current_thread().name))

    def hands_over(trainer):
        for number in range(4):
            trainer.loggers[0].background.submit(slow, number)
        if ends == "failed" and trainer.current_epoch == 1:
            raise RuntimeError("on purpose")

    if ends == "failed":
        with pytest.raises(RuntimeError, match="on purpose"):
            train(Acts(hands_over), logger=logger, max_epochs=2)
    else:
        train(Acts(hands_over), logger=logger, max_epochs=2)
    assert done == [(number, "dlcore-background") for number in (0, 1, 2, 3) * 2]
    assert ends.capitalize() in page_of(folder)
    assert (folder / "curves.png").is_file()
    assert len(events_of(folder).Images("curves")) == 1


# Commands


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_a_process_that_is_ended_by_sigterm_leaves_all_that_was_handed_over(tmp_path):
    words = [
        *("fit", "-c", "mlp_table_binary", "--trainer.max_epochs=100000", "--early_stopping=off"),
        *("--trainer.log_every_n_steps=1", "--parameter_distribution=on"),
    ]
    settings = {"PYTHONPATH": str(Path(run_summary.__file__).parents[2]), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    with subprocess.Popen(
        [sys.executable, "-m", "dlcore", *words],
        cwd=tmp_path,
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        said = ""
        for line in process.stdout:
            said += line
            if re.match(r" *5 ", line):
                process.send_signal(signal.SIGTERM)
                break
        said += process.stdout.read()
    assert process.returncode == 128 + signal.SIGTERM, said
    folder = tmp_path / "lightning_logs" / "mlp_table_binary" / "version_0"
    step = int(re.search(r"Interrupted by SIGTERM at step ([\d,]+)", said)[1].replace(",", ""))
    events = read_events(folder)
    assert [events[0]["kind"], events[-1]["kind"]] == ["started", "interrupted"]
    assert events[0]["command"].startswith("python -m dlcore fit -c mlp_table_binary --trainer.max_epochs 100000")
    assert (events[-1]["signal"], events[-1]["step"]) == ("SIGTERM", step)
    # Each step has its row, and each number of each row is in TensorBoard's file.
    assert read_metrics(folder)["step"] == list(range(1, step + 1))
    assert in_both(folder) > 2 * step
    assert [image.step for image in events_of(folder).Images("curves")] == [step]
    with Image.open(folder / "curves.png") as picture:
        picture.load()
    page = page_of(folder)
    assert "**Interrupted after " in page
    assert f"step {step:,}: Interrupted by SIGTERM" in page
    assert str(tmp_path) not in page


def test_a_fit_has_a_summary_unless_it_is_switched_off(workplace, small):
    run = fit(*small, "--trainer.max_epochs=1", "--model.dropout=0.25")
    assert "--model.dropout 0.25" in page_of(run.folder)
    assert "built-in sample" in page_of(run.folder)
    assert "Adam, lr 0.001" in page_of(run.folder)
    assert [event["kind"] for event in read_events(run.folder)] == ["started", "new_best", "finished"]
    without = fit(*small, "--trainer.max_epochs=1", "--run_summary=off")
    assert not (without.folder / "summary.md").exists()
    assert [event["kind"] for event in read_events(without.folder)] == ["started", "new_best", "finished"]


def test_the_end_of_a_fit_names_the_page(workplace, small, capsys):
    assert main(["fit", *small, "--trainer.max_epochs=1"]) == 0
    assert re.search(r"\nsummary +lightning_logs/mlp_fashion_mnist/version_0/summary\.md\n", capsys.readouterr().out)
    assert main(["fit", *small, "--trainer.max_epochs=1", "--run_summary=off"]) == 0
    assert "summary" not in capsys.readouterr().out


def test_a_run_that_goes_on_has_one_page_with_both_commands(workplace, small):
    first = fit(*small, "--trainer.max_epochs=1")
    fit("--ckpt_path=last", "--trainer.max_epochs=2")
    page = page_of(first.folder)
    assert "Finished after 2 epochs" in page
    assert "\npython -m dlcore fit --ckpt_path last --trainer.max_epochs 2\n" in page
    kinds = [event["kind"] for event in read_events(first.folder)]
    assert [kind for kind in kinds if kind != "new_best"] == ["started", "finished", "resumed", "finished"]


def test_a_text_run_has_a_page_that_speaks_of_tokens(text_run):
    page = page_of(text_run)
    assert re.search(r"- Data: ChineseCorpus: [\d,]+ train, [\d,]+ val, [\d,]+ test tokens, from poems\.txt", page)
    assert "| bits per character | " in page
    assert "--text_samples.prompts '['\"'\"''\"'\"', " in page
    assert "明月" in page
