"""Compare `predict` on a folder of pictures with a bare torch loop over the same decoded pictures.

Run: python benchmarks/predict_pictures.py [--pictures 100000] [--repeats 3]
It writes JPEG files of 32 × 32 to a temporary folder and trains a CNN (32, 64 channels) for one step. The first predict
decodes the files; the next ones, which are timed, find them in the cache. In turns: `predict` from its data to the
written CSV; the loop, which takes batches of 256 of the decoded pixels, scales them, and keeps the probabilities. The
answers must be equal. The peak of the resident memory is said too.
Times are CPU seconds on one thread. The required ratio (pictures per second, predict beside the loop): 0.9.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from image_folder import write_pictures
from torch import Tensor

from dlcore.runs import prepare
from dlcore.runs.predictions import write_predictions

QUIET = ("--trainer.accelerator=cpu", "--progress_display=off", "--run_summary=off", "--parameter_distribution=off")


def predicted(folder: Path) -> tuple[float, Tensor, object]:
    """Return the CPU seconds of a predict, from the data's first file to the CSV, its answers, and its data."""
    command = prepare("predict", "--ckpt_path=last", "--data.root", str(folder), "--progress_display=off")
    path = str(command.settings.checkpoint_path)
    began = time.process_time()
    given = {"ckpt_path": path, "weights_only": True, "return_predictions": False}
    command.trainer.predict(command.model, command.datamodule, **given)
    command.output = command.kept_outputs.predictions
    write_predictions(command)
    seconds = time.process_time() - began
    return seconds, torch.cat(list(command.output)), command


@torch.inference_mode()
def by_hand(command: object) -> tuple[float, Tensor]:
    """Return the CPU seconds of a loop over the decoded pixels, and its answers."""
    data, model = command.datamodule, command.model.eval()  # type: ignore[attr-defined]
    pixels, found = data.parts["test"].inputs, []
    mean, std = (torch.tensor(each)[:, None, None] for each in data.normalization.state().values())
    began = time.process_time()
    for batch in pixels.split(256):
        found.append(model((batch.float() / 255 - mean) / std).softmax(1))
    return time.process_time() - began, torch.cat(found)


def peak() -> float:
    """Return the peak of this process's resident memory, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        os.environ["XDG_CACHE_HOME"] = f"{place}/cache"
        os.chdir(place)
        write_pictures(Path("all"), arguments.pictures, 32)
        shutil.move("all/train", "many")
        write_pictures(Path("few"), 200, 32)
        torch.set_num_threads(1)
        words = ("--data.root=few", "--data.size=32", "--model.channels=[32,64]", "--model.kernel_size=3", *QUIET)
        # In a process of its own: what a fit leaves in the memory would count.
        line = [sys.executable, "-m", "dlcore", "fit", "-c", "cnn_images", "--trainer.max_steps=1", *words]
        subprocess.run(line, check=True, stdout=subprocess.DEVNULL)
        predicted(Path("few/test"))
        before = peak()
        decoding, _, _ = predicted(Path("many"))
        print(f"{arguments.pictures:,} pictures, first predict with decoding: {decoding:.1f} s")
        print(f"peak memory: {before:.0f} MB with 20 pictures, {peak():.0f} MB with all (mapped pixels included)")
        ratios = []
        for _ in range(arguments.repeats):
            seconds, answers, command = predicted(Path("many"))
            own, expected = by_hand(command)
            assert (answers - expected).abs().max() < 1e-5, "other answers"
            ratios.append(own / seconds)
            rates = arguments.pictures / seconds, arguments.pictures / own
            print(f"predict {rates[0]:,.0f}, loop {rates[1]:,.0f} pictures a second: {ratios[-1]:.2f}")
        print(f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
