"""Compare the time to read a CSV of a million rows and train on it with the time to read it only.

Run: python benchmarks/table_csv.py [--rows 1000000] [--columns 20] [--repeats 5]
Each repeat times in turn: pandas reads the file; dlcore reads it, standardises it, trains one epoch of an MLP
(20-64-1, batches of 8,192 rows) on 80% of the rows and validates on 10%: from Python, and as the command ``fit``, which
also parses its settings and writes a run. The required ratio is at most 3.
Imports are not timed. Polars is timed too if it is installed.
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
import torch
from lightning.pytorch import Trainer

from dlcore.data import Table
from dlcore.models import MLP
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


def load_and_train(path: Path) -> None:
    """Train the same model on the same data from Python, without a command line or a run folder."""
    data = Table(str(path), batch_size=BATCH_SIZE, val_size=0.1, test_size=0.1)
    model = MLP([64], task="regression", in_features=data.facts()["in_features"], optimizer=torch.optim.Adam)
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    Trainer(max_epochs=1, enable_model_summary=False, accelerator="cpu", **quiet).fit(model, datamodule=data)


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
        load_and_train(small)
        train(small, folder)  # warm up: imports and caches
        works: dict[str, Callable[[], object]] = {
            "pandas reads": lambda: pd.read_csv(path),
            "dlcore loads and trains an epoch": lambda: load_and_train(path),
            "the whole command fit": lambda: train(path, folder),
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
    for name in ("dlcore loads and trains an epoch", "the whole command fit"):
        ratios = [mine / alone for alone, mine in zip(times["pandas reads"], times[name], strict=True)]
        print(f"{name} / pandas alone: median {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
