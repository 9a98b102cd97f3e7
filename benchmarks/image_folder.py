"""Compare the images per second of `ImageFolder` with torchvision's ImageFolder and transforms, two DataLoader workers.

Run: python benchmarks/image_folder.py [--small] [--repeats 3] [--color 0.2]
It writes its JPEG files to a temporary folder: 20,000 of 64 × 64 and 5,000 of 224 × 224 (--small: 2,000 and 500). Each
repeat measures in turn, torchvision then dlcore, with a new cache folder: the first epoch (in which dlcore decodes the
files), the second, and the second without augmentation. An epoch gives normalised batches of 64 on the CPU; nothing is
trained. On a shared machine, OMP_NUM_THREADS=1 keeps torch's threads from waiting for each other.
Augmentation is a random crop of at least 50% of the area and a flip of half the images, in both. Imports are not timed.
The required ratios: 64: 2 and 8; 224: 1, 1.5, and 4 without augmentation.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from dlcore.data import ImageFolder
from dlcore.runs.process import prepare_process

BATCH_SIZE = 64
REQUIRED = {(64, "first"): 2.0, (64, "second"): 8.0, (224, "first"): 1.0, (224, "second"): 1.5, (224, "plain"): 4.0}


def write_pictures(folder: Path, count: int, side: int) -> None:
    """Write JPEG files of soft colours with noise, in ten classes: `count` in train, a few in val and test."""
    rng = np.random.default_rng(0)
    for part, number in (("train", count), ("val", 20), ("test", 20)):
        for index in range(number):
            coarse = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
            soft = np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC)).astype(np.int16)
            noisy = np.clip(soft + rng.integers(-12, 13, soft.shape, dtype=np.int16), 0, 255).astype(np.uint8)
            path = folder / part / f"class{index % 10}" / f"{index}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(noisy).save(path, quality=90)


def epoch(batches: Iterable[Any], ready: Callable[[Any], Any] = lambda batch: batch) -> int:
    """Iterate over all batches; return the number of images."""
    return sum(len(ready(batch)[1]) for batch in batches)


def torchvision_loader(folder: Path, side: int, color: float, augment: bool) -> DataLoader[Any]:
    steps: list[Any] = [transforms.ToTensor(), transforms.Normalize((0.5,) * 3, (0.25,) * 3)]
    if augment:
        jitter = [transforms.ColorJitter(color, color, color)] if color else []
        steps = [transforms.RandomResizedCrop(side, (0.5, 1.0)), transforms.RandomHorizontalFlip(), *jitter, *steps]
    else:
        steps = [transforms.Resize(side), transforms.CenterCrop(side), *steps]
    data = datasets.ImageFolder(str(folder / "train"), transforms.Compose(steps))
    return DataLoader(data, BATCH_SIZE, shuffle=True, num_workers=2, persistent_workers=True)


def dlcore_data(folder: Path, side: int, color: float, augment: bool) -> ImageFolder:
    changes = {"crop": 0.5, "flip": 0.5, "color": color} if augment else {}
    data = ImageFolder(str(folder), size=side, normalize=[[0.5] * 3, [0.25] * 3], batch_size=BATCH_SIZE, **changes)
    data.setup("fit")
    return data


def timed(action: Callable[[], int]) -> float:
    """Return images per second."""
    start = time.perf_counter()
    count = action()
    return count / (time.perf_counter() - start)


def measure(folder: Path, side: int, color: float) -> dict[str, tuple[float, float]]:
    """Return the images per second of torchvision and of dlcore, in each kind of epoch."""
    found: dict[str, tuple[float, float]] = {}
    made: list[Any] = [None, None]

    def theirs() -> int:
        made[0] = torchvision_loader(folder, side, color, augment=True)
        return epoch(made[0])

    def ours() -> int:
        made[1] = dlcore_data(folder, side, color, augment=True)
        return epoch(made[1].train_dataloader(), ready)

    def ready(batch: Any) -> Any:
        return made[1].on_after_batch_transfer(batch, 0)

    found["first"] = timed(theirs), timed(ours)
    found["second"] = timed(lambda: epoch(made[0])), timed(lambda: epoch(made[1].train_dataloader(), ready))
    made[0] = torchvision_loader(folder, side, color, augment=False)
    epoch(made[0])
    made[1] = dlcore_data(folder, side, color, augment=False)
    epoch(made[1].train_dataloader(), ready)
    found["plain"] = timed(lambda: epoch(made[0])), timed(lambda: epoch(made[1].train_dataloader(), ready))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="a tenth of the pictures")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--color", type=float, default=0.0, help="change of colours, in both")
    arguments = parser.parse_args()
    prepare_process()  # as `fit` does
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}")
    with tempfile.TemporaryDirectory() as temporary:
        for side, count in ((64, 20_000), (224, 5_000)):
            count = count // 10 if arguments.small else count
            folder = Path(temporary) / str(side)
            write_pictures(folder, count, side)
            repeats = []
            for repeat in range(arguments.repeats):
                os.environ["XDG_CACHE_HOME"] = str(Path(temporary) / f"cache-{side}-{repeat}")
                repeats.append(measure(folder, side, arguments.color))
            print(f"\n{count:,} JPEG files of {side} × {side}: images a second, median of {arguments.repeats}")
            for kind in repeats[0]:
                theirs, ours = (statistics.median(repeat[kind][n] for repeat in repeats) for n in (0, 1))
                ratio = statistics.median(repeat[kind][1] / repeat[kind][0] for repeat in repeats)
                required = REQUIRED.get((side, kind))
                wanted = f" (required: {required:g})" if required else ""
                print(f"  {kind:>7}: torchvision {theirs:8,.0f}   dlcore {ours:8,.0f}   ratio {ratio:5.2f}{wanted}")


if __name__ == "__main__":
    main()
