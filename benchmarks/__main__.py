"""Compare the speed of dlcore with hand-written loops and with usual code.

Run: python -m benchmarks [--full] [--json FILE]

Each benchmark is a separate file that also runs alone; this command runs all of them, in a few minutes (--full: longer,
with more repeats). Each times its variants in turn in one process, by CPU time on one thread unless stated otherwise,
and they must end with the same weights. With two processes it is wall-clock time; with a large vocabulary the weights
agree except for rounding. A ratio is a time divided by the loop's: 1.05 is 5% slower.
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
import large_vocabulary
import mlp_loop
import text_rnn_step
import torch

Settings = argparse.Namespace


def questions(arguments: Settings) -> list[tuple[str, Any, Settings]]:
    """Return the benchmarks: a name, the module that runs it, its settings."""
    full = arguments.full
    repeats, epochs = (7, 2) if full else (3, 1)
    samples = 54_000 if full else 20_000
    mlp = {"samples": samples, "repeats": repeats, "threads": arguments.threads, "clock": arguments.clock}
    pair = {"epochs": 3 if full else 2, "samples": samples, "repeats": 5 if full else 1}  # the first epoch is not timed
    text = {"steps": 40 if full else 16, "batch_size": 32, "sequence_length": 64, "hidden_size": 256, "num_layers": 2}
    many = {**text, "vocab_size": 50_000, "steps": 8, "repeats": 7 if full else 2, "threads": 1}
    return [
        ("MLP 784-1000-10, batches of 32", mlp_loop, Settings(batch_size=32, epochs=epochs, **mlp)),
        ("MLP 784-1000-10, batches of 256", mlp_loop, Settings(batch_size=256, epochs=epochs, **mlp)),
        ("MLP 784-1000-10, batches of 10,000", mlp_loop, Settings(batch_size=10_000, epochs=2 * epochs, **mlp)),
        ("MLP in two processes, 32 in each", ddp_loop, Settings(batch_size=32, **pair)),
        ("MLP in two processes, 256 in each", ddp_loop, Settings(batch_size=256, **pair)),
        ("CNN, batches of 128", cnn_step, Settings(steps=60 if full else 20, batch_size=128, repeats=repeats)),
        ("TextRNN, 5,000 words", text_rnn_step, Settings(vocab_size=5000, repeats=repeats, **text)),
        ("TextRNN, 50,000 words", large_vocabulary, Settings(**many)),
    ]


def main() -> None:
    """Run all benchmarks; print a table and write the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="more repeats, longer epochs")
    parser.add_argument("--threads", type=int, default=1, help="of the MLP's questions")
    clocks = {"choices": ("wall", "CPU"), "default": "CPU"}
    parser.add_argument("--clock", **clocks, help="of the MLP's questions; wall needs a quiet machine")  # type: ignore[arg-type]
    parser.add_argument("--json", type=Path, default=Path("benchmarks.json"), help="file for the numbers")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    answers = {}
    for name, module, settings in questions(arguments):
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
