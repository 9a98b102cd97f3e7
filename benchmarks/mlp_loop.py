"""How long an epoch of dlcore's MLP takes, against the best hand-written loop and others, on real FashionMNIST.

Run: python benchmarks/mlp_loop.py [--batch_size 32] [--epochs 2] [--samples 60000] [--repeats 5]
The network is 784-1000-10 with ReLU, trained by Adam. Each repeat times in turn, in one process on one thread:

- raw: a loop by hand: samples in memory, batches by an index tensor, fused Adam, subnormal numbers flushed, no more;
- textbook: a textbook chapter's loop: a Dataset that gives one sample at a time, a DataLoader, `.item()` each step;
- dlcore: `fit` as a user gets it, with metrics, TensorBoard, histograms and checkpoints;
- dlcore, one by one: the same with --steps_per_execution 1.

Timed is the CPU time of the epochs' training, without validation. raw and both of dlcore must end with the same
weights, bit for bit.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from typing import Any

import torch
from lightning.pytorch import Callback
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

from dlcore.data import FashionMNIST
from dlcore.data.batches import epoch_order
from dlcore.runs import fit
from dlcore.runs.process import prepare_process

LR = 0.001


class TrainingClock(Callback):
    """Times what an epoch trains, up to its validation; keeps the weights of the start."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.began: float | None = None
        self.initial: dict[str, Tensor] = {}
        self.order_seed = 0

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Keep what a loop by hand needs to do the same."""
        self.initial = {name: value.clone() for name, value in pl_module.network.state_dict().items()}
        self.order_seed = trainer.datamodule.order_seed

    def on_train_epoch_start(self, *args: Any) -> None:
        """Start."""
        self.began = time.process_time()

    def on_validation_start(self, *args: Any) -> None:
        """Stop."""
        if self.began is not None:
            self.seconds += time.process_time() - self.began
            self.began = None


def network() -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 1000), nn.ReLU(), nn.Linear(1000, 10))


def by_dlcore(arguments: argparse.Namespace, *words: str) -> tuple[float, list[Tensor], TrainingClock]:
    clock = TrainingClock()
    with tempfile.TemporaryDirectory() as folder:
        run = fit(
            *("-c", "mlp_fashion_mnist", "--model.hidden_sizes=[1000]", "--model.batch_norm=false"),
            *("--model.dropout=0", "--model.optimizer=Adam", f"--model.optimizer.lr={LR}", "--early_stopping=off"),
            *("--reduce_lr_on_plateau=off", f"--data.batch_size={arguments.batch_size}", "--data.val_size=5000"),
            *(f"--trainer.max_epochs={arguments.epochs}", "--trainer.accelerator=cpu", "--progress_display=off"),
            f"--trainer.limit_train_batches={arguments.samples // arguments.batch_size}",
            *("--trainer.default_root_dir", folder, *words),
            callbacks=[clock],
        )
    return clock.seconds, list(run.model.network.parameters()), clock


def raw(part: Any, clock: TrainingClock, arguments: argparse.Namespace) -> tuple[float, list[Tensor]]:
    net = network()
    for own, given in zip(net.parameters(), clock.initial.values(), strict=True):
        own.data.copy_(given)
    optimizer = torch.optim.Adam(net.parameters(), lr=LR, fused=True)
    images, labels = part.inputs, part.targets
    size = arguments.batch_size
    seconds = 0.0
    for epoch in range(arguments.epochs):
        began = time.process_time()
        order = part.indices[epoch_order(len(part), clock.order_seed, epoch)][: arguments.samples // size * size]
        for indices in order.split(size):
            inputs = images.index_select(0, indices).float().div_(255)
            loss = cross_entropy(net(inputs), labels.index_select(0, indices))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        seconds += time.process_time() - began
    return seconds, list(net.parameters())


def textbook(part: Any, arguments: argparse.Namespace) -> float:
    net = network()
    optimizer = torch.optim.Adam(net.parameters(), lr=LR)
    inputs = part.inputs[part.indices].float() / 255
    loader = DataLoader(
        TensorDataset(inputs[: arguments.samples], part.targets[part.indices][: arguments.samples]),
        batch_size=arguments.batch_size,
        shuffle=True,
    )
    criterion = nn.CrossEntropyLoss()
    began = time.process_time()
    for _ in range(arguments.epochs):
        total, right = 0.0, 0
        for images, labels in loader:
            scores = net(images)
            loss = criterion(scores, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
            right += (scores.argmax(1) == labels).sum().item()
    return time.process_time() - began


def main() -> None:
    """Time them in turn and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--samples", type=int, default=54_000)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    prepare_process()
    torch.set_num_threads(1)
    data = FashionMNIST(val_size=5000, batch_size=arguments.batch_size)
    found: dict[str, list[float]] = {"raw": [], "textbook": [], "dlcore": [], "dlcore, one by one": []}
    for _ in range(arguments.repeats):
        own, trained, clock = by_dlcore(arguments)
        single, trained_singly, _ = by_dlcore(arguments, "--steps_per_execution=1")
        if not data.parts:
            data.parts = data.load()
        by_hand, weights = raw(data.parts["train"], clock, arguments)
        book = textbook(data.parts["train"], arguments)
        for name, seconds in zip(found, (by_hand, book, own, single), strict=True):
            found[name].append(seconds)
        equal = [all(map(torch.equal, weights, other)) for other in (trained, trained_singly)]
        line = ", ".join(f"{name} {seconds[-1]:.2f} s" for name, seconds in found.items())
        print(f"{line}; weights bit-equal: {equal}; load {os.getloadavg()[0]:.1f}", flush=True)
    for name, seconds in found.items():
        ratios = [a / b for a, b in zip(seconds, found["raw"], strict=True)]
        print(f"{name:20s} {statistics.median(ratios):.3f} times raw ({min(ratios):.3f} to {max(ratios):.3f})")


if __name__ == "__main__":
    main()
