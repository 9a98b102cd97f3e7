"""How fast dlcore is beside loops by hand and what people usually write.

Run: python -m benchmarks [--full] [--json FILE]

Each question is a file of its own that can be run by itself; here they are asked one after the other, in a few minutes
(--full: longer, with more repeats). In each, all ways are timed in turn in one process on one thread, by CPU time, and
must end with the same weights; only with two processes it is the time of the clock, in processes of their own. Ratios
are times by the loop's: 1.05 is 5% slower than it.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import cnn_step
import ddp_loop
import mlp_loop
import text_rnn_step
import torch

Settings = argparse.Namespace


def questions(full: bool) -> list[tuple[str, Any, Settings]]:
    """What is asked: a name, the module that answers, its settings."""
    repeats, epochs = (7, 2) if full else (3, 1)
    samples = 54_000 if full else 20_000
    mlp = {"epochs": epochs, "samples": samples, "repeats": repeats}
    pair = {"epochs": 3 if full else 2, "samples": samples, "repeats": 5 if full else 1}  # the first is not timed
    text = {"steps": 40 if full else 16, "sequence_length": 64, "hidden_size": 512, "num_layers": 2}
    return [
        ("MLP 784-1000-10, batches of 32", mlp_loop, Settings(batch_size=32, **mlp)),
        ("MLP 784-1000-10, batches of 256", mlp_loop, Settings(batch_size=256, **mlp)),
        ("MLP in two processes, 32 in each", ddp_loop, Settings(batch_size=32, **pair)),
        ("MLP in two processes, 256 in each", ddp_loop, Settings(batch_size=256, **pair)),
        ("CNN, batches of 128", cnn_step, Settings(steps=60 if full else 20, batch_size=128, repeats=repeats)),
        ("TextRNN, 32 x 64 tokens", text_rnn_step, Settings(batch_size=32, vocab_size=5000, repeats=repeats, **text)),
    ]


def main() -> None:
    """Ask them all; print a table and write the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="more repeats, longer epochs")
    parser.add_argument("--json", type=Path, default=Path("benchmarks.json"), help="file for the numbers")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    answers = {}
    for name, module, settings in questions(arguments.full):
        print(f"\n{name}", flush=True)
        answers[name] = module.measure(settings)
    machine = {"python": platform.python_version(), "torch": torch.__version__, "processor": platform.machine()}
    arguments.json.write_text(json.dumps({"machine": machine, "answers": answers}, indent=1), encoding="utf-8")
    print("\n| question | way | times the loop by hand | spread |\n|---|---|---|---|")
    for name, answer in answers.items():
        for way, ratios in list(answer["ratios_to_raw"].items())[1:]:
            print(f"| {name} | {way} | {statistics.median(ratios):.2f} | {min(ratios):.2f} to {max(ratios):.2f} |")
    print(f"\nAll numbers: {arguments.json}")


if __name__ == "__main__":
    main()
