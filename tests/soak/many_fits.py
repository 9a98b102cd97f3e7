"""Many fits in one process, and what they leave behind in it."""

from __future__ import annotations

import gc
import json
import os
import random
import sys
import tempfile
import threading
import time
import weakref
from pathlib import Path
from typing import Any

from forked import CONTEXT


def measure_fits(work: Path, fits: int, seconds: float) -> list[dict[str, float]]:
    """Train `fits` times in one process of its own.

    Args:
        work: An empty folder.
        fits: How many.
        seconds: Within which it must be done.

    Returns:
        After each fit: ``rss`` (bytes), ``files``, ``threads``, ``children``, ``temporary`` (files in the temporary
        folder), ``alive`` (trainers, loggers and models of fits that are over), ``seconds`` since the beginning.
    """
    process = CONTEXT.Process(target=_fits, args=(work, fits))
    process.start()
    process.join(seconds)
    if process.is_alive():
        process.kill()
        process.join()
        raise TimeoutError((work / "said").read_text()[-3000:])
    assert process.exitcode == 0, (work / "said").read_text()[-3000:]
    return [json.loads(line) for line in (work / "measured.jsonl").read_text().splitlines()]


def write_numbers(path: Path) -> None:
    """Write a table: 96 rows, two numbers and whether somebody is sick."""
    chances = random.Random(0)
    rows = [(chances.gauss(0, 1), chances.gauss(0, 1)) for _ in range(96)]
    lines = ["length,weight,sick", *(f"{x:.3f},{y:.3f},{'yes' if x + y > 0 else 'no'}" for x, y in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _fits(work: Path, fits: int) -> None:
    os.chdir(work)
    with (work / "said").open("w") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
    import torch

    from dlcore.callbacks import parameter_distribution, run_summary
    from dlcore.runs import fit
    from dlcore.tracking.figures.style import new_figure

    torch.set_num_threads(1)
    os.environ["XDG_CACHE_HOME"] = str(work / "cache")
    tempfile.tempdir = str(work / "temporary")
    Path(tempfile.tempdir).mkdir()
    write_numbers(work / "numbers.csv")
    drawn = [
        (module, name, getattr(module, name))
        for module, name in (
            (parameter_distribution, "layer_overview"),
            (parameter_distribution, "parameter_histograms"),
            (run_summary, "learning_curves"),
        )
    ]
    words = (
        *("-c", "mlp_table_binary", "--data.path=numbers.csv", "--data.target=sick", "--model.hidden_sizes=[8]"),
        *("--trainer.max_epochs=2", "--trainer.log_every_n_steps=1", "--trainer.accelerator=cpu"),
        *("--parameter_distribution.every_n_epochs=1", "--weight_averaging=on"),
    )
    alive: weakref.WeakSet[Any] = weakref.WeakSet()
    began = time.monotonic()
    with (work / "measured.jsonl").open("w") as measured:
        for number in range(fits):
            # Real figures take a second: in every tenth fit, empty ones in the others.
            for module, name, draw in drawn:
                empty = number % 10
                setattr(module, name, (lambda *args, **kwargs: new_figure(1, 1)) if empty else draw)
            run = fit(*words, f"--seed_everything={number}")
            assert run.trainer.global_step == 4, run.trainer.global_step
            alive.update((run.trainer, run.model, run.datamodule, *run.trainer.loggers))
            del run
            measured.write(json.dumps({**_measure(alive), "seconds": time.monotonic() - began}) + "\n")
            measured.flush()
    os._exit(0)


def _measure(alive: weakref.WeakSet[Any]) -> dict[str, Any]:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    children = sum(len((task / "children").read_text().split()) for task in Path("/proc/self/task").iterdir())
    return {
        "rss": pages * os.sysconf("SC_PAGE_SIZE"),
        "files": len(list(Path("/proc/self/fd").iterdir())),
        "threads": threading.active_count(),
        "children": children,
        "temporary": len(list(Path(tempfile.gettempdir()).iterdir())),
        "alive": len(alive),
    }
