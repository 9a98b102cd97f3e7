"""A study of growing size: 2 … 32 variants of a run that takes no time, one epoch on the built-in table of 569 rows.

What is left is what a study costs for each run beside its training: its folder, config, checkpoints, figures, record.
Measured is the whole command, with one run at a time and with two: time of the clock, CPU time of all processes, most
own memory of the process that leads, and of the largest of those that train.
"""

from __future__ import annotations

import tempfile
from argparse import Namespace
from functools import partial
from pathlib import Path

from benchmarks.growth.points import Curve, Point
from benchmarks.process_family import module, watched

SIZES = (2, 4, 8, 16, 32)


def _measure(jobs: int, variants: int, arguments: Namespace) -> Point:
    rates = ",".join(f"{0.001 + number / 1e5:.5f}" for number in range(variants))
    words = ("study", "-c", "mlp_table_binary", "--vary", f"model.optimizer.lr={rates}", "--seeds", 1)
    flags = ("--trainer.max_epochs", 1, "--trainer.accelerator", "cpu", "--jobs", jobs)
    with tempfile.TemporaryDirectory(prefix="growth-", dir=arguments.folder) as folder:
        # One thread a run in any case: with one run at a time it would be given all cores.
        used = watched(module("dlcore", *words, *flags), {"OMP_NUM_THREADS": "1"}, cwd=Path(folder))
        done = len(list(Path(folder).rglob("last.ckpt")))
    if done != variants:
        raise SystemExit(f"expected {variants} runs, got {done}:\n{used.said[-2000:]}")
    return {"wall": used.wall, "cpu": used.cpu, "first_own": used.first, "largest_own": used.largest}


def _sizes(arguments: Namespace) -> list[int]:
    return [size for size in SIZES if size <= arguments.most_variants]


CURVES = tuple(Curve(f"variants, jobs {jobs}", _sizes, partial(_measure, jobs), "variants") for jobs in (1, 2))
