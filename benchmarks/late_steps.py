"""Check whether the steps of a long run become slower: compare its last epochs with its first, on real FashionMNIST.

Run: python benchmarks/late_steps.py [--epochs 12] [--batch_size 32] [--samples 54000]
The network is 784-1000-10 with ReLU, trained by Adam. Pixels that are black in nearly all images have gradients of
nearly zero, so Adam's averages of them shrink with each step, finally to subnormal numbers (below 1e-38), with which
processors compute many times slower. Each variant trains in a new process, on one thread:

- dlcore: `fit` with its default callbacks, metrics, TensorBoard, histograms and checkpoints, subnormal numbers flushed;
- raw: a hand-written loop with the same network, batches and updates, subnormal numbers flushed;
- raw, not flushed: the same loop with torch's default setting.

dlcore and raw must end with the same weights, bit for bit, or the benchmark stops. The result is the CPU time of a step
in the last quarter of the epochs, divided by that in the second and third. Before each epoch a yardstick is timed, the
first 200 steps of a new network: the speed of a shared machine changes, and times in yardsticks are independent of
that. dlcore's ratio in yardsticks must be at most 1.05.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from in_turns import Lap
from lightning.pytorch import Callback
from mlp_loop import LR, TrainingClock, by_dlcore, network, raw
from torch.nn.functional import cross_entropy
from unseen_terminal import unseen_terminal

from dlcore.data import FashionMNIST
from dlcore.runs.process import prepare_process

NAMES = ("dlcore", "raw", "raw, not flushed")
SETTINGS = ("epochs", "batch_size", "samples")
MOST, YARDSTICK = 1.05, 200


class Yardstick(Callback):
    """Time the same steps before each epoch.

    Args:
        part: Samples.
        batch_size: Samples per step.

    Attributes:
        seconds: CPU seconds before each epoch.
    """

    def __init__(self, part: Any, batch_size: int) -> None:
        self.batches = [part.fetch(indices) for indices in part.indices.split(batch_size)[:YARDSTICK]]
        self.seconds: list[float] = []

    def on_train_epoch_start(self, *args: Any) -> None:
        """Time the steps."""
        self.measure()

    def measure(self) -> None:
        """Time the steps."""
        with torch.random.fork_rng():
            torch.manual_seed(0)
            net = network()
        optimizer = torch.optim.Adam(net.parameters(), lr=LR, fused=True)
        began = time.thread_time()
        for inputs, targets in self.batches:
            loss = cross_entropy(net(inputs.float().div_(255)), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        self.seconds.append(time.thread_time() - began)


def seconds_of_epochs(way: str, arguments: argparse.Namespace) -> dict[str, list[float]]:
    """Return the CPU seconds of each epoch's training and of the yardstick before it, measured in this process.

    dlcore saves its initial and final weights to a file; the hand-written loops start with the same initial weights.
    """
    prepare_process()
    torch.set_num_threads(1)
    part = FashionMNIST(val_size=5000).load()["train"]
    yardstick = Yardstick(part, arguments.batch_size)
    if way == "dlcore":
        # The default callbacks: both work in each epoch, but must not end this run early.
        words = f"--early_stopping.patience={arguments.epochs}", "--reduce_lr_on_plateau=on"
        with unseen_terminal():
            stopwatch, weights, clock = by_dlcore(arguments, *words, others=[yardstick])
        torch.save((clock.initial, clock.order_seed, [each.detach() for each in weights]), arguments.weights)
        return times(stopwatch.laps, yardstick)
    torch.set_flush_denormal(way == "raw")
    clock = TrainingClock()
    clock.initial, clock.order_seed, trained = torch.load(arguments.weights)
    stopwatch, weights = raw(part, clock, arguments, yardstick.measure)
    if way == "raw" and not all(map(torch.equal, weights, trained)):
        raise SystemExit("raw and dlcore ended with different weights: they did not do the same")
    return times(stopwatch.laps, yardstick)


def times(laps: list[Lap], yardstick: Yardstick) -> dict[str, list[float]]:
    """Return the seconds of each epoch by kind."""
    own = {"all": [lap.cpu for lap in laps], "main_thread": [lap.main_thread for lap in laps]}
    return {**own, "yardstick": yardstick.seconds}


def _asked(arguments: argparse.Namespace) -> Iterator[tuple[str, dict[str, list[float]]]]:
    """Yield each variant with its seconds, from a new process."""
    with tempfile.TemporaryDirectory() as folder:
        settings = [f"--{name}={getattr(arguments, name)}" for name in SETTINGS]
        for way in NAMES:
            own = [f"--way={way}", f"--weights={folder}/weights.pt"]
            command = [sys.executable, str(Path(__file__).resolve()), *settings, *own]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
            if done.returncode:
                raise SystemExit(f"{way}: this benchmark ends here")
            yield way, json.loads(done.stdout.splitlines()[-1])


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run each variant in a new process; return the printed numbers, for a JSON file."""
    seconds: dict[str, dict[str, list[float]]] = {}
    ratios: dict[str, dict[str, float]] = {}
    late = max(2, arguments.epochs // 4)
    steps = arguments.samples // arguments.batch_size
    for way, found in _asked(arguments):
        seconds[way] = found
        early, last = (
            {name: statistics.mean(each[chosen]) for name, each in found.items()}
            for chosen in (slice(1, 3), slice(-late, None))
        )
        ratios[way] = {name: last[name] / early[name] for name in found}
        measures = [each["all"] / steps / (each["yardstick"] / YARDSTICK) for each in (early, last)]
        own = ratios[way]["by_yardstick"] = measures[1] / measures[0]
        said = [
            f"{when}: {each['all'] / steps * 1e3:.3f} ms a step, {by:.2f} yardsticks"
            for when, each, by in zip(("epochs 2 and 3", f"the last {late}"), (early, last), measures, strict=True)
        ]
        print(f"{way:17s} {'; '.join(said)}: {own:.3f} times; load {os.getloadavg()[0]:.1f}", flush=True)
    kept = "yes" if ratios["dlcore"]["by_yardstick"] <= MOST else "no"
    print("dlcore and raw: weights bit-equal at the end")
    print(f"dlcore's late steps take at most {MOST} times as long as its early ones: {kept}")
    return {
        "question": "late steps beside early ones, by CPU time",
        **{name: getattr(arguments, name) for name in SETTINGS},
        "seconds": seconds,
        "late_to_early": ratios,
    }


def main() -> None:
    """Run each variant and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--samples", type=int, default=54_000, help="of an epoch")
    parser.add_argument("--way", choices=NAMES, help=argparse.SUPPRESS)
    parser.add_argument("--weights", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.epochs < 5:
        parser.error("--epochs: expected at least 5, so that the last are not among the first.")
    if arguments.way is None:
        measure(arguments)
    else:
        print(json.dumps(seconds_of_epochs(arguments.way, arguments)))


if __name__ == "__main__":
    main()
