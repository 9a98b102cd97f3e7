"""The live line of the progress display, and what others print meanwhile."""

import io
import logging
import re
import signal
import sys
import threading
import time
import warnings
from types import SimpleNamespace

import pytest
from display_stage import HEADER, QUIET, Linear, Terminal, console, display_on, loader, plain, table_of, trainer_with
from rich.console import Console

from dlcore.callbacks import progress_display
from dlcore.callbacks.progress_display import ProgressDisplay

pytestmark = QUIET

# The live line


def test_file_gets_the_table_alone():
    screen = console()
    table_of(screen=screen)
    assert "\x1b" not in screen.file.getvalue()
    assert "\r" not in screen.file.getvalue()


def test_terminal_gets_a_live_line_and_the_table_above_it():
    screen = console(True)
    table_of(Linear(step=lambda *_: time.sleep(0.03)), screen=screen)
    text = plain(screen)
    assert re.search(r"\repoch 1/2|epoch 1/2 [━]+─+  \d/10  \d+ samples/s  loss 0\.250  0:00 left", text)
    assert re.search(r"epoch 2/2 ", text)
    assert text.count(HEADER) == 1
    assert text.count("0.9000★") == 1
    assert text.startswith("\x1b[?25l")
    assert text.endswith("\x1b[?25h\r\x1b[1A\x1b[2K")  # cursor shown, line wiped


def test_validation_appears_on_the_epochs_line():
    class Slow(Linear):
        def validation_step(self, batch, batch_idx, dataloader_idx=0):
            time.sleep(0.05)

    screen = console(True)
    table_of(Slow(), val_batches=5, screen=screen)
    assert re.search(r"epoch 1/2 validating ━*─+ [0-4]/5", plain(screen))


def test_sanity_check_shows_nothing():
    class Slow(Linear):
        def validation_step(self, batch, batch_idx, dataloader_idx=0):
            time.sleep(0.1)

        def on_train_start(self):
            raise RuntimeError("enough")

    screen = console(True)
    with pytest.raises(RuntimeError, match="enough"):
        table_of(Slow(), screen=screen)
    assert "validating" not in plain(screen)
    assert "0.9000" not in plain(screen)


@pytest.mark.parametrize(("job", "word"), [("validate", "validating"), ("test", "testing"), ("predict", "predicting")])
def test_evaluation_shows_a_live_line_on_terminals_only(job, word):
    class Slow(Linear):
        def validation_step(self, batch, batch_idx, dataloader_idx=0):
            time.sleep(0.03)
            return batch[1]

        test_step = predict_step = validation_step

    for terminal in (True, False):
        screen = console(terminal)
        kwargs = {} if job == "predict" else {"verbose": False}
        getattr(trainer_with(display_on(screen)), job)(Slow(), [loader(3), loader(2)], **kwargs)
        if terminal:
            assert re.search(word + r" ━+─+ [1-4]/5", plain(screen))
            assert plain(screen).endswith("\x1b[?25h\r\x1b[1A\x1b[2K")
        else:
            assert plain(screen) == ""


def test_what_others_print_appears_above_the_line(monkeypatch):
    out, err = Terminal(), Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    handler = logging.StreamHandler()  # keeps today's stderr, as Lightning's does
    logger = logging.getLogger("test_progress_display")
    logger.addHandler(handler)

    def talk(module, batch_idx):
        if batch_idx == 5:
            print("from print")
            module.print("from self.print")
            logger.warning("from logging")
            with warnings.catch_warnings():
                warnings.simplefilter("always")
                warnings.warn("from warnings", stacklevel=1)
        time.sleep(0.02)

    screen = console(True)
    trainer = trainer_with(display_on(screen), max_epochs=1)
    monkeypatch.setattr(warnings, "showwarning", lambda m, *_: sys.stderr.write(f"{m}\n"))
    trainer.fit(Linear(step=talk), loader(), loader(1))
    for source in ("print", "self.print", "logging", "warnings"):
        assert re.search(rf"(\r\x1b\[2K|\n)from {re.escape(source)}\n", plain(screen)), source
        assert f"from {source}" not in out.getvalue() + err.getvalue()
    assert sys.stdout is out
    assert sys.stderr is err
    assert handler.stream is err
    logger.removeHandler(handler)


def test_what_goes_to_a_file_stays_there(monkeypatch):
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    table_of(Linear(step=lambda *_: print("mine")), screen=console(True))
    assert out.getvalue() == "mine\n" * 20


def test_forced_colour_does_not_make_a_file_a_terminal(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setattr(progress_display.rich, "get_console", lambda: Console(width=80))
    trainer_with(ProgressDisplay(60)).fit(Linear(step=lambda *_: time.sleep(0.02)), loader(), loader(1))
    assert "0.9000★" in sys.stdout.getvalue()
    assert "\x1b[2K" not in sys.stdout.getvalue()
    assert "samples/s" not in sys.stdout.getvalue()


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failing_run_leaves_its_last_line_and_gives_the_terminal_back(error, monkeypatch):
    out = Terminal()
    monkeypatch.setattr(sys, "stdout", out)

    def fail(module, batch_idx):
        if batch_idx == 4:
            raise error

    screen = console(True)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(SystemExit if error is KeyboardInterrupt else RuntimeError):
        table_of(Linear(step=fail), screen=screen)
    signal.signal(signal.SIGINT, before)
    assert re.search(r"epoch 1/2 .* 4/10 [^\n]*\n\x1b\[\?25h$", plain(screen))
    assert sys.stdout is out
    assert not [
        thread
        for thread in threading.enumerate()
        if type(thread).__name__ == "_RefreshThread" and not thread.done.is_set()
    ]


def test_disabled_shows_nothing_and_enabled_shows_again():
    screen = console(True)
    display = display_on(screen)
    trainer = trainer_with(display)
    display.disable()
    assert not display.is_enabled
    trainer.fit(Linear(), loader(), loader(1))
    assert screen.file.getvalue() == ""
    display.enable()
    assert display.is_enabled
    trainer_with(display).fit(Linear(), loader(), loader(1))
    assert HEADER in plain(screen)


def test_disabling_in_the_midst_of_a_fit_takes_the_line_away():
    screen = console(True)
    display = display_on(screen)
    trainer_with(display).fit(Linear(step=lambda module, _: module.trainer.progress_bar_callback.disable()), loader())
    assert HEADER not in plain(screen)
    assert plain(screen).endswith("\x1b[?25h\r\x1b[1A\x1b[2K")


def test_only_rank_zero_shows():
    display = ProgressDisplay()
    display.setup(SimpleNamespace(is_global_zero=False), None, "fit")
    assert not display.is_enabled
    display.enable()  # as Lightning's tuner does in every process
    assert not display.is_enabled
