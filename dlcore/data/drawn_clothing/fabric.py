"""The fabric of a garment, and everything else in the picture: stripes, checks, folds, light, clutter, noise."""

from __future__ import annotations

import numpy as np

from dlcore.data.drawn_clothing.portable_random import Floats
from dlcore.data.drawn_clothing.sketch import SIZE, Sketch


def weave(sketch: Sketch, patterned: float = 0.45) -> None:
    """Give a sketch its fabric: a tone, light from one side, and in a share of the pictures stripes or checks."""
    draws = sketch.draws
    dark = draws.uniform()
    base = 1 - 0.65 * dark * dark
    cloth = sketch.linear(draws.uniform(-0.15, 0.15), draws.uniform(-0.15, 0.15), 1.0)
    contrast = np.where(draws.chance(patterned), draws.uniform(0.2, 0.65), np.float32(0))
    # Horizontal; vertical, over an even shade; both, which makes checks; or diagonal.
    kind = draws.uniform(0, 4)
    slanted = kind >= 3
    level = np.where(slanted, draws.uniform(0.3, 0.7), ((kind < 1) | (kind >= 2)).astype(np.float32))
    upright = np.where(slanted, draws.uniform(-0.7, 0.7), np.float32(0))
    checked = (kind >= 1) & ~slanted
    period = draws.uniform(3.0, 9.0) / sketch.scale
    stripes = _triangle_wave(sketch.linear(upright / period, level / period, draws.uniform()))
    crossing = _triangle_wave(sketch.linear(1 / period, 0.0, draws.uniform()))
    stripes += np.where(checked, np.float32(1), np.float32(0)) * crossing
    stripes *= contrast
    cloth *= base
    cloth *= 1 - np.minimum(stripes, 0.65)
    sketch.cloth = cloth


def _triangle_wave(phase: Floats) -> Floats:
    """Turn a phase, in place, into a wave from 0 to 1 with period 1 and rather steep flanks."""
    phase -= np.floor(phase)
    phase -= np.float32(0.5)
    np.abs(phase, out=phase)
    phase *= np.float32(5)
    phase -= np.float32(0.75)
    return np.clip(phase, 0, 1, out=phase)


def folds(sketch: Sketch, strength: float = 0.25) -> None:
    """Add soft light and shadow to the picture: a coarse random grid, interpolated linearly."""
    draws = sketch.draws
    cells = 5
    grid = draws.speckle(cells, cells) * draws.uniform(0, strength) + 1
    place = np.arange(SIZE) * ((cells - 1) / (SIZE - 1))
    left = np.minimum(place.astype(np.int64), cells - 2)
    part = (place - left).astype(np.float32).reshape(SIZE, 1)
    down = part.reshape(SIZE, 1, 1)
    tall = grid[left] * (1 - down) + grid[left + 1] * down
    sketch.tones *= tall[:, left] * (1 - part) + tall[:, left + 1] * part


def clutter(sketch: Sketch, share: float = 0.2) -> None:
    """Put a foreign object in front of some garments: a strip, a spot, something at the picture's edge."""
    uniform, chance, sign = sketch.draws.uniform, sketch.draws.chance, sketch.draws.sign
    strip, spot, corner = chance(share), chance(share), chance(share)
    x, y = uniform(-1.1, 1.1), uniform(-1.1, 1.1)
    sketch.paint(sketch.stroke((x - 2.5, y - uniform(-3, 3)), (x, y), uniform(0.8, 2.2), strip), uniform(0, 1))
    small = sketch.ellipse((uniform(-1, 1), uniform(-1, 1)), (uniform(0.1, 0.3), uniform(0.1, 0.3)), spot)
    sketch.paint(small, uniform(0, 1))
    large = sketch.ellipse((sign() * 1.2, sign() * 1.2), (uniform(0.3, 0.6), uniform(0.3, 0.6)), corner)
    sketch.paint(large, uniform(0, 0.8))


def develop(sketch: Sketch, grain: float = 0.09) -> Floats:
    """Return the finished pictures (H, W, N), whole numbers from 0 to 255: grain where painted, differing contrast."""
    draws = sketch.draws
    picture = draws.speckle(SIZE, SIZE)
    picture *= draws.uniform(0.02, grain)
    picture += 1
    picture *= sketch.tones
    picture *= draws.uniform(140, 255)
    picture += 0.5
    return np.floor(np.clip(picture, 0, 255, out=picture), out=picture)
