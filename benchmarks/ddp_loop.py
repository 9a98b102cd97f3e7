"""Compare an epoch of dlcore's MLP in two processes on the CPU with a hand-written DDP loop.

Run: python benchmarks/ddp_loop.py [--batch_size 32] [--epochs 3] [--samples 54000] [--repeats 5]
The network is 784-1000-10 with ReLU, trained by Adam on FashionMNIST; --batch_size is per process, and each process has
one thread. In turn:

- raw: a hand-written loop: DistributedDataParallel over gloo, samples in memory, a rank's part of a batch by an index
  tensor, fused Adam, subnormal numbers flushed, nothing else;
- dlcore: `fit --trainer.devices 2` with the defaults: metrics, TensorBoard, histograms and checkpoints;
- dlcore, one by one: the same with --steps_per_execution 1.

The times are those of training in the epochs after the first, without validation, after a barrier at each start: the
wall-clock time of the slower process, and the CPU time of both, including gloo's busy waiting. All must end with the
same weights, bit for bit, in both processes.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from mlp_loop import LR, Stopwatch, TrainingClock, flags, network
from torch import distributed
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel

from dlcore.data import FashionMNIST
from dlcore.data.batches import epoch_order
from dlcore.runs import fit
from dlcore.runs.process import prepare_process

PROCESSES = 2
NAMES = ("raw", "dlcore", "dlcore, one by one")
SETTINGS = ("batch_size", "epochs", "samples", "repeats")


class PairClock(TrainingClock):
    """Time each epoch in each process, by wall clock and CPU; save what the hand-written loop needs to do the same.

    Args:
        folder: Folder for the files.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Save the initial weights and the seed."""
        super().on_train_start(trainer, pl_module)
        if trainer.is_global_zero:
            torch.save({"weights": list(self.initial.values()), "seed": self.order_seed}, self.folder / "start.pt")

    def on_train_epoch_start(self, trainer: Any, *args: Any) -> None:
        """Start the clock after a barrier."""
        distributed.barrier()
        super().on_train_epoch_start()

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Save times and weights."""
        keep(self.folder, trainer.global_rank, self.stopwatch, list(pl_module.network.parameters()))


def keep(folder: Path, rank: int, stopwatch: Stopwatch, weights: list[torch.Tensor]) -> None:
    torch.save([weight.detach() for weight in weights], folder / f"weights-{rank}.pt")
    (folder / f"times-{rank}.json").write_text(
        json.dumps([(lap.wall, lap.cpu) for lap in stopwatch.laps[1:]]), encoding="utf-8"
    )


def by_hand(arguments: argparse.Namespace) -> None:
    """Train with the hand-written loop, in one of its processes."""
    folder, rank = arguments.folder, arguments.rank
    prepare_process()
    data = FashionMNIST(val_size=5000, batch_size=arguments.batch_size)
    part = data.load()["train"]
    place, patience = f"file://{folder}/meet", timedelta(minutes=1)  # timeout if the other has died
    distributed.init_process_group("gloo", init_method=place, rank=rank, world_size=PROCESSES, timeout=patience)
    start = torch.load(folder / "start.pt", weights_only=True)
    plain = network()
    for own, given in zip(plain.parameters(), start["weights"], strict=True):
        own.data.copy_(given)
    net = DistributedDataParallel(plain)
    optimizer = torch.optim.Adam(net.parameters(), lr=LR, fused=True)
    images, labels = part.inputs, part.targets
    together = arguments.batch_size * PROCESSES
    stopwatch = Stopwatch()
    for epoch in range(arguments.epochs):
        distributed.barrier()
        stopwatch.start()
        order = part.indices[epoch_order(len(part), start["seed"], epoch)][: arguments.samples // together * together]
        for batch in order.split(together):
            indices = batch[rank::PROCESSES]
            inputs = images.index_select(0, indices).float().div_(255)
            loss = cross_entropy(net(inputs), labels.index_select(0, indices))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        stopwatch.stop()
    keep(folder, rank, stopwatch, list(plain.parameters()))
    distributed.destroy_process_group()


def by_dlcore(arguments: argparse.Namespace) -> None:
    """Train with `fit`, in the process that starts the other, and in the other."""
    words = ["--steps_per_execution=1"] if arguments.way == "dlcore, one by one" else []
    clock = PairClock(arguments.folder)
    fit(*flags(arguments, str(arguments.folder), PROCESSES), *words, callbacks=[clock])


def carry_out(way: str, arguments: argparse.Namespace, folder: Path) -> tuple[float, float, list[list[torch.Tensor]]]:
    """Run one variant in new processes; return wall-clock seconds, CPU seconds and the weights of both processes."""
    settings = [f"--{name}={getattr(arguments, name)}" for name in SETTINGS]
    command = [sys.executable, str(Path(__file__).resolve()), *settings, f"--folder={folder}", f"--way={way}"]
    ranks = range(PROCESSES) if way == "raw" else (0,)  # Lightning starts the other itself
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    started = [
        subprocess.Popen([*command, f"--rank={rank}"], env=environment, stdout=subprocess.DEVNULL) for rank in ranks
    ]
    codes = [process.wait() for process in started]
    if any(codes):
        raise SystemExit(f"{way} failed")
    times = [json.loads((folder / f"times-{rank}.json").read_text(encoding="utf-8")) for rank in range(PROCESSES)]
    weights = [torch.load(folder / f"weights-{rank}.pt", weights_only=True) for rank in range(PROCESSES)]
    wall = sum(max(each) for each in zip(*([wall for wall, _ in rank] for rank in times), strict=True))
    return wall, sum(cpu for rank in times for _, cpu in rank), weights


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Time them in turn; return the printed numbers, for the JSON file."""
    walls: dict[str, list[float]] = {name: [] for name in NAMES}
    cpus: dict[str, list[float]] = {name: [] for name in NAMES}
    for _ in range(arguments.repeats):
        ended: list[list[torch.Tensor]] = []
        with tempfile.TemporaryDirectory() as folder:
            for name in ("dlcore", "dlcore, one by one", "raw"):  # the first saves the initial weights
                wall, cpu, weights = carry_out(name, arguments, Path(folder))
                walls[name].append(wall)
                cpus[name].append(cpu)
                ended += weights
        if not all(all(map(torch.equal, ended[0], other)) for other in ended[1:]):
            raise SystemExit("raw and dlcore ended with different weights: they did not do the same")
        line = ", ".join(f"{name} {walls[name][-1]:.2f} s ({cpus[name][-1]:.2f} s CPU)" for name in NAMES)
        print(f"2 x {arguments.batch_size}: {line}; weights bit-equal; load {os.getloadavg()[0]:.1f}", flush=True)
    ratios = {
        kind: {name: [a / b for a, b in zip(each, found["raw"], strict=True)] for name, each in found.items()}
        for kind, found in (("clock", walls), ("CPU", cpus))
    }
    for kind, found in ratios.items():
        for name, each in found.items():
            print(f"{name:20s} {statistics.median(each):.3f} times raw by {kind} ({min(each):.3f} to {max(each):.3f})")
    settings = {key: getattr(arguments, key) for key in SETTINGS}
    return {
        "question": "an epoch of the MLP in two processes, by the clock",
        **settings,
        "seconds": walls,
        "ratios_to_raw": ratios["clock"],
        "cpu_seconds": cpus,
        "cpu_ratios_to_raw": ratios["CPU"],
    }


def main() -> None:
    """Time them in turn and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch_size", type=int, default=32, help="of each process")
    parser.add_argument("--epochs", type=int, default=3, help="the first is not timed")
    parser.add_argument("--samples", type=int, default=54_000, help="of an epoch, in both processes together")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--way", choices=NAMES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--rank", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.way is None:
        measure(arguments)
        return
    torch.set_num_threads(1)
    (by_hand if arguments.way == "raw" else by_dlcore)(arguments)


if __name__ == "__main__":
    main()
