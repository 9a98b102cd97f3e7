"""What the live line counts: resumed runs, endless data, several steps a batch; and what counting costs."""

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
from display_stage import (
    PAIR,
    QUIET,
    Endless,
    Linear,
    Terminal,
    console,
    display_on,
    loader,
    output,
    table_of,
    trainer_with,
)
from lightning.pytorch.callbacks import Callback, Checkpoint, ModelCheckpoint
from torch.utils.data import DataLoader

from dlcore.callbacks.progress_display import ProgressDisplay
from dlcore.errors import ArgumentError

pytestmark = QUIET


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


@pytest.mark.process
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
    display._param_group, display._warmup_steps = {"lr": 0.1}, 0
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
