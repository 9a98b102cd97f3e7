"""How long commands take to start: CPU seconds above those that their libraries' imports take.

Run: python benchmarks/start.py [--repeats 5]
Each command is a process of its own, with warm files. In turns: ``import torch``, ``import torch, lightning`` as any
script does it, and the commands: a fit of one step (default recipe), looks at something, one picture predicted, 100
characters generated. What does not come from the imports is dlcore's own; where it is below zero, dlcore imports less.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

_DLCORE = ("-m", "dlcore")
_FIT = (*_DLCORE, "fit", "--trainer.max_steps=1", "--trainer.accelerator=cpu")
_TEXT = (*_DLCORE, "fit", "-c", "rnn_lyrics", "--trainer.max_steps=1", "--trainer.accelerator=cpu")


def seconds(words: tuple[str, ...]) -> float:
    """Return the CPU seconds of ``python WORDS``."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, *words], check=True, capture_output=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        Image.fromarray(np.zeros((28, 28), np.uint8)).save("picture.png")
        seconds(_FIT)
        seconds(_TEXT)
        runs = (Path("lightning_logs", name) for name in ("mlp_fashion_mnist", "rnn_lyrics"))
        mlp, rnn = (str(next(run.rglob("last.ckpt"))) for run in runs)
        predict = ("predict", "--ckpt_path", mlp, "picture.png")
        generate = ("generate", "--ckpt_path", rnn, "--prompt", "明月", "--length", "100")
        commands = {  # each with the imports that it is measured against
            "fit of one step": (_FIT, "import torch, lightning"),
            "show activation": ((*_DLCORE, "show", "activation", "relu"), "import torch"),
            "show convolution": ((*_DLCORE, "show", "convolution"), "import torch"),
            "generate 100 characters": ((*_DLCORE, *generate), "import torch"),
            "predict one picture": ((*_DLCORE, *predict), "import torch"),
        }
        times: dict[str, list[float]] = {}
        for _ in range(repeats):
            for name in ("import torch", "import torch, lightning"):
                times.setdefault(name, []).append(seconds(("-c", name)))
            for name, (words, _) in commands.items():
                times.setdefault(name, []).append(seconds(words))
        for name, found in times.items():
            print(f"{name}: {statistics.median(found):.1f} CPU seconds ({min(found):.1f} to {max(found):.1f})")
        for name, (_, base) in commands.items():
            above = [own - other for own, other in zip(times[name], times[base], strict=True)]
            print(f"{name}, above `{base}`: {statistics.median(above):+.1f} s ({min(above):+.1f} to {max(above):+.1f})")


if __name__ == "__main__":
    main()
