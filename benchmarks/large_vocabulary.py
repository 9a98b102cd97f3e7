"""Compare a step of dlcore's TextRNN over a large vocabulary with plain PyTorch, which computes all logits at once.

Run: python benchmarks/large_vocabulary.py [--vocab_size 50000] [--steps 8] [--repeats 3] [--threads 1]
Plain PyTorch is nn.Embedding, two nn.LSTM layers, nn.Linear with tied weights, torch's cross_entropy of all logits,
gradients clipped, fused AdamW. Each side runs in a new process, in turn, so that dlcore's process settings affect only
dlcore. The results are the time of a step after the first two (user and system CPU time of all threads) and the peak
memory above that after imports. Both must end with the same loss and, except for rounding, the same weights.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from process_family import peak
from text_rnn_step import WARM, Noise, by_dlcore, by_hand
from torch import Tensor
from torch.nn.functional import cross_entropy

from dlcore.runs.process import prepare_process

SIDES = {"plain": by_hand, "dlcore": by_dlcore}
SIZES = ("steps", "batch_size", "sequence_length", "hidden_size", "num_layers", "vocab_size", "threads")
# Relative; absolute. AdamW divides a gradient by its own size, which enlarges the rounding of the smallest ones.
LOSSES_DIFFER, WEIGHTS_DIFFER = 1e-4, 5e-5


def one(side: str, weights: Path, arguments: argparse.Namespace) -> dict[str, float]:
    """Return seconds per step, megabytes and the final loss of one side; save its weights to the file."""
    if side == "dlcore":
        prepare_process()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    idle = peak()
    data = Noise(arguments)
    seconds, network = SIDES[side](data, arguments)
    megabytes = peak() - idle
    batch = next(iter(data))
    with torch.no_grad():
        found: Any = network(batch.inputs, None) if side == "plain" else network(batch.inputs)
        scores: Tensor = found[0] if side == "plain" else found
        loss = cross_entropy(scores.flatten(0, 1), batch.targets.flatten()).item()
    torch.save([parameter.detach() for parameter in network.parameters()], weights)
    return {"seconds": seconds / (arguments.steps - WARM), "megabytes": megabytes, "loss": loss}


def _ask(side: str, weights: Path, arguments: argparse.Namespace) -> dict[str, float]:
    sizes = [f"--{name}={getattr(arguments, name)}" for name in SIZES]
    command = [sys.executable, __file__, *sizes, "--one", side, str(weights)]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=1800).stdout
    point: dict[str, float] = json.loads(answer.splitlines()[-1])
    return point


def _compare(points: dict[str, dict[str, float]], files: dict[str, Path]) -> float:
    """Return the largest difference of a weight; exit if the sides did not learn the same."""
    losses = [points[side]["loss"] for side in SIDES]
    plain, own = (torch.load(files[side], weights_only=True) for side in SIDES)
    apart = max((a - b).abs().max().item() for a, b in zip(plain, own, strict=True))
    if abs(losses[1] / losses[0] - 1) > LOSSES_DIFFER or apart > WEIGHTS_DIFFER:
        raise SystemExit(f"they did not do the same: losses {losses}, weights up to {apart:.1e} apart")
    return apart


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure both in turn; return the printed numbers, for a JSON file."""
    found: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
    with tempfile.TemporaryDirectory() as folder:
        files = {side: Path(folder, side) for side in SIDES}
        for _ in range(arguments.repeats):
            points = {side: _ask(side, files[side], arguments) for side in SIDES}
            apart = _compare(points, files)
            for side, point in points.items():
                found[side].append(point)
                print(f"{side} {point['seconds']:.3f} s, {point['megabytes']:,.0f} MB", end="; ")
            print(f"weights {apart:.0e} apart, load {os.getloadavg()[0]:.1f}", flush=True)
    ratios = {
        side: [b["seconds"] / a["seconds"] for a, b in zip(found["plain"], points, strict=True)]
        for side, points in found.items()
    }
    memory = {side: statistics.median(point["megabytes"] for point in points) for side, points in found.items()}
    for side, points in found.items():
        typical = statistics.median(point["seconds"] for point in points)
        print(f"{side:8s} median {typical:.3f} s a step, {memory[side]:,.0f} MB")
    times = [1 / ratio for ratio in ratios["dlcore"]]
    print(f"dlcore is {statistics.median(times):.2f} times as fast ({min(times):.2f} to {max(times):.2f})", end=", ")
    print(f"in {memory['dlcore'] / memory['plain']:.2f} of the memory")
    question = "a step of the TextRNN over a large vocabulary, by CPU time"
    return {"question": question, **vars(arguments), "found": found, "ratios_to_raw": ratios}


def main() -> None:
    """Measure both sides, or run one of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--one", nargs=2, metavar=("SIDE", "FILE"), help="measure this side and print JSON")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--sequence_length", type=int, default=64)
    parser.add_argument("--hidden_size", type=int, default=256)
    parser.add_argument("--num_layers", type=int, default=2)
    parser.add_argument("--vocab_size", type=int, default=50_000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    if arguments.one:
        side, weights = arguments.one
        print(json.dumps(one(side, Path(weights), arguments)))
    else:
        measure(arguments)


if __name__ == "__main__":
    main()
