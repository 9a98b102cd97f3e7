"""How time and memory grow: with samples, parameters and words; a figure with a panel for each.

Run: python benchmarks/growth.py [--largest 7] [--figure growth.png] [--json growth.json]
Each point is a process of its own on one thread, which trains as `fit` does (several steps in one, metrics, no logging)
and says the CPU time of a step or an epoch, and its peak memory above that of an idle one. Straight lines of slope 1 in
the figure (both axes logarithmic) are what should be seen where size is what costs.

- samples: an epoch of a small MLP over 10³ … 10^largest pictures of 28 x 28 bytes in memory, batches of 256;
- parameters: a step of an MLP of 10⁴ … 10⁸ parameters on a batch of 32, with Adam (fused);
- words: a step of a TextRNN (256 numbers a word, 256 states) over a vocabulary of 10³ … 5·10⁵, 32 x 32 tokens.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, Trainer
from step_clock import StepClock
from torch.optim import Adam

from dlcore.data.array_data import ArrayData, Part
from dlcore.models import MLP, TextRNN
from dlcore.runs.execution import ExecutionLoop
from dlcore.runs.process import prepare_process
from dlcore.text import TextBatch

SIZES = {
    "samples": [10**3, 10**4, 10**5, 10**6, 10**7],
    "parameters": [10**4, 10**5, 10**6, 10**7, 10**8],
    "words": [10**3, 10**4, 5 * 10**4, 10**5, 5 * 10**5],
}
UNITS = {"samples": "an epoch", "parameters": "a step", "words": "a step"}
WARM, STEPS = 3, 12


class Bytes(ArrayData):
    """Pictures by chance."""

    def __init__(self, count: int, batch_size: int) -> None:
        super().__init__(batch_size, eval_batch_size=256, drop_last=False)
        self.count = count

    def load(self) -> dict[str, Part]:
        """All of them for training."""
        pictures = torch.randint(0, 256, (self.count, 784), dtype=torch.uint8)
        return {"train": Part(pictures, torch.randint(0, 10, (self.count,)), torch.arange(self.count))}

    def transform(self, inputs: torch.Tensor) -> torch.Tensor:
        """In [0, 1]."""
        return inputs.float().div_(255)

    def facts(self) -> dict[str, Any]:
        """Ten classes of 784 numbers."""
        return {"in_features": 784, "num_classes": 10}


class Batches:
    """Batches that are there already."""

    def __init__(self, batches: Iterable[TextBatch]) -> None:
        self.batches = list(batches)

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[TextBatch]:
        return iter(self.batches)


class EpochClock(Callback):
    """The CPU time of the one epoch."""

    seconds = start = 0.0

    def on_train_epoch_start(self, *args: Any) -> None:
        """Start."""
        self.start = time.process_time()

    def on_train_epoch_end(self, *args: Any) -> None:
        """Stop."""
        self.seconds = time.process_time() - self.start


def one(question: str, size: int) -> dict[str, float]:
    """Seconds, and megabytes above an idle process, of one size."""
    prepare_process()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    warnings.filterwarnings("ignore", ".*have no `val_dataloader`.*")
    optimizer = partial(Adam, lr=0.001)
    idle = _peak()
    if question == "samples":
        model: Any = MLP([128], in_features=784, num_classes=10, optimizer=optimizer)
        return _fit(model, EpochClock(), 1, idle, datamodule=Bytes(size, 256), max_epochs=1)
    if question == "parameters":
        model = MLP([max(size // 795, 1)], in_features=784, num_classes=10, optimizer=optimizer)
        data = Bytes(32 * (STEPS + WARM), 32)
        return _fit(model, StepClock(WARM), STEPS, idle, datamodule=data, max_epochs=1)
    model = TextRNN("lstm", 256, 256, vocab_size=size, optimizer=optimizer)
    tokens = torch.randint(0, size, (STEPS + WARM, 32, 33))
    batches = Batches(
        TextBatch(each[:, :-1].contiguous(), each[:, 1:].contiguous(), torch.ones(32, 32), number > 0)
        for number, each in enumerate(tokens)
    )
    return _fit(model, StepClock(WARM), STEPS, idle, train_dataloaders=batches, max_epochs=1)


def _fit(model: Any, clock: Any, steps: int, idle: float, max_epochs: int, **data: Any) -> dict[str, float]:
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = Trainer(
        max_epochs=max_epochs, accelerator="cpu", limit_val_batches=0, enable_model_summary=False, callbacks=[clock],
        **quiet,
    )  # fmt: skip
    trainer.fit_loop.epoch_loop = ExecutionLoop(trainer)
    trainer.fit(model, **data)
    return {"seconds": clock.seconds / steps, "megabytes": _peak() - idle}


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def draw(found: dict[str, dict[str, dict[str, float]]], path: Path) -> None:
    """A panel for each question: time on the left axis, memory on the right."""
    from dlcore.tracking.figures.style import new_figure

    figure = new_figure(12, 4)
    for place, (question, points) in enumerate(found.items(), 1):
        axes = figure.add_subplot(1, 3, place)
        sizes = [int(size) for size in points]
        seconds = [point["seconds"] for point in points.values()]
        axes.loglog(sizes, seconds, "o-", color="tab:blue", label=f"seconds {UNITS[question]}")
        last = seconds[-1] / sizes[-1]
        axes.loglog(sizes, [last * size for size in sizes], ":", color="gray", label="slope 1")
        axes.set_xlabel(question)
        axes.set_ylabel(f"CPU seconds {UNITS[question]}", color="tab:blue")
        memory = axes.twinx()
        memory.loglog(sizes, [point["megabytes"] for point in points.values()], "s--", color="tab:red")
        memory.set_ylabel("peak memory above idle, MB", color="tab:red")
        axes.legend(loc="upper left", fontsize=8)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Measure each size in a process of its own; print, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--one", nargs=2, metavar=("QUESTION", "SIZE"), help="measure this and print JSON")
    parser.add_argument("--largest", type=int, default=7, help="samples: power of ten of the largest set")
    parser.add_argument("--figure", type=Path, default=Path("growth.png"))
    parser.add_argument("--json", type=Path, default=Path("growth.json"))
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(one(arguments.one[0], int(arguments.one[1]))))
        return
    found: dict[str, dict[str, dict[str, float]]] = {}
    for question, sizes in SIZES.items():
        for size in sizes:
            if question == "samples" and size > 10**arguments.largest:
                continue
            command = [sys.executable, __file__, "--one", question, str(size)]
            answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            point = json.loads(answer.splitlines()[-1])
            found.setdefault(question, {})[str(size)] = point
            print(f"{question} {size:>11,}: {point['seconds']:.4f} s, {point['megabytes']:,.0f} MB", flush=True)
    arguments.json.write_text(json.dumps(found, indent=1), encoding="utf-8")
    draw(found, arguments.figure)


if __name__ == "__main__":
    main()
