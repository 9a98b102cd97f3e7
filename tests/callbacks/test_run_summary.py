"""The picture and the page that a run leaves, and that nothing is lost when it ends badly."""

import re
import threading
import time

import pytest
from PIL import Image
from run_pages import events_of, in_both, page_of

from dlcore.callbacks import RunSummary, run_summary
from dlcore.callbacks.metric_callback import MetricCallback
from dlcore.callbacks.run_events import RunEvents
from dlcore.errors import ArgumentError
from dlcore.models import MLP
from dlcore.tracking import BackgroundWriter, RunLogger


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
        logger = logger or RunLogger(folder, "mine")
        callbacks = [RunEvents(), summary or RunSummary(), *callbacks]
        trainer = make_trainer(logger=logger, callbacks=callbacks, **settings)
        trainer.fit(model or MLP([8], in_features=4, num_classes=3), tiny_data())
        return folder

    return train


@pytest.mark.figures
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
        "samples.json",
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


@pytest.mark.figures
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


@pytest.mark.figures
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
    logger = RunLogger(folder, "mine")
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
