"""Compare an epoch of dlcore's MLP with the best hand-written loop and others, on real FashionMNIST.

Run: python benchmarks/mlp_loop.py [--batch_size 32] [--epochs 2] [--samples 54000] [--repeats 7] [--threads 2]
The network is 784-1000-10 with ReLU, trained by Adam. Each repeat times in turn, in one process:

- raw: a hand-written loop: samples in memory, batches by an index tensor, fused Adam, subnormal numbers flushed;
- textbook: a textbook chapter's loop: a Dataset that gives one sample at a time, a DataLoader, `.item()` each step;
- Lightning as usually written: a DataLoader of samples, `self.log`, a metric's forward each step, TensorBoard, progress
  bar;
- dlcore: `fit` with the defaults: metrics, TensorBoard, histograms, checkpoints and its progress line;
- dlcore, one by one: the same with --steps_per_execution 1.

All write to a hidden terminal. The times are those of training, without validation: wall-clock time (which needs an
idle machine) and CPU time of all threads. dlcore and raw take turns of 50 steps, so that changes of the machine's speed
affect both, and must end with the same weights, bit for bit.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch
from in_turns import InTurns, Lap, total
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset
from torchmetrics.classification import MulticlassAccuracy
from unseen_terminal import unseen_terminal

from dlcore.data import FashionMNIST
from dlcore.data.batches import epoch_order
from dlcore.runs import fit
from dlcore.runs.process import prepare_process

LR = 0.001
NAMES = ("raw", "textbook", "usual Lightning", "dlcore", "dlcore, one by one")


class Stopwatch:
    """A stopwatch with laps."""

    def __init__(self) -> None:
        self.laps: list[Lap] = []
        self._began: Lap | None = None

    def start(self) -> None:
        """Start a lap."""
        self._began = Lap.now()

    def stop(self) -> None:
        """End the lap, if one is running."""
        if self._began is not None:
            self.laps.append(Lap.now().since(self._began))
            self._began = None


class TrainingClock(Callback):
    """Time each epoch's training, up to its validation; save the initial weights."""

    def __init__(self) -> None:
        self.stopwatch = Stopwatch()
        self.initial: dict[str, Tensor] = {}
        self.order_seed = 0

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Save what the hand-written loop needs to do the same."""
        self.initial = {name: value.clone() for name, value in pl_module.network.state_dict().items()}
        self.order_seed = trainer.datamodule.order_seed

    def on_train_epoch_start(self, *args: Any) -> None:
        """Start the stopwatch."""
        self.stopwatch.start()

    def on_validation_start(self, *args: Any) -> None:
        """Stop the stopwatch."""
        self.stopwatch.stop()


def network() -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 1000), nn.ReLU(), nn.Linear(1000, 10))


def flags(arguments: argparse.Namespace, folder: str, processes: int = 1) -> list[str]:
    """Return the flags of `fit` for the same training as the hand-written loop."""
    return [
        *("-c", "mlp_fashion_mnist", "--model.hidden_sizes=[1000]", "--model.batch_norm=false", "--model.dropout=0"),
        *("--model.optimizer=Adam", f"--model.optimizer.lr={LR}", "--early_stopping=off", "--reduce_lr_on_plateau=off"),
        *("--weight_averaging=off", "--model.loss=cross_entropy"),
        *(f"--data.batch_size={arguments.batch_size}", "--data.val_size=5000"),
        *(f"--trainer.max_epochs={arguments.epochs}", "--trainer.accelerator=cpu"),
        f"--trainer.limit_train_batches={arguments.samples // (arguments.batch_size * processes)}",
        *(f"--trainer.devices={processes}", "--trainer.default_root_dir", folder),
    ]


def by_dlcore(
    arguments: argparse.Namespace, *words: str, others: Sequence[Callback] = ()
) -> tuple[Stopwatch, list[Tensor], TrainingClock]:
    """Train with `fit`; return the epochs' times, the final weights and the clock. Other callbacks run before it."""
    clock = TrainingClock()
    with tempfile.TemporaryDirectory() as folder:
        run = fit(*flags(arguments, folder), *words, callbacks=[*others, clock])
    return clock.stopwatch, list(run.model.network.parameters()), clock


def steps_by_hand(
    part: Any, initial: Iterable[Tensor], order_seed: int, arguments: argparse.Namespace
) -> Iterator[list[Tensor]]:
    """Train with the hand-written loop, one step per item, from given weights, in dlcore's data order."""
    net = network()
    for own, given in zip(net.parameters(), initial, strict=True):
        own.data.copy_(given)
    optimizer = torch.optim.Adam(net.parameters(), lr=LR, fused=True)
    images, labels = part.inputs, part.targets
    size = arguments.batch_size
    for epoch in range(arguments.epochs):
        order = part.indices[epoch_order(len(part), order_seed, epoch)][: arguments.samples // size * size]
        for indices in order.split(size):
            inputs = images.index_select(0, indices).float().div_(255)
            loss = cross_entropy(net(inputs), labels.index_select(0, indices))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            yield list(net.parameters())


def in_turns(part: Any, arguments: argparse.Namespace, *words: str) -> InTurns:
    """Time `fit` and the hand-written loop in turns."""

    def by_hand(trainer: Any, model: Any) -> Iterator[list[Tensor]]:
        initial = [each.detach().clone() for each in model.network.parameters()]
        return steps_by_hand(part, initial, trainer.datamodule.order_seed, arguments)

    clock = InTurns(by_hand)
    with tempfile.TemporaryDirectory() as folder:
        run = fit(*flags(arguments, folder), *words, callbacks=[clock])
    if not all(map(torch.equal, clock.weights, run.model.network.parameters())):
        raise SystemExit("raw and dlcore ended with different weights: they did not do the same")
    return clock


def raw(
    part: Any, clock: TrainingClock, arguments: argparse.Namespace, before_epoch: Callable[[], None] = lambda: None
) -> tuple[Stopwatch, list[Tensor]]:
    """Train with the hand-written loop; return the epochs' times and the final weights."""
    steps = steps_by_hand(part, clock.initial.values(), clock.order_seed, arguments)
    stopwatch, weights = Stopwatch(), []
    for _ in range(arguments.epochs):
        before_epoch()
        stopwatch.start()
        for _ in range(arguments.samples // arguments.batch_size):
            weights = next(steps)
        stopwatch.stop()
    return stopwatch, weights


def textbook(part: Any, arguments: argparse.Namespace) -> Stopwatch:
    net = network()
    optimizer = torch.optim.Adam(net.parameters(), lr=LR)
    inputs = part.inputs[part.indices].float() / 255
    loader = DataLoader(
        TensorDataset(inputs[: arguments.samples], part.targets[part.indices][: arguments.samples]),
        batch_size=arguments.batch_size,
        shuffle=True,
    )
    criterion = nn.CrossEntropyLoss()
    stopwatch = Stopwatch()
    stopwatch.start()
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
    stopwatch.stop()
    return stopwatch


class UsualModule(LightningModule):
    """A LightningModule as in tutorials."""

    def __init__(self) -> None:
        super().__init__()
        self.network, self.criterion = network(), nn.CrossEntropyLoss()
        self.accuracy = MulticlassAccuracy(10, average="micro")
        self.stopwatch = Stopwatch()

    def on_train_epoch_start(self) -> None:
        """Start the stopwatch."""
        self.stopwatch.start()

    def on_train_epoch_end(self) -> None:
        """Stop the stopwatch."""
        self.stopwatch.stop()

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Return the loss; log it and the accuracy."""
        images, labels = batch
        scores = self.network(images)
        loss = self.criterion(scores, labels)
        self.log("train_loss", loss, prog_bar=True)
        self.log("train_accuracy", self.accuracy(scores, labels), prog_bar=True)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return Adam."""
        return torch.optim.Adam(self.parameters(), lr=LR)


def usual_lightning(part: Any, arguments: argparse.Namespace) -> Stopwatch:
    inputs = part.inputs[part.indices].float() / 255
    loader = DataLoader(
        TensorDataset(inputs[: arguments.samples], part.targets[part.indices][: arguments.samples]),
        batch_size=arguments.batch_size,
        shuffle=True,
    )
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            max_epochs=arguments.epochs,
            accelerator="cpu",
            logger=TensorBoardLogger(folder),
            enable_model_summary=False,
            enable_checkpointing=False,
        )
        module = UsualModule()
        trainer.fit(module, loader)
        return module.stopwatch


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Time them in turn; return the printed numbers, for the JSON file."""
    prepare_process()
    torch.set_num_threads(arguments.threads)
    warnings.filterwarnings("ignore", ".*does not have many workers.*")
    data = FashionMNIST(val_size=5000, batch_size=arguments.batch_size)
    data.parts = data.load()
    part = data.parts["train"]
    found: dict[str, list[Lap]] = {name: [] for name in NAMES}
    beside: dict[str, list[Lap]] = {name: [] for name in NAMES}  # times of the loop in the same turns
    for _ in range(arguments.repeats):
        with unseen_terminal():
            own, single = in_turns(part, arguments), in_turns(part, arguments, "--steps_per_execution=1")
            book, usual = textbook(part, arguments), usual_lightning(part, arguments)
        by_hand = total(own.loop)
        laps = by_hand, total(book.laps), total(usual.laps), total(own.fit), total(single.fit)
        loops = by_hand, by_hand, by_hand, by_hand, total(single.loop)
        for name, lap, loop in zip(NAMES, laps, loops, strict=True):
            found[name].append(lap)
            beside[name].append(loop)
        line = ", ".join(f"{name} {laps[-1].cpu:.2f} s" for name, laps in found.items())
        print(f"batch {arguments.batch_size}: CPU {line}; weights bit-equal; load {os.getloadavg()[0]:.1f}", flush=True)
    settings = {key: getattr(arguments, key) for key in ("batch_size", "epochs", "samples", "repeats", "threads")}
    answer: dict[str, Any] = {"question": "an epoch of the MLP", **settings, "laps": found}
    for number, clock_name in enumerate(("wall", "CPU")):
        ratios = {
            name: [a[number] / b[number] for a, b in zip(laps, beside[name], strict=True)]
            for name, laps in found.items()
        }
        for name, each in ratios.items():
            spread = f"({min(each):.3f} to {max(each):.3f})"
            print(f"{clock_name:4s} {name:20s} {statistics.median(each):.3f} times raw {spread}", flush=True)
        answer["ratios_to_raw" if clock_name == arguments.clock else f"ratios_by_{clock_name}"] = ratios
    return answer


def main() -> None:
    """Time them in turn and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--samples", type=int, default=54_000)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--clock", choices=("wall", "CPU"), default="CPU", help="by which ratios are told in tables")
    measure(parser.parse_args())


if __name__ == "__main__":
    main()
