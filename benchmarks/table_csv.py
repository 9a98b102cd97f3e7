"""How long a CSV of a million rows takes to be read and learned from, against reading it alone.

Run: python benchmarks/table_csv.py [--rows 1000000] [--columns 20] [--repeats 5]
Each repeat times in turn: pandas reads the file; dlcore reads it, standardises it, trains one epoch of an MLP
(20-64-1, batches of 8,192 rows) on 80% of the rows and validates on 10%. The requirement is a ratio of at most 3.
Imports are not timed. Polars is timed beside them where it is installed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from dlcore.runs import fit

BATCH_SIZE = 8192


def write_table(path: Path, rows: int, columns: int) -> None:
    rng = np.random.default_rng(0)
    values = rng.standard_normal((rows, columns)).astype(np.float32)
    values[:, -1] = values[:, :-1].sum(axis=1)
    names = [*(f"x{number}" for number in range(columns - 1)), "y"]
    pd.DataFrame(values, columns=names).to_csv(path, index=False, float_format="%.6f")


def train(path: Path, folder: Path) -> None:
    fit(
        *("-c", "mlp_table_regression", "--data.path", str(path), "--data.batch_size", str(BATCH_SIZE)),
        *(
            "--data.val_size=0.1",
            "--data.test_size=0.1",
            "--model.hidden_sizes=[64]",
            "--model.dropout=0",
            "--trainer.max_epochs=1",
        ),
        *("--trainer.default_root_dir", str(folder), "--parameter_distribution=off", "--progress_display=off"),
    )


def read_by_polars(path: Path) -> None:
    import polars

    polars.read_csv(path)


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "table.csv"
        write_table(path, arguments.rows, arguments.columns)
        small = folder / "small.csv"
        write_table(small, 1000, arguments.columns)
        train(small, folder)  # imports, and what is made once
        works: dict[str, Callable[[], object]] = {
            "pandas reads": lambda: pd.read_csv(path),
            "dlcore reads and trains an epoch": lambda: train(path, folder),
        }
        try:
            import polars  # noqa: F401
        except ImportError:
            pass
        else:
            works["polars reads"] = lambda: read_by_polars(path)
        print(f"{arguments.rows:,} rows, {arguments.columns} columns, {path.stat().st_size / 1e6:.0f} MB")
        times: dict[str, list[float]] = {name: [] for name in works}
        for _ in range(arguments.repeats):
            for name, work in works.items():
                times[name].append(timed(work))
            print("  ".join(f"{name} {found[-1]:.2f} s" for name, found in times.items()), os.getloadavg()[0])
    for name, found in times.items():
        print(f"{name:34s} median {statistics.median(found):.2f} s, least {min(found):.2f} s")
    ratios = [b / a for a, b in zip(times["pandas reads"], times["dlcore reads and trains an epoch"], strict=True)]
    least = min(times["dlcore reads and trains an epoch"]) / min(times["pandas reads"])
    print(f"ratio dlcore / pandas alone: median {statistics.median(ratios):.2f}, of the least times {least:.2f}")


if __name__ == "__main__":
    main()
