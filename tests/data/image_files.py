"""Folders of made-up pictures for tests: few and small."""

from pathlib import Path

import numpy as np
from PIL import Image

from dlcore.data import ImageFolder

GREY = {"cats": 40, "dogs": 120, "鸟": 220}  # of each class's pictures


def write_classes(folder: Path, counts: dict[str, int], side: int = 8) -> Path:
    """PNG files, of each class so many, of one grey each: that of the class plus the picture's number."""
    for name, count in counts.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            pixels = np.full((side, side, 3), GREY.get(name, 100) + number % 30, dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"图 {number:03}.png")
    return folder


COUNTS = {"cats": 40, "dogs": 20, "鸟": 10}


def ready(root, stage="fit", kept=None, **arguments):
    """The data, read."""
    data = ImageFolder(str(root), **{"size": 4, "batch_size": 8} | arguments)
    data.expect(None, kept)
    data.facts()
    data.setup(stage)
    return data


def labels(data, part):
    """How many samples each of three classes has in a part."""
    return np.bincount(data.parts[part].targets[data.parts[part].indices], minlength=3).tolist()
