"""Is there a circle in the picture? Coloured shapes at random positions, drawn by dlcore as PNG files.

Each picture has two to four shapes of any colour and size on a noisy background. One of them, wholly visible, decides
the class: it is a circle in half of the pictures, else a triangle, a square or a pentagon of the same area. Position,
size, colour, background and the other shapes have the same distribution in both classes. So neither colour nor
brightness nor position nor the number of shapes reveals the class.

Shapes: B pictures drawn together, S side of a picture.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dlcore.cache import cache_folder, cached_entry
from dlcore.data.drawn_clothing.portable_random import Draws, Floats
from dlcore.errors import ArgumentError
from dlcore.processes import cores
from dlcore.progress_bar import progress_bar

CLASS_NAMES = ("circle", "no circle")
COUNTS = {"train": 10_000, "val": 1_000, "test": 2_000}
SIDE = 48
_VERSION = 1  # increase it when the pictures change
_BATCH = 250
_RADIUS = 5.0, 10.0  # pixels, of the circle of the same area
_MOST_SHAPES = 4


def circles_folder() -> Path:
    """Return the folder of the pictures in dlcore's cache, with train, val and test; draw them at the first call."""
    place = cache_folder() / "circles" / f"{_VERSION}-{'-'.join(str(count) for count in COUNTS.values())}"
    cached_entry(place, lambda folder: folder if folder.is_dir() else None, write_circles, keep_others=True)
    return place


def write_circles(folder: Path) -> None:
    """Write all pictures: ``folder/part/class/number.png``, both classes equally often in each part."""
    from PIL import Image

    for part in COUNTS:
        for name in CLASS_NAMES:
            (folder / part / name).mkdir(parents=True)

    def write(part: str, seed: int, start: int) -> int:
        count = min(_BATCH, COUNTS[part] - start)
        with_circle = (np.arange(start, start + count) % 2) == 0
        for number, picture in enumerate(draw_circles(with_circle, seed, start)):
            name = CLASS_NAMES[0 if with_circle[number] else 1]
            # Compressing noise takes time and saves nothing.
            Image.fromarray(picture).save(folder / part / name / f"{start + number:05}.png", compress_level=0)
        return count

    with ThreadPoolExecutor(cores()) as pool, progress_bar("drawing pictures", sum(COUNTS.values())) as advance:
        jobs = [
            pool.submit(write, part, seed, start)
            for seed, part in enumerate(COUNTS)
            for start in range(0, COUNTS[part], _BATCH)
        ]
        for job in jobs:
            advance(job.result())


def circle_ring(part: str, number: int, width: float = 3.0) -> NDArray[np.bool_]:
    """Return where the circle's line lies in a picture of the set (S, S): pixels within `width` of it.

    Args:
        part: ``train``, ``val`` or ``test``.
        number: Number of the picture in its part, as in its file's name; even, since the others have no circle.
        width: Greatest distance from the line, in pixels.

    Raises:
        ArgumentError: There is no such picture, or it has no circle.
    """
    count = COUNTS.get(part, 0)
    if not 0 <= number < count or number % 2:
        raise ArgumentError("number", f"an even number below {count:,}, a picture with a circle", number)
    start = number // _BATCH * _BATCH
    with_circle = (np.arange(start, min(start + _BATCH, count)) % 2) == 0
    _, inside = _drawn(with_circle, list(COUNTS).index(part), start)
    ring: NDArray[np.bool_] = np.abs(inside[number - start]) <= width
    return ring


def draw_circles(with_circle: NDArray[np.bool_], *key: int) -> NDArray[np.uint8]:
    """Draw pictures (B, S, S, 3), 0 to 255, with a circle or without (B,); the same key gives the same pictures."""
    return _drawn(with_circle, *key)[0]


def _drawn(with_circle: NDArray[np.bool_], *key: int) -> tuple[NDArray[np.uint8], Floats]:
    """Return pictures, and how far each pixel lies within the shape that decides (B, S, S), below 0 outside."""
    n = len(with_circle)
    draws = Draws(n, *key)
    # One channel at a time, (B, S, S): numpy is several times slower when the last dimension has only three entries.
    ground = [draws.uniform(0.3, 0.7) for _ in range(3)]
    down, across = draws.uniform(-0.1, 0.1), draws.uniform(-0.1, 0.1)
    steps = np.linspace(-1, 1, SIDE, dtype=np.float32)
    slope = down[:, None, None] * steps[:, None] + across[:, None, None] * steps  # light from a random side
    canvas = [slope + level[:, None, None] for level in ground]
    shapes = np.floor(draws.uniform(2, _MOST_SHAPES + 1))
    for number in range(_MOST_SHAPES):
        decides = number == _MOST_SHAPES - 1  # drawn last: nothing covers it
        color = [np.clip(level + draws.sign() * draws.uniform(0.15, 0.45), 0, 1) for level in ground]
        inside = _inside(draws, with_circle & decides)
        cover = np.clip(inside + 0.5, 0, 1).astype(np.float32)
        cover *= ((number < shapes - 1) | decides)[:, None, None]
        for channel, level in zip(canvas, color, strict=True):
            channel += cover * (level[:, None, None] - channel)
    pictures = np.empty((n, SIDE, SIDE, 3), dtype=np.uint8)
    for number, channel in enumerate(canvas):
        channel += 0.05 * draws.speckle(SIDE, SIDE).transpose(2, 0, 1)
        pictures[..., number] = np.clip(channel, 0, 1) * 255 + 0.5
    return pictures, inside


def _inside(draws: Draws, is_circle: NDArray[np.bool_]) -> Floats:
    """Return how far each pixel lies within a shape (B, S, S): a polygon, or a circle of the same area."""
    corners = np.floor(draws.uniform(3, 6))
    radius, turn = draws.uniform(*_RADIUS), draws.uniform(0, 2 * np.pi)
    reach = radius * np.sqrt(2 * np.pi / (corners * np.sin(2 * np.pi / corners)))  # of the corners: the area is πr²
    apothem = reach * np.cos(np.pi / corners)
    y, x = (draws.uniform(reach, SIDE - 1 - reach)[:, None, None] for _ in range(2))
    steps = np.arange(SIDE, dtype=np.float32)
    down, across = steps[:, None] - y, steps - x
    beyond = np.full((len(radius), SIDE, SIDE), -np.inf, dtype=np.float32)
    for side in range(5):
        # A triangle repeats its first side as the fourth.
        angle = (turn + 2 * np.pi / corners * (side % corners))[:, None, None].astype(np.float32)
        beyond = np.maximum(beyond, across * np.cos(angle) + down * np.sin(angle))
    return np.where(
        is_circle[:, None, None], radius[:, None, None] - np.hypot(across, down), apothem[:, None, None] - beyond
    )
