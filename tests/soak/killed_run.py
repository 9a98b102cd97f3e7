"""One run that is killed again and again, at any moment, and goes on from its folder each time."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forked import CONTEXT
from lightning.pytorch import Callback
from many_fits import write_numbers

from dlcore.tracking.event_files import _records, find_event_files


@dataclass
class Kills:
    """How it went.

    Attributes:
        starts: How often it was started.
        before_training: Kills before its first step.
        while_writing: Kills that left a half-written checkpoint beside the whole ones.
        steps: The step of the checkpoint that each start went on from.
        seconds: In all.
    """

    starts: int = 0
    before_training: int = 0
    while_writing: int = 0
    steps: tuple[int, ...] = ()
    seconds: float = 0.0


class Tells(Callback):
    """Leaves a file when the training begins: a lock would be lost with the process that is killed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        self.path.touch()


def words(epochs: int) -> tuple[str, ...]:
    return (
        *("-c", "mlp_table_binary", "--data.path=numbers.csv", "--data.target=sick", "--model.hidden_sizes=[8]"),
        *("--data.batch_size=8", "--checkpoint.every_n_steps=1", "--early_stopping=off", "--progress_display=off"),
        *("--trainer.log_every_n_steps=1", "--trainer.accelerator=cpu", f"--trainer.max_epochs={epochs}"),
    )


def train_whole(work: Path, epochs: int, seconds: float) -> None:
    """Train without a kill, into ``work/run``."""
    process = _start(work, epochs)
    _wait(process, work, seconds)


def train_killed(work: Path, epochs: int, kills: int, seed: int, seconds: float, after_kill: Any) -> Kills:
    """Train into ``work/run`` with `kills` kills at random moments, and then to the end.

    Args:
        work: A folder.
        epochs: How long the run is.
        kills: How often it is killed.
        seed: Of the moments.
        seconds: Within which the last start must come to its end.
        after_kill: Called with the run's folder after each kill.
    """
    chances, went, began = random.Random(seed), Kills(), time.monotonic()
    checkpoints = work / "run" / "checkpoints"
    killed = 0
    while killed < kills:
        begun = work / "begun"
        begun.unlink(missing_ok=True)
        process = _start(work, epochs)
        went.starts += 1
        if chances.random() < 0.15:  # while it starts: it reads its files, and cuts off what lies beyond its step
            process.join(chances.uniform(0.0, 0.8))
        else:
            while not begun.exists() and process.is_alive():
                time.sleep(0.01)
            process.join(chances.uniform(0.0, 0.4))
        if not process.is_alive():
            break  # it has come to its end
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        killed += 1
        went.before_training += not begun.exists()
        went.while_writing += any(path.suffix == ".tmp" for path in checkpoints.glob("*") if "tmp" in path.name)
        after_kill(work / "run")
    assert killed == kills, f"the run was over after {killed} kills"
    process = _start(work, epochs)
    went.starts += 1
    _wait(process, work, seconds)
    went.seconds = time.monotonic() - began
    return went


def _start(work: Path, epochs: int) -> Any:
    process = CONTEXT.Process(target=_fit, args=(work, epochs))
    process.start()
    return process


def _wait(process: Any, work: Path, seconds: float) -> None:
    process.join(seconds)
    if process.is_alive():
        process.kill()
        process.join()
    assert process.exitcode == 0, (work / "said").read_text()[-3000:]


def _fit(work: Path, epochs: int) -> None:
    os.setsid()
    os.chdir(work)
    with (work / "said").open("w") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
    os.environ["XDG_CACHE_HOME"] = str(work / "cache")
    import torch
    from blank_figures import blank

    from dlcore.runs import fit

    torch.set_num_threads(1)
    blank()
    if not (work / "numbers.csv").exists():
        write_numbers(work / "numbers.csv")
    folder = work / "run"
    if any((folder / "checkpoints").glob("*.ckpt")):
        fit("--ckpt_path", str(folder), callbacks=[Tells(work / "begun")])
    else:
        shutil.rmtree(folder, ignore_errors=True)
        fit(*words(epochs), callbacks=[Tells(work / "begun")], folder=folder)
    os._exit(0)


def points(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """The curves of a run by tag, as its event files hold them."""
    curves: dict[str, list[tuple[int, float]]] = {}
    for path in find_event_files(folder):
        content = path.read_bytes()
        assert sum(len(record) for record, _ in _records(content)) == len(content), path
        for _, event in _records(content):
            assert event is not None, path
            for value in event.summary.value:
                if value.HasField("simple_value"):
                    curves.setdefault(value.tag, []).append((event.step, value.simple_value))
    return curves


def first_differences(mine: dict[str, list], theirs: dict[str, list]) -> dict[str, tuple]:
    """Of each column that differs, the lengths, and the first row that does with the rows around it."""
    found = {}
    for name in mine.keys() | theirs.keys():
        one, other = mine.get(name, []), theirs.get(name, [])
        if one != other:
            pairs = enumerate(zip(one, other, strict=False))
            row = next((row for row, (left, right) in pairs if left != right), min(len(one), len(other)))
            found[name] = (len(one), len(other), row, one[max(row - 2, 0) : row + 3], other[max(row - 2, 0) : row + 3])
    return found
