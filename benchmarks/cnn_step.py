"""Compare an epoch of dlcore's CNN with a hand-written loop of the same network on the same batches.

Run: python benchmarks/cnn_step.py [--steps 60] [--batch_size 128] [--repeats 5]
Each repeat times, in turns of 50 steps, on images of 28 x 28: the loop (channels_last, fused SGD, nothing else);
dlcore's fit with Lightning, metrics and logging every 50 steps; and the loop in torch's default memory format. Imports
and the first two steps are not timed. Times are CPU times of all threads: other work hardly changes the ratios.
"""

from __future__ import annotations

import argparse
import copy
import os
import statistics
from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from in_turns import InTurns, total
from lightning.pytorch import Trainer
from torch import Tensor, nn
from torch.optim import SGD

from dlcore.data.array_data import ArrayData, Split
from dlcore.execution.loop import ExecutionLoop
from dlcore.models import CNN
from dlcore.runs.process import prepare_process

OPTIMIZER = partial(SGD, lr=0.01, momentum=0.9, nesterov=True, weight_decay=5e-4)
WARM = 2  # steps before the clock starts


class Noise(ArrayData):
    """Images of noise."""

    def __init__(self, steps: int, batch_size: int) -> None:
        super().__init__(batch_size, batch_size, False)
        self.steps = steps

    def load(self) -> dict[str, Split]:
        """Return as many samples as the steps need."""
        count = self.batch_size * self.steps
        inputs = torch.randint(0, 256, (count, 28, 28), dtype=torch.uint8)
        part = Split(inputs, torch.arange(count) % 10, torch.arange(count))
        return {"train": part, "val": part, "test": part}

    def transform(self, inputs: Tensor) -> Tensor:
        """Scale as FashionMNIST does."""
        return inputs.unsqueeze(1).float().div_(255.0)

    def facts(self) -> dict[str, Any]:
        """Return the facts that a model may need."""
        return {"image_shape": [1, 28, 28], "num_classes": 10}


def make_model(data: Noise, channels_last: bool = True) -> CNN:
    torch.manual_seed(0)
    return CNN(channels_last=channels_last, optimizer=OPTIMIZER, **data.facts())


def by_hand(data: Noise, channels_last: bool) -> Iterator[list[Tensor]]:
    model = make_model(data, channels_last).train()
    order = torch.channels_last if channels_last else torch.contiguous_format
    network = model.network
    optimizer = OPTIMIZER(network.parameters(), fused=True)
    for inputs, targets in data.train_dataloader():
        inputs = data.transform(inputs).contiguous(memory_format=order)
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(inputs), targets).backward()
        optimizer.step()
        yield list(network.parameters())


def by_dlcore(data: Noise, channels_last: bool = True) -> InTurns:
    """Time dlcore in turns with the loop, which may have another memory format."""
    clock = InTurns(lambda *_: by_hand(data, channels_last), WARM)
    model = make_model(data)
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = Trainer(
        max_epochs=1, accelerator="cpu", limit_val_batches=0, enable_model_summary=False, callbacks=[clock], **quiet
    )
    trainer.fit_loop.epoch_loop = ExecutionLoop(trainer)
    trainer.fit(model, datamodule=copy.copy(data))  # a copy: the trainer stays attached to it
    if channels_last and not all(map(torch.equal, clock.weights, model.network.parameters())):
        raise SystemExit("the loop and dlcore ended with different weights: they did not do the same")
    return clock


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--batch_size", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=5)
    measure(parser.parse_args())


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Time them in turn; return the printed numbers, for the JSON file."""
    prepare_process()
    torch.manual_seed(0)
    data = Noise(arguments.steps, arguments.batch_size)
    data.setup()
    times: dict[str, list[float]] = {"loop": [], "dlcore": [], "loop, not channels_last": []}
    ratios: dict[str, list[float]] = {name: [] for name in times}
    for _ in range(arguments.repeats):
        clock, other = by_dlcore(data), by_dlcore(data, channels_last=False)
        own, loop, usual = (total(laps).cpu for laps in (clock.fit, clock.loop, other.loop))
        usual *= own / total(other.fit).cpu  # normalise by dlcore's time in each run
        for name, seconds in zip(times, (loop, own, usual), strict=True):
            times[name].append(seconds / (arguments.steps - WARM) * 1000)
            ratios[name].append(seconds / loop)
        line = ", ".join(f"{name} {found[-1]:.1f} ms a step" for name, found in times.items())
        print(f"{line}; weights bit-equal; load {os.getloadavg()[0]:.1f}", flush=True)
    for name, found in times.items():
        ratio = statistics.median(ratios[name])
        print(f"{name:24s} least {min(found):.1f} ms, median {statistics.median(found):.1f} ms, ratio {ratio:.3f}")
    question = "a step of a CNN, by CPU time"
    return {"question": question, **vars(arguments), "milliseconds": times, "ratios_to_raw": ratios}


if __name__ == "__main__":
    main()
