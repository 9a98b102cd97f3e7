"""Growth with samples, parameters and words: each size trains in a new process, on one thread.

It trains as `fit` does (several steps per execution, metrics, no logging) and reports the CPU time of a step or an
epoch, and the peak memory above that of an idle process.

- samples: an epoch of a small MLP over 10³ … 10⁷ images of 28 x 28 bytes in memory, batches of 256;
- parameters: a step of an MLP of 10⁴ … 10⁸ parameters on a batch of 32, with Adam (fused);
- words: a step of a TextRNN (embedding and hidden size 256) over a vocabulary of 10³ … 5·10⁵, 32 x 32 tokens.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from argparse import Namespace
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from lightning.pytorch import Callback, Trainer
from torch.optim import Adam

from benchmarks.growth.points import Curve, Point
from benchmarks.process_family import module, peak, watched
from benchmarks.step_clock import StepClock
from dlcore.data.array_data import ArrayData, Split
from dlcore.execution.loop import ExecutionLoop
from dlcore.models import MLP, TextRNN
from dlcore.runs.process import prepare_process
from dlcore.text import TextBatch

WARM, STEPS = 3, 12


class Bytes(ArrayData):
    """Random images."""

    def __init__(self, count: int, batch_size: int) -> None:
        super().__init__(batch_size, eval_batch_size=256, drop_last=False)
        self.count = count

    def load(self) -> dict[str, Split]:
        """Return all of them as training samples."""
        pictures = torch.randint(0, 256, (self.count, 784), dtype=torch.uint8)
        return {"train": Split(pictures, torch.randint(0, 10, (self.count,)), torch.arange(self.count))}

    def transform(self, inputs: torch.Tensor) -> torch.Tensor:
        """Scale to [0, 1]."""
        return inputs.float().div_(255)

    def facts(self) -> dict[str, Any]:
        """Return ten classes and 784 features."""
        return {"in_features": 784, "num_classes": 10}


class Batches:
    """A loader of batches that are in memory."""

    def __init__(self, batches: Iterable[TextBatch]) -> None:
        self.batches = list(batches)

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[TextBatch]:
        return iter(self.batches)


class EpochClock(Callback):
    """Measure the CPU time of the only epoch."""

    seconds = start = 0.0

    def on_train_epoch_start(self, *args: Any) -> None:
        """Start the clock."""
        self.start = time.process_time()

    def on_train_epoch_end(self, *args: Any) -> None:
        """Stop the clock."""
        self.seconds = time.process_time() - self.start


def one(question: str, size: int) -> Point:
    """Return seconds, and megabytes above an idle process, of one size; measured in this process."""
    prepare_process()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    warnings.filterwarnings("ignore", ".*have no `val_dataloader`.*")
    optimizer = partial(Adam, lr=0.001)
    idle = peak()
    if question == "samples":
        model: Any = MLP([128], in_features=784, num_classes=10, optimizer=optimizer)
        return _fit(model, EpochClock(), 1, idle, datamodule=Bytes(size, 256))
    if question == "parameters":
        model = MLP([max(size // 795, 1)], in_features=784, num_classes=10, optimizer=optimizer)
        return _fit(model, StepClock(WARM), STEPS, idle, datamodule=Bytes(32 * (STEPS + WARM), 32))
    model = TextRNN("lstm", 256, 256, vocab_size=size, optimizer=optimizer)
    tokens = torch.randint(0, size, (STEPS + WARM, 32, 33))
    batches = Batches(
        TextBatch(each[:, :-1].contiguous(), each[:, 1:].contiguous(), torch.ones(32, 32), number > 0)
        for number, each in enumerate(tokens)
    )
    return _fit(model, StepClock(WARM), STEPS, idle, train_dataloaders=batches)


def _fit(model: Any, clock: Any, steps: int, idle: float, **data: Any) -> Point:
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = Trainer(
        max_epochs=1, accelerator="cpu", limit_val_batches=0, enable_model_summary=False, callbacks=[clock], **quiet
    )
    trainer.fit_loop.epoch_loop = ExecutionLoop(trainer)
    trainer.fit(model, **data)
    return {"seconds": clock.seconds / steps, "megabytes": peak() - idle}


def _in_a_process(question: str, size: int, arguments: Namespace) -> Point:
    return json.loads(watched(module("benchmarks.growth.training", question, size)).said.splitlines()[-1])


def _samples(arguments: Namespace) -> Sequence[int]:
    return [10**power for power in range(3, arguments.largest + 1)]


CURVES = (
    Curve("samples", _samples, partial(_in_a_process, "samples"), "pictures"),
    Curve("parameters", lambda _: [10**power for power in range(4, 9)], partial(_in_a_process, "parameters"), ""),
    Curve("words", lambda _: [10**3, 10**4, 5 * 10**4, 10**5, 5 * 10**5], partial(_in_a_process, "words"), ""),
)


if __name__ == "__main__":
    print(json.dumps(one(sys.argv[1], int(sys.argv[2]))))
