"""An ordinary LightningModule in a plain Trainer, with and without `StepsPerExecution`, beside a loop by hand.

Run: python benchmarks/any_module.py [--batch_size 32] [--epochs 3] [--samples 54000] [--repeats 5] [--threads 1]
The module is written as in Lightning's documentation (automatic optimisation, `self.log` of the loss for step and
epoch, a torchmetrics accuracy updated and logged); its data are a DataLoader over a TensorDataset. Each repeat times in
turn, in one process, on real FashionMNIST, MLP 784-1000-10, fused Adam:

- raw: the best loop by hand: batches by an index tensor, no logging, no metric;
- Lightning: the module in a plain Trainer with a TensorBoardLogger and a checkpoint, without a progress bar;
- StepsPerExecution: the same, with the callback.

Timed is what each epoch trains, after the first, by CPU time of all threads or by the clock. All three must end with
the same weights, bit for bit, and both trainers with the same metrics.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import warnings
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from mlp_loop import Lap, Stopwatch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset
from torchmetrics.classification import MulticlassAccuracy

from dlcore.callbacks import StepsPerExecution
from dlcore.data import FashionMNIST
from dlcore.runs.process import prepare_process

SEED = 3
NAMES = ("raw", "Lightning", "StepsPerExecution")


class Module(LightningModule):
    """A LightningModule as Lightning's documentation has it."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(SEED)
        self.network = nn.Sequential(nn.Linear(784, 1000), nn.ReLU(), nn.Linear(1000, 10))
        self.accuracy = MulticlassAccuracy(10, average="micro")

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Loss, logged with the accuracy."""
        images, labels = batch
        scores = self.network(images)
        loss = cross_entropy(scores, labels)
        self.accuracy.update(scores, labels)
        self.log("train/loss", loss, on_step=True, on_epoch=True)
        self.log("train/accuracy", self.accuracy, on_step=False, on_epoch=True)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Fused Adam."""
        return torch.optim.Adam(self.parameters(), lr=0.001, fused=True)


class EpochClock(Callback):
    """Times the training of each epoch after the first."""

    def __init__(self) -> None:
        self.stopwatch = Stopwatch()

    def on_train_epoch_start(self, trainer: Trainer, *args: Any) -> None:
        """Start."""
        if trainer.current_epoch:
            self.stopwatch.start()

    def on_train_epoch_end(self, *args: Any) -> None:
        """Stop."""
        self.stopwatch.stop()


def by_trainer(data: TensorDataset, arguments: argparse.Namespace, fast: bool) -> tuple[Lap, Module, dict[str, float]]:
    """Time, module and metrics of a plain Trainer."""
    order = torch.Generator().manual_seed(SEED)
    loader = DataLoader(data, arguments.batch_size, shuffle=True, generator=order)
    clock = EpochClock()
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
    return clock.stopwatch.total(), module, {name: float(value) for name, value in trainer.callback_metrics.items()}


def raw(data: TensorDataset, arguments: argparse.Namespace) -> tuple[Lap, Module]:
    """Time and module of a loop by hand."""
    module, (images, labels) = Module(), data.tensors
    network, optimizer = module.network, module.configure_optimizers()
    order, stopwatch = torch.Generator().manual_seed(SEED), Stopwatch()
    for epoch in range(arguments.epochs):
        torch.empty((), dtype=torch.int64).random_(generator=order)  # a DataLoader draws a seed for its workers
        if epoch:
            stopwatch.start()
        for index in torch.randperm(len(images), generator=order).split(arguments.batch_size):
            loss = cross_entropy(network(images[index]), labels[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        stopwatch.stop()
    return stopwatch.total(), module


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Time them in turn; give what is printed, for the JSON file."""
    prepare_process()
    torch.set_num_threads(arguments.threads)
    warnings.filterwarnings("ignore", ".*does not have many workers.*")
    source = FashionMNIST(val_size=5000)
    part = source.load()["train"]
    whole = arguments.samples // arguments.batch_size * arguments.batch_size  # a sampler draws once more for a rest
    chosen = part.indices[:whole]
    data = TensorDataset(part.inputs[chosen].flatten(1).float().div_(255), part.targets[chosen].long())
    laps: dict[str, list[Lap]] = {name: [] for name in NAMES}
    for _ in range(arguments.repeats):
        by_hand, network = raw(data, arguments)
        usual, module, metrics = by_trainer(data, arguments, fast=False)
        fast, other, same = by_trainer(data, arguments, fast=True)
        for name, lap in zip(NAMES, (by_hand, usual, fast), strict=True):
            laps[name].append(lap)
        weights = [list(each.network.parameters()) for each in (network, module, other)]
        if not all(map(torch.equal, *weights[:2])) or not all(map(torch.equal, *weights[1:])) or metrics != same:
            raise SystemExit("they ended with different weights or metrics: they did not do the same")
        line = ", ".join(f"{name} {each[-1].cpu:.2f} s" for name, each in laps.items())
        print(f"batch {arguments.batch_size}: CPU {line}; weights bit-equal; load {os.getloadavg()[0]:.1f}", flush=True)
    place = {"wall": 0, "CPU": 1}[arguments.clock]
    pairs = {name: zip(each, laps["raw"], strict=True) for name, each in laps.items()}
    ratios = {name: [a[place] / b[place] for a, b in each] for name, each in pairs.items()}
    for name, each in ratios.items():
        print(f"{name:20s} {statistics.median(each):.3f} times raw ({min(each):.3f} to {max(each):.3f})", flush=True)
    settings = {key: getattr(arguments, key) for key in ("batch_size", "epochs", "samples", "repeats", "threads")}
    return {"question": "anybody's module", **settings, "laps": laps, "ratios_to_raw": ratios}


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
