"""An epoch of the MLP 784-1000-10 in 1, 2 and 4 processes on the CPU (DDP, gloo), one thread each.

An epoch has 51,200 samples in all cases, so twice the processes should take half the time.

- weak: 256 samples per step in each process, so there are fewer steps;
- strong: 256 samples per step in all processes together, so the number of steps is the same, each with an all-reduce of
  all gradients (3.2 MB).

The second and third epoch are measured, up to the validation: wall-clock time of the slowest process, CPU time of all,
and the largest own memory of one. More processes than cores cannot be faster: they share the cores.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback

from benchmarks.growth.points import Curve, Point
from benchmarks.process_family import module, watched

SIZES = (1, 2, 4)
BATCH, SAMPLES, EPOCHS = 256, 51_200, 3


class RankClock(Callback):
    """Time the epochs after the first, up to their validation, in each process; write a file per process.

    Args:
        folder: Folder for the files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.began: tuple[float, float] | None = None
        self.wall = self.cpu = 0.0

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        """Start the clock after a barrier."""
        if trainer.current_epoch:
            trainer.strategy.barrier()
            self.began = time.perf_counter(), time.process_time()

    def on_validation_start(self, trainer: Any, pl_module: Any) -> None:
        """Stop the clock."""
        if self.began is not None:
            self.wall += time.perf_counter() - self.began[0]
            self.cpu += time.process_time() - self.began[1]
            self.began = None

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Write the mean times."""
        epochs = trainer.max_epochs - 1
        said = {"wall": self.wall / epochs, "cpu": self.cpu / epochs, "steps": trainer.num_training_batches}
        (self.folder / f"{trainer.global_rank}.json").write_text(json.dumps(said), encoding="utf-8")


def train(processes: int, batch_size: int, folder: Path) -> None:
    """Train, in the measured process and in those that Lightning starts with the same command."""
    # `trainer.devices` rejects more processes than cores; this benchmark shows what they cost.
    there = os.cpu_count() or 1
    os.cpu_count = lambda: max(there, processes)  # type: ignore[assignment]
    from dlcore.runs import fit

    torch.set_num_threads(1)
    fit(
        *("-c", "mlp_fashion_mnist", "--model.hidden_sizes=[1000]", "--model.batch_norm=false", "--model.dropout=0"),
        *("--early_stopping=off", "--reduce_lr_on_plateau=off", "--progress_display=off", "--data.val_size=5000"),
        *("--weight_averaging=off", "--model.loss=cross_entropy"),
        *(f"--data.batch_size={batch_size}", f"--trainer.max_epochs={EPOCHS}", "--trainer.accelerator=cpu"),
        f"--trainer.limit_train_batches={SAMPLES // (batch_size * processes)}",
        *(f"--trainer.devices={processes}", f"--trainer.default_root_dir={folder}"),
        callbacks=[RankClock(folder)],
    )


def _measure(shared: bool, processes: int, arguments: argparse.Namespace) -> Point:
    batch_size = BATCH // processes if shared else BATCH
    with tempfile.TemporaryDirectory(prefix="growth-", dir=arguments.folder) as folder:
        command = module("benchmarks.growth.processes", processes, batch_size, folder)
        used = watched(command, {"OMP_NUM_THREADS": "1"}, every=0.2)  # polling uses the same cores
        ranks = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(Path(folder).glob("*.json"))]
    if len(ranks) != processes:
        raise SystemExit(f"expected {processes} processes, got {len(ranks)}:\n{used.said[-2000:]}")
    return {
        "wall": max(rank["wall"] for rank in ranks),
        "cpu": sum(rank["cpu"] for rank in ranks),
        "steps": ranks[0]["steps"],
        "cores": len(os.sched_getaffinity(0)),
        "largest_own": used.largest,
        "resident": used.resident,
    }


CURVES = tuple(
    Curve(f"processes, {name}", lambda _: SIZES, partial(_measure, shared), "processes")
    for name, shared in (("weak", False), ("strong", True))
)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("processes", type=int)
    parser.add_argument("batch_size", type=int)
    parser.add_argument("folder", type=Path)
    chosen = parser.parse_args()
    train(chosen.processes, chosen.batch_size, chosen.folder)
