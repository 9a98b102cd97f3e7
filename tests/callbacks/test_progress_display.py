import io
import itertools
import logging
import math
import os
import pickle
import re
import signal
import sys
import threading
import time
import warnings
from types import SimpleNamespace

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, Checkpoint, ModelCheckpoint
from rich.console import Console
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from dlcore.callbacks import progress_display
from dlcore.callbacks.progress_display import ProgressDisplay
from dlcore.errors import ArgumentError

pytestmark = [
    pytest.mark.filterwarnings("ignore:`isinstance.treespec, LeafSpec.` is deprecated"),  # Lightning 2.6 on torch 2.15
    # What Lightning says of the tiny data and of the way in which the tests call it.
    pytest.mark.filterwarnings("ignore:The '.*_dataloader' does not have many workers"),
    pytest.mark.filterwarnings("ignore:The number of training batches"),
    pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint that ended before the epoch ended"),
    pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty"),
    pytest.mark.filterwarnings("ignore:You defined a `validation_step` but have no `val_dataloader`"),
]

PAIR = (torch.zeros(4, 2), torch.zeros(4))
VAL_LOSSES = [0.9, 0.5, 0.7, 0.4]


class Linear(LightningModule):
    """Logs known numbers the way dlcore's models do: training's at the validation, or at the epoch's end without."""

    def __init__(self, step=lambda module, batch_idx: None, lr=0.1, val_losses=VAL_LOSSES, schedule=False):
        super().__init__()
        self.automatic_optimization = False
        self.layer = torch.nn.Linear(2, 1)
        self.step, self.lr, self.val_losses, self.schedule = step, lr, val_losses, schedule
        self.logged, self.trained = 0, 0

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=self.lr)
        if not self.schedule:
            return optimizer
        return {"optimizer": optimizer, "lr_scheduler": torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.1)}

    def training_step(self, batch, batch_idx):
        optimizer = self.optimizers()
        optimizer.zero_grad()
        self.manual_backward(self.layer(batch[0]).square().mean())
        optimizer.step()
        self.trained += 1
        self.trainer.callback_metrics["train/loss_step"] = 0.25
        self.step(self, batch_idx)

    def validation_step(self, batch, batch_idx, dataloader_idx=0):
        return batch[1]

    test_step = predict_step = validation_step

    def train_metrics(self):
        self.trained = 0
        return {"train/loss": 1.0 + self.logged, "train/accuracy": 0.5, "train/f1": 0.1}

    def on_validation_epoch_end(self):
        if not self.trainer.sanity_checking and self.trainer.state.fn == "fit":
            metrics = {"val/loss": self.val_losses[self.logged], "val/accuracy": 0.25, "val/f1": 0.1}
            self.log_dict(self.train_metrics() | metrics, logger=False)
            self.logged += 1

    def on_train_epoch_end(self):
        if self.trained:
            self.log_dict(self.train_metrics(), logger=False)
            if self.logged < len(self.val_losses) - 1:
                self.logged += 1

    def on_train_epoch_start(self):
        if self.schedule and self.trainer.current_epoch:
            self.lr_schedulers().step()


class Endless(IterableDataset):
    def __iter__(self):
        return itertools.repeat((torch.ones(2), torch.ones(1)))


def loader(batches=10, size=4):
    return DataLoader(TensorDataset(torch.ones(batches * size, 2), torch.ones(batches * size, 1)), size)


def console(terminal=False, width=80, **kwargs):
    kwargs = {"color_system": "truecolor" if terminal else None, "legacy_windows": False, "_environ": {}} | kwargs
    return Console(file=io.StringIO(), force_terminal=terminal, force_interactive=terminal, width=width, **kwargs)


def display_on(screen, refresh_per_second=60):
    display = ProgressDisplay(refresh_per_second)
    display.console = screen
    return display


def trainer_with(display, *callbacks, **kwargs):
    defaults = {"logger": False, "enable_checkpointing": False, "enable_model_summary": False, "accelerator": "cpu"}
    return Trainer(**(defaults | {"callbacks": [display, *callbacks], "max_epochs": 2} | kwargs))


def output(screen):
    """What was written, in lines, the column of seconds (which varies) replaced by an s."""
    return re.sub(r" +[\d.,]+$", " s", screen.file.getvalue(), flags=re.MULTILINE).splitlines()


def plain(screen):
    """What was written, without colours."""
    return re.sub(r"\x1b\[[\d;]*m", "", screen.file.getvalue())


def table_of(model=None, batches=10, val_batches=2, callbacks=(), screen=None, **kwargs):
    screen = screen or console()
    trainer = trainer_with(display_on(screen), *callbacks, **kwargs)
    trainer.fit(model or Linear(), loader(batches), loader(val_batches) if val_batches else None)
    return output(screen)


HEADER = " epoch  train loss  val loss  train accuracy  val accuracy        lr  seconds"


# The table


def test_prints_one_aligned_line_an_epoch_under_one_header():
    assert table_of(max_epochs=4) == [
        HEADER,
        "     1      1.0000    0.9000★         0.5000        0.2500       0.1 s",
        "     2      2.0000    0.5000★         0.5000        0.2500       0.1 s",
        "     3      3.0000    0.7000          0.5000        0.2500       0.1 s",
        "     4      4.0000    0.4000★         0.5000        0.2500       0.1 s",
    ]


def test_lines_of_the_table_are_as_long_as_the_header_and_fit_80_columns():
    screen = console()
    table_of(screen=screen)
    assert {len(line) for line in screen.file.getvalue().splitlines()} == {len(HEADER)}
    assert len(HEADER) <= 80


def test_stars_what_the_checkpoints_monitor_and_shows_it(tmp_path):
    class Keeper(ModelCheckpoint):
        pass

    keeper = Keeper(tmp_path, monitor="val/f1", mode="max")
    lines = table_of(callbacks=[keeper], enable_checkpointing=True)
    assert lines[0] == " epoch  train loss  val loss  train f1    val f1        lr  seconds"
    assert lines[1].split() == ["1", "1.0000", "0.9000", "0.1000", "0.1000★", "0.1", "s"]
    assert lines[2].split() == ["2", "2.0000", "0.5000", "0.1000", "0.1000", "0.1", "s"]


def test_nan_is_never_the_best_and_does_not_hide_a_later_best():
    lines = table_of(Linear(val_losses=[math.nan, 0.5]))
    assert "nan " in lines[1]
    assert "0.5000★" in lines[2]


def test_shows_the_learning_rate_that_the_epoch_used():
    class Cut(Callback):
        def on_validation_end(self, trainer, pl_module):
            trainer.optimizers[0].param_groups[0]["lr"] *= 0.5

    assert [line.split()[-2] for line in table_of(callbacks=[Cut()], num_sanity_val_steps=0)] == ["lr", "0.1", "0.05"]


def test_shows_the_learning_rate_of_a_schedule_and_of_a_tensor():
    assert [line.split()[-2] for line in table_of(Linear(schedule=True))] == ["lr", "0.1", "0.01"]

    class Cut(Callback):
        def on_validation_end(self, trainer, pl_module):
            trainer.optimizers[0].param_groups[0]["lr"].mul_(0.5)

    model = Linear(lr=torch.tensor(0.1))
    lines = table_of(model, callbacks=[Cut()], num_sanity_val_steps=0)
    assert [line.split()[-2] for line in lines] == ["lr", "0.1", "0.05"]


def test_without_validation_shows_what_the_model_logs_at_the_end_of_each_epoch():
    assert table_of(val_batches=0) == [
        " epoch  train loss  train accuracy        lr  seconds",
        "     1      1.0000          0.5000       0.1 s",
        "     2      2.0000          0.5000       0.1 s",
    ]
    assert table_of(limit_val_batches=0) == table_of(val_batches=0)


def test_epochs_without_a_validation_leave_its_columns_blank():
    lines = table_of(check_val_every_n_epoch=2, max_epochs=3)
    assert [" ".join(line.split()) for line in lines] == [
        "epoch train loss train accuracy lr seconds",
        "1 1.0000 0.5000 0.1 s",
        "epoch train loss val loss train accuracy val accuracy lr seconds",
        "2 2.0000 0.5000★ 0.5000 0.2500 0.1 s",
        "3 3.0000 0.5000 0.1 s",
    ]
    assert lines[-1] == "     3      3.0000" + " " * 20 + "0.5000" + " " * 21 + "0.1 s"


def test_each_validation_within_an_epoch_gets_a_line_and_the_rest_of_the_epoch_one():
    lines = table_of(Linear(val_losses=[0.4] * 9), val_check_interval=0.3, max_epochs=1)
    assert [line.split()[0] for line in lines] == ["epoch", "0.30", "0.60", "0.90", "1"]
    assert lines[-1].split()[1:] == ["4.0000", "0.5000", "0.1", "s"]
    lines = table_of(Linear(val_losses=[0.4] * 9), val_check_interval=0.5)
    assert [line.split()[0] for line in lines] == ["epoch", "0.50", "1", "1.50", "2"]


def test_no_line_where_nothing_new_is_known_at_the_end_of_an_epoch():
    class Stop(Callback):
        def on_validation_end(self, trainer, pl_module):
            trainer.should_stop = not trainer.sanity_checking

    lines = table_of(val_check_interval=0.3, callbacks=[Stop()])
    assert [line.split()[0] for line in lines] == ["epoch", "0.30"]


def test_counts_steps_where_epochs_have_no_length():
    screen = console()
    trainer = trainer_with(display_on(screen), max_epochs=-1, max_steps=6, val_check_interval=3)
    trainer.fit(Linear(), DataLoader(Endless(), 4), loader(1))
    lines = output(screen)
    assert [line.split()[:3] for line in lines[1:]] == [["step", "3", "1.0000"], ["step", "6", "2.0000"]]
    assert lines[0].startswith("       epoch  train loss")


def test_max_steps_may_end_an_epoch_early():
    lines = table_of(max_epochs=-1, max_steps=14)
    assert [line.split()[0] for line in lines] == ["epoch", "1", "1.40"]


def test_a_model_that_logs_nothing_gets_its_time_shown():
    class Silent(Linear):
        def on_validation_epoch_end(self): ...

        def on_train_epoch_end(self): ...

    lines = table_of(Silent())
    assert lines == [" epoch        lr  seconds", "     1       0.1 s", "     2       0.1 s"]


def test_metrics_of_lightning_s_own_averaging_are_complete():
    class Averaging(LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(2, 1)

        def training_step(self, batch, batch_idx):
            self.log("train/loss", float(batch_idx), on_step=True, on_epoch=True, logger=False)
            return self.layer(batch[0]).sum()

        def validation_step(self, batch, batch_idx):
            self.log("val/loss", float(batch_idx), logger=False)

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1)

    lines = table_of(Averaging(), max_epochs=1)
    assert [line.split() for line in lines] == [
        ["epoch", "train", "loss", "val", "loss", "lr", "seconds"],
        ["1", "4.5000", "0.5000★", "0.1", "s"],
    ]


def test_keeps_to_ascii_where_the_output_does():
    class Ascii(io.StringIO):
        encoding = "ascii"

    for terminal in (False, True):
        screen = console(terminal)
        screen.file = Ascii()
        table_of(Linear(step=lambda *_: time.sleep(0.02)), screen=screen)
        assert screen.file.getvalue().isascii()
        assert "0.9000*" in screen.file.getvalue()


def test_colours_follow_no_color():
    for environ, coloured in ({}, True), ({"NO_COLOR": "1"}, False):
        screen = console(True, _environ=environ)
        table_of(screen=screen)
        assert ("\x1b[1;32m" in screen.file.getvalue()) == coloured
        assert ("\x1b[32m" in screen.file.getvalue() or "36m" in screen.file.getvalue()) == coloured


def test_notebooks_get_plain_lines():
    screen = console(force_jupyter=True)
    assert table_of(screen=screen)[0] == HEADER


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


class Terminal(io.StringIO):
    def isatty(self):
        return True


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


class Watch(Callback):
    """Keeps the text of the live line after each batch."""

    def __init__(self, display):
        self.display, self.lines, self.begun, self.marks = display, [], [], []

    def on_train_start(self, *args):
        self.begun.append(self.display._line.done)

    def on_validation_end(self, *args):
        self.marks.append(len(self.display._line.marks))

    def on_train_batch_end(self, trainer, *args):
        self.display._loss_wanted = True
        self.lines.append(self.display._line.text(200, False).plain)


def watched(display=None, **kwargs):
    display = display or display_on(console(True))
    watch = Watch(display)
    return trainer_with(display, watch, **kwargs), watch


def test_resumed_in_the_midst_of_an_epoch_counts_on(tmp_path):
    path = tmp_path / "middle.ckpt"
    first, _ = watched(max_epochs=1)
    first.fit(Linear(step=lambda module, idx: module.trainer.save_checkpoint(path) if idx == 4 else None), loader())
    second, watch = watched(max_epochs=1)
    second.fit(Linear(), loader(), ckpt_path=path)
    assert [re.search(r"(\d+)/10", line)[1] for line in watch.lines] == ["5", "6", "7", "8", "9", "10"]
    assert watch.begun == [5]
    assert watch.lines[0].startswith("epoch 1/1 ")


@pytest.mark.parametrize("at_epoch_end", [True, False])
def test_resumed_at_the_end_of_an_epoch_prints_no_line_for_it_again(tmp_path, at_epoch_end):
    def run(screen, epochs, path=None):
        keeper = ModelCheckpoint(tmp_path, monitor="val/loss", save_on_train_epoch_end=at_epoch_end)
        trainer = trainer_with(display_on(screen), keeper, enable_checkpointing=True, max_epochs=epochs)
        trainer.fit(Linear(val_losses=[0.9, 0.95]), loader(), loader(1), ckpt_path=path)
        return keeper.best_model_path

    path = run(console(), epochs=1)
    screen = console()
    run(screen, epochs=2, path=path)
    assert [line.split()[0] for line in output(screen)] == ["epoch", "2"]
    assert "★" not in output(screen)[1]  # as good as before the resume is not better


def test_a_best_value_that_the_checkpoints_remember_counts():
    class Keeper(Checkpoint):
        monitor, mode, best = "val/loss", "min", 0.6

    lines = table_of(callbacks=[Keeper()], enable_checkpointing=True)
    assert ["★" in line for line in lines] == [False, False, True]


def test_epochs_without_an_end_have_no_total():
    trainer, watch = watched(max_epochs=-1, max_steps=13)
    trainer.fit(Linear(), loader())
    assert watch.lines[0].startswith("epoch 1 ")
    assert " 1/10  " in watch.lines[0]
    assert watch.lines[-1].startswith("epoch 2 ")
    assert " 3/3 " in watch.lines[-1]


def test_several_optimizer_steps_in_a_batch_are_reckoned_with():
    class Double(Linear):
        def training_step(self, batch, batch_idx):
            super().training_step(batch, batch_idx)
            self.optimizers().step()

    trainer, watch = watched(max_epochs=-1, max_steps=6)
    trainer.fit(Double(), loader())
    assert " 2/3 " in watch.lines[1]
    assert " 3/3 " in watch.lines[2]


def test_endless_data_show_the_time_so_far():
    trainer, watch = watched(max_epochs=1, max_time={"seconds": 1})
    trainer.fit(Linear(step=lambda *_: time.sleep(0.05)), DataLoader(Endless(), 4))
    assert re.fullmatch(r"epoch 1/1 \d+  [\d.]+ samples/s  loss 0.250  0:0\d", watch.lines[-1])


def test_limited_batches_are_the_total():
    trainer, watch = watched(limit_train_batches=3, max_epochs=1)
    trainer.fit(Linear(), DataLoader(Endless(), 4))
    assert " 3/3 " in watch.lines[-1]


def test_a_validation_is_not_taken_for_slow_training():
    trainer, watch = watched(val_check_interval=0.5, max_epochs=1)
    trainer.fit(Linear(), loader(), loader(1))
    assert watch.marks[1:] == [1, 1]


def test_a_forked_process_prints_though_the_drawing_thread_held_a_lock(monkeypatch):
    """A data worker that warns must not wait for a thread that it does not have."""
    out = Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    screen = console(True)
    display = display_on(screen)
    display._open(display._epoch_line)
    held, release = threading.Event(), threading.Event()

    def hold():
        with screen._lock:
            held.set()
            release.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12: a fork beside threads; the very matter here
        child = os.fork()
    if not child:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(5)
        print("from the child")
        os._exit(0 if out.getvalue() == "from the child\n" else 1)
    _, status = os.waitpid(child, 0)
    release.set()
    thread.join()
    display._close()
    assert os.waitstatus_to_exitcode(status) == 0


def test_survives_pickling():
    display = display_on(console(True))
    display._open(display._epoch_line)
    copy = pickle.loads(pickle.dumps(display))
    display._close()
    assert copy.refresh_per_second == 60
    assert copy.console is None
    copy._close()


@pytest.mark.parametrize("value", [0, -1, math.nan, 61])
def test_refuses_a_refresh_rate_that_makes_no_sense(value):
    with pytest.raises(ArgumentError, match="refresh_per_second"):
        ProgressDisplay(value)


def test_a_loss_on_a_device_is_not_read():
    display = display_on(console())
    trainer = SimpleNamespace(callback_metrics={}, max_steps=-1, num_training_batches=9)
    for loss, shown in (torch.ones((), device="meta"), None), (torch.tensor(0.5), 0.5), (0.25, 0.25):
        trainer.callback_metrics["train/loss_step"] = loss
        display._loss_wanted = True
        display.on_train_batch_end(trainer, None, None, PAIR, 0)
        assert display._line.loss == shown


def test_a_step_costs_less_than_ten_microseconds():
    display = display_on(console(True), refresh_per_second=8)
    trainer = SimpleNamespace(
        is_global_zero=True, callback_metrics={}, max_steps=-1, num_training_batches=10**6, world_size=1
    )
    display._param_group = {"lr": 0.1}
    display._open(display._epoch_line)
    times = []
    for _ in range(20):
        start = time.perf_counter()
        for batch_idx in range(1000):
            display.on_train_batch_start(trainer, None, PAIR, batch_idx)
            display.on_train_batch_end(trainer, None, None, PAIR, batch_idx)
        times.append((time.perf_counter() - start) / 1000)
    display._close()
    assert min(times) < 10e-6
