"""Growth with the size of a study: 2 … 32 variants of a very short run, one epoch on the built-in table of 569 rows.

So the measured cost is that of a run without its training: folder, config, checkpoints, figures, record. The whole
command is measured, with one run at a time and with two: wall-clock time, CPU time of all processes, and the largest
own memory of the main process and of any process.
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
        # One thread per run: a single run at a time would get all cores.
        used = watched(module("dlcore", *words, *flags), {"OMP_NUM_THREADS": "1"}, cwd=Path(folder))
        done = len(list(Path(folder).rglob("last.ckpt")))
    if done != variants:
        raise SystemExit(f"expected {variants} runs, got {done}:\n{used.said[-2000:]}")
    return {"wall": used.wall, "cpu": used.cpu, "first_own": used.first, "largest_own": used.largest}


def _sizes(arguments: Namespace) -> list[int]:
    return [size for size in SIZES if size <= arguments.most_variants]


CURVES = tuple(Curve(f"variants, jobs {jobs}", _sizes, partial(_measure, jobs), "variants") for jobs in (1, 2))
