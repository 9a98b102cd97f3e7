"""Compare an ordinary LightningModule in a plain Trainer, with and without `StepsPerExecution`, with a raw loop.

Run: python benchmarks/any_module.py [--batch_size 32] [--epochs 3] [--samples 54000] [--repeats 5] [--threads 1]
The module is written as in Lightning's documentation (automatic optimisation, `self.log` of the loss for step and
epoch, a torchmetrics accuracy updated and logged); its data are a DataLoader over a TensorDataset. On real
FashionMNIST, MLP 784-1000-10, fused Adam, each repeat times

- Lightning: the module in a plain Trainer with a TensorBoardLogger and a checkpoint, without a progress bar;
- StepsPerExecution: the same, with the callback;

each in turns of 50 steps with raw, the best hand-written loop (batches by an index tensor, no logging, no metric).

The times are those of each epoch's training, as CPU time of all threads or wall-clock time. All must end with the same
weights, bit for bit, and both trainers with the same metrics.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from in_turns import InTurns, total
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset
from torchmetrics.classification import MulticlassAccuracy

from dlcore.callbacks import StepsPerExecution
from dlcore.data import FashionMNIST
from dlcore.runs.process import prepare_process

SEED = 3


class Module(LightningModule):
    """A LightningModule as in Lightning's documentation."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(SEED)
        self.network = nn.Sequential(nn.Linear(784, 1000), nn.ReLU(), nn.Linear(1000, 10))
        self.accuracy = MulticlassAccuracy(10, average="micro")

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Return the loss; log it and the accuracy."""
        images, labels = batch
        scores = self.network(images)
        loss = cross_entropy(scores, labels)
        self.accuracy.update(scores, labels)
        self.log("train/loss", loss, on_step=True, on_epoch=True)
        self.log("train/accuracy", self.accuracy, on_step=False, on_epoch=True)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return fused Adam."""
        return torch.optim.Adam(self.parameters(), lr=0.001, fused=True)


def by_hand(data: TensorDataset, batch_size: int) -> Iterator[list[Tensor]]:
    """Train with the best hand-written loop, one step per iteration."""
    module, (images, labels) = Module(), data.tensors
    network, optimizer = module.network, module.configure_optimizers()
    order = torch.Generator().manual_seed(SEED)
    while True:
        torch.empty((), dtype=torch.int64).random_(generator=order)  # a DataLoader draws a seed for its workers
        for index in torch.randperm(len(images), generator=order).split(batch_size):
            loss = cross_entropy(network(images[index]), labels[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            yield list(network.parameters())


def by_trainer(data: TensorDataset, arguments: argparse.Namespace, fast: bool) -> tuple[InTurns, dict[str, float]]:
    """Return the times of a plain Trainer and of the hand-written loop, and the Trainer's metrics."""
    order = torch.Generator().manual_seed(SEED)
    loader = DataLoader(data, arguments.batch_size, shuffle=True, generator=order)
    clock = InTurns(lambda *_: by_hand(data, arguments.batch_size), len(loader))
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            max_epochs=arguments.epochs,
            accelerator="cpu",
            logger=TensorBoardLogger(folder),
            callbacks=[clock, ModelCheckpoint(), *([StepsPerExecution()] if fast else [])],
            enable_model_summary=False,
            enable_progress_bar=False,
        )
        module = Module()
        trainer.fit(module, loader)
    if not all(map(torch.equal, clock.weights, module.network.parameters())):
        raise SystemExit("they ended with different weights: they did not do the same")
    return clock, {name: float(value) for name, value in trainer.callback_metrics.items()}


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Time them in turn; return the printed numbers, for the JSON file."""
    prepare_process()
    torch.set_num_threads(arguments.threads)
    warnings.filterwarnings("ignore", ".*does not have many workers.*")
    source = FashionMNIST(val_size=5000)
    part = source.load()["train"]
    whole = arguments.samples // arguments.batch_size * arguments.batch_size  # a sampler draws again for a remainder
    chosen = part.indices[:whole]
    data = TensorDataset(part.inputs[chosen].flatten(1).float().div_(255), part.targets[chosen].long())
    place = {"wall": 0, "CPU": 1}[arguments.clock]
    ratios: dict[str, list[float]] = {"raw": [], "Lightning": [], "StepsPerExecution": []}
    for _ in range(arguments.repeats):
        usual, metrics = by_trainer(data, arguments, fast=False)
        fast, same = by_trainer(data, arguments, fast=True)
        if metrics != same:
            raise SystemExit("they ended with different metrics: they did not do the same")
        pairs = {
            name: (total(each.fit)[place], total(each.loop)[place])
            for name, each in zip(("Lightning", "StepsPerExecution"), (usual, fast), strict=True)
        }
        ratios["raw"].append(1.0)
        for name, (own, loop) in pairs.items():
            ratios[name].append(own / loop)
        line = ", ".join(f"{name} {own:.2f} s beside {loop:.2f} s" for name, (own, loop) in pairs.items())
        print(f"batch {arguments.batch_size}: {line}; weights bit-equal; load {os.getloadavg()[0]:.1f}", flush=True)
    for name, each in ratios.items():
        print(f"{name:20s} {statistics.median(each):.3f} times raw ({min(each):.3f} to {max(each):.3f})", flush=True)
    settings = {key: getattr(arguments, key) for key in ("batch_size", "epochs", "samples", "repeats", "threads")}
    return {"question": "anybody's module", **settings, "ratios_to_raw": ratios}


def main() -> None:
    """Time them in turn and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--samples", type=int, default=54_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--clock", choices=("wall", "CPU"), default="CPU", help="by which ratios are told")
    measure(parser.parse_args())


if __name__ == "__main__":
    main()
