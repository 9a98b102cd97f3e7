"""Whether the steps of a long run become slower: its last epochs beside its first, on real FashionMNIST.

Run: python benchmarks/late_steps.py [--epochs 12] [--batch_size 32] [--samples 54000]
The network is 784-1000-10 with ReLU, trained by Adam. Pixels that are black in nearly all pictures have gradients of
nearly zero, so that Adam's averages of them shrink with each step, in the end to subnormal numbers (below 1e-38), with
which processors compute many times slower. Each way trains in a process of its own, on one thread:

- dlcore: `fit` with its default callbacks, metrics, TensorBoard, histograms and checkpoints, subnormal numbers flushed;
- raw: a loop by hand with the same weights, batches and updates, subnormal numbers flushed;
- raw, not flushed: the same loop as torch starts it.

Told is the CPU time of a step in the last quarter of the epochs, by that in the second and third: of all threads, and
of the one that trains. dlcore's is to be at most 1.05.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from mlp_loop import TrainingClock, by_dlcore, network, raw

from dlcore.data import FashionMNIST
from dlcore.runs.process import prepare_process

NAMES = ("dlcore", "raw", "raw, not flushed")
SETTINGS = ("epochs", "batch_size", "samples")
MOST = 1.05


def seconds_of_epochs(way: str, arguments: argparse.Namespace) -> dict[str, list[float]]:
    """CPU seconds of each epoch's training by name, in the process that is measured."""
    prepare_process()
    torch.set_num_threads(1)
    if way == "dlcore":
        # The default callbacks: both look at each epoch, and shall not end this run before its time.
        patience = f"--early_stopping.patience={arguments.epochs}"
        clock = by_dlcore(arguments, patience, "--reduce_lr_on_plateau=on")[2]
        return {way: clock.epochs, f"{way}, the thread that trains": clock.main_thread}
    torch.set_flush_denormal(way == "raw")
    torch.manual_seed(0)
    clock = TrainingClock()
    clock.initial = network().state_dict()
    return {way: raw(FashionMNIST(val_size=5000).load()["train"], clock, arguments)[0]}


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Carry out each way in a process of its own; give what is printed, for a JSON file."""
    seconds: dict[str, list[float]] = {}
    ratios: dict[str, float] = {}
    late = max(2, arguments.epochs // 4)
    steps = arguments.samples // arguments.batch_size
    for way in NAMES:
        settings = [f"--{name}={getattr(arguments, name)}" for name in SETTINGS]
        command = [sys.executable, str(Path(__file__).resolve()), *settings, f"--way={way}"]
        said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        for name, epochs in json.loads(said.splitlines()[-1]).items():
            seconds[name] = epochs
            early, last = (statistics.mean(each) / steps * 1e3 for each in (epochs[1:3], epochs[-late:]))
            ratios[name] = last / early
            print(
                f"{name:32s} epochs 2 and 3: {early:.3f} ms a step, the last {late}: {last:.3f} ms: {ratios[name]:.3f} "
                f"times; load {os.getloadavg()[0]:.1f}",
                flush=True,
            )
    kept = "yes" if ratios["dlcore"] <= MOST else "no"
    print(f"dlcore's late steps take at most {MOST} times as long as its early ones: {kept}")
    return {
        "question": "late steps beside early ones, by CPU time",
        **{name: getattr(arguments, name) for name in SETTINGS},
        "seconds": seconds,
        "late_to_early": ratios,
    }


def main() -> None:
    """Carry out each way and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--samples", type=int, default=54_000, help="of an epoch")
    parser.add_argument("--way", choices=NAMES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.epochs < 5:
        parser.error("--epochs: expected at least 5, so that the last are not among the first.")
    if arguments.way is None:
        measure(arguments)
    else:
        print(json.dumps(seconds_of_epochs(arguments.way, arguments)))


if __name__ == "__main__":
    main()
