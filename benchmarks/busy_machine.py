"""Seconds an epoch beside processes that never rest: all threads, one thread, and ``thread_tuning``.

Run: python benchmarks/busy_machine.py [--busy 1] [--epochs 3] [--batch_size 32]
The MLP of the textbook (784-1000-10) on the real FashionMNIST, without validation. The three take turns; each trains
the same epochs. The times are those of the wall clock: nothing else should run on the machine.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

import torch
from lightning.pytorch import Callback

from dlcore.runs import fit


class EpochSeconds(Callback):
    """Times each epoch."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_train_epoch_start(self, *args: Any) -> None:
        """Note when it began."""
        self._began = time.perf_counter()

    def on_train_epoch_end(self, *args: Any) -> None:
        """Note what it took."""
        self.seconds.append(time.perf_counter() - self._began)


def seconds(threads: int, arguments: argparse.Namespace, *flags: str) -> list[float]:
    """Train with so many threads; return the seconds of each epoch."""
    torch.set_num_threads(threads)
    clock = EpochSeconds()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        os.chdir(folder)
        fit(
            *("-c", "mlp_textbook", f"--data.batch_size={arguments.batch_size}", "--trainer.accelerator=cpu"),
            *(f"--trainer.max_epochs={arguments.epochs}", "--trainer.limit_val_batches=0", "--progress_display=off"),
            *(
                "--early_stopping=off",
                "--reduce_lr_on_plateau=off",
                "--parameter_distribution=off",
                "--checkpoint=off",
                *flags,
            ),
            callbacks=[clock],
        )
        os.chdir("/")
    return clock.seconds


def main() -> None:
    """Print the seconds of each way, epoch by epoch."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--busy", type=int, default=1, help="processes that never rest")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=2)
    arguments = parser.parse_args()
    cores = os.cpu_count() or 1
    ways: dict[str, tuple[int, str]] = {
        f"{cores} threads": (cores, "--thread_tuning=off"),
        "1 thread": (1, "--thread_tuning=off"),
        "thread_tuning": (cores, "--thread_tuning=on"),
    }
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(arguments.busy)]
    times: dict[str, list[list[float]]] = {name: [] for name in ways}
    try:
        for _ in range(arguments.repeats):
            for name, (threads, flag) in ways.items():
                times[name].append(seconds(threads, arguments, flag))
                print(f"{name:14} {'  '.join(f'{each:6.2f}' for each in times[name][-1])}", flush=True)
    finally:
        for process in busy:
            process.kill()
    for name, runs in times.items():
        every = [each for run in runs for each in run]
        print(f"{name:14} median {statistics.median(every):.2f}, {min(every):.2f} to {max(every):.2f} s an epoch")


if __name__ == "__main__":
    main()
