"""Cost of monitoring a training: compare epochs with all monitoring on with epochs without.

Run: python benchmarks/watching.py [--network mlp|resnet18] [--epochs 3] [--batches 1.0] [--repeats 7]
Each repeat trains twice in turn on FashionMNIST, with the defaults (histograms of weights, gradients, updates and
activations, the table of layers, events, figures) and with parameter_distribution and run_summary off; both have
TensorBoard, the metrics and checkpoints. The epochs after the first are timed, each up to the start of the next, the
last one up to the end of its validation; the figures drawn after that are timed separately. Wall-clock and CPU time (of
all threads, including the background's). Both must end with the same weights, bit for bit.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback

from dlcore.runs import fit

OFF = ("--parameter_distribution=off", "--run_summary=off")
NETWORKS = {
    "mlp": ("-c", "mlp_fashion_mnist", "--early_stopping=off"),
    "resnet18": (
        "-c",
        "cnn_fashion_mnist",
        "--model.architecture=resnet18",
        "--model.convolutions=1",
        "--weight_averaging=off",
    ),
}


class EpochClock(Callback):
    """Time epochs, by wall clock and by CPU time of all threads."""

    def __init__(self) -> None:
        self.marks: list[tuple[float, float]] = []

    def mark(self, *args: Any) -> None:
        """Record the time."""
        self.marks.append((time.perf_counter(), time.process_time()))

    on_train_epoch_start = mark
    on_train_end = mark  # before that of the callbacks after it

    def seconds(self) -> tuple[float, float]:
        """Return the mean wall-clock and CPU seconds of the epochs after the first."""
        first, last = self.marks[1], self.marks[-1]
        epochs = len(self.marks) - 2
        return (last[0] - first[0]) / epochs, (last[1] - first[1]) / epochs


def train(words: tuple[str, ...], folder: str) -> tuple[float, float, float, dict[str, torch.Tensor]]:
    """Train; return wall-clock and CPU seconds per epoch, CPU seconds after the last epoch, and the weights."""
    clock = EpochClock()
    quiet = ("--progress_display=off", "--trainer.accelerator=cpu", "--trainer.default_root_dir", folder)
    run = fit(*words, *quiet, callbacks=[clock])
    after = time.process_time() - clock.marks[-1][1]
    return *clock.seconds(), after, run.model.state_dict()


def main() -> None:
    """Time them in turn and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=NETWORKS, default="mlp")
    parser.add_argument("--epochs", type=int, default=3, help="at least 2: the first is not timed")
    parser.add_argument("--batches", type=float, default=1.0, help="share of an epoch that is trained")
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    words = (
        *NETWORKS[arguments.network],
        f"--trainer.max_epochs={arguments.epochs}",
        f"--trainer.limit_train_batches={arguments.batches}",
    )
    ratios: dict[str, list[float]] = {"wall": [], "cpu": []}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(arguments.repeats):
            # Alternate which runs first: the second finds warm caches.
            pair = {}
            for watched in (True, False) if number % 2 else (False, True):
                pair[watched] = train(words if watched else (*words, *OFF), str(Path(folder) / f"{number}{watched}"))
            (wall, cpu, after, weights), (wall_off, cpu_off, after_off, plain) = pair[True], pair[False]
            equal = all(torch.equal(weights[name], plain[name]) for name in plain)
            ratios["wall"].append(wall / wall_off)
            ratios["cpu"].append(cpu / cpu_off)
            print(
                f"epoch {wall:.2f} s ({cpu:.2f} s CPU) watched, {wall_off:.2f} s ({cpu_off:.2f}) not; after the last "
                f"{after:.2f} and {after_off:.2f} s CPU; weights bit-equal: {equal}; load {os.getloadavg()[0]:.1f}",
                flush=True,
            )
    for name, found in ratios.items():
        print(f"{name}: median ratio {statistics.median(found):.4f}, {min(found):.4f} to {max(found):.4f}")


if __name__ == "__main__":
    main()
