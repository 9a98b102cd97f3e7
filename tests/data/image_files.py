"""Folders of made-up pictures for tests: few and small."""

from pathlib import Path

import numpy as np
from PIL import Image

GREY = {"cats": 40, "dogs": 120, "鸟": 220}  # of each class's pictures


def write_classes(folder: Path, counts: dict[str, int], side: int = 8) -> Path:
    """PNG files, of each class so many, of one grey each: that of the class plus the picture's number."""
    for name, count in counts.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            pixels = np.full((side, side, 3), GREY.get(name, 100) + number % 30, dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"图 {number:03}.png")
    return folder
