"""The whole set: balanced classes, drawn a batch at a time, shuffled."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray

from dlcore.data.drawn_clothing.accessories import ankle_boot, bag, sandal, sneaker
from dlcore.data.drawn_clothing.clothes import coat, dress, pullover, shirt, t_shirt, trouser
from dlcore.data.drawn_clothing.fabric import clutter, develop, folds, weave
from dlcore.data.drawn_clothing.portable_random import Draws
from dlcore.data.drawn_clothing.sketch import SIZE, Sketch
from dlcore.errors import check_number

CLASS_NAMES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip

_GARMENTS: tuple[Callable[[Sketch], None], ...] = (
    t_shirt, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle_boot,
)  # fmt: skip
_SHOES = frozenset({sandal, sneaker, ankle_boot})
# Small enough for the cache, large enough that Python's overhead does not count.
_BATCH = 400
# numpy releases the GIL while it works; beyond a few threads memory bandwidth is the limit.
_THREADS = 4


def draw_clothing(n: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw n grey pictures of ten kinds of clothing, light on dark, with their labels, in random order.

    A stand-in for real pictures: as large, as many classes (balanced), and hard enough that a linear model does not
    solve it. Sets differ by seed alone, so take one seed for training and another for testing. The same arguments give
    the same bits on every platform; torch's and numpy's global random states are not used.

    Returns images (N, 28, 28), uint8, 0 (black) to 255 (white), and labels (N,), int64, indices into `CLASS_NAMES`.
    """
    check_number("n", n, at_least=1, whole=True)
    check_number("seed", seed, at_least=0, whole=True)
    images = np.empty((n, SIZE, SIZE), dtype=np.uint8)
    order = np.argsort(Draws(n, seed, 0).raw(n), kind="stable")
    labels = (np.arange(n, dtype=np.int64) % len(CLASS_NAMES))[order]

    def fill(label: int, start: int, where: NDArray[np.int64]) -> None:
        # Each batch has its own random stream, so the order in which threads finish does not matter.
        garment = _GARMENTS[label]
        shoe = garment in _SHOES
        sketch = Sketch(Draws(len(where), seed, 1, label, start), mirror=shoe)
        weave(sketch, patterned=0.12 if shoe else 0.45)
        garment(sketch)
        folds(sketch)
        clutter(sketch)
        images[where] = develop(sketch).transpose(2, 0, 1)

    with ThreadPoolExecutor(_THREADS) as pool:
        jobs = []
        for label in range(len(CLASS_NAMES)):
            places = np.flatnonzero(labels == label)
            for start in range(0, len(places), _BATCH):
                jobs.append(pool.submit(fill, label, start, places[start : start + _BATCH]))
        for job in jobs:
            job.result()
    return torch.from_numpy(images), torch.from_numpy(labels)
