"""Bags: a body, a handle or a strap, a flap and a clasp."""

from __future__ import annotations

import numpy as np

from dlcore.data.drawn_clothing.sketch import Sketch


def bag(sketch: Sketch) -> None:
    """Draw a bag: square, tapered or round, with one handle, two, a long strap, or none."""
    draws = sketch.draws
    bottom = draws.uniform(0.6, 0.9)
    upper = draws.uniform(-0.45, 0.05)
    wide, taper = draws.uniform(0.6, 0.95), draws.uniform(0.72, 1.12)
    kind = draws.uniform()
    band = sketch.cloth * draws.uniform(0.6, 1.0)
    reach = np.where(kind < 0.45, draws.uniform(0.3, 0.55), upper + draws.uniform(0.85, 1.0))
    grip = wide * np.where(kind < 0.45, draws.uniform(0.35, 0.6), draws.uniform(0.6, 0.9))
    sketch.paint(sketch.ring((0.0, upper), (grip, reach), draws.uniform(1.2, 2.6), kind < 0.88), band)
    double = (kind > 0.25) & (kind < 0.45)
    sketch.paint(sketch.ring((0.08, upper), (grip * 0.75, reach * 0.7), 1.3, double), band * 0.8)
    narrow = np.minimum(wide * taper, 1.0)
    # A ring is complete: erase its lower half where the body does not cover it.
    sketch.erase(sketch.polygon([(-3.0, upper), (3.0, upper), (3.0, 3.0), (-3.0, 3.0)]))
    box = sketch.polygon([(-narrow, upper), (narrow, upper), (wide, bottom), (-wide, bottom)])
    middle, tall = (upper + bottom) * 0.5, (bottom - upper) * 0.5
    rounded = sketch.ellipse((0.0, middle), (wide, tall * 1.08))
    soft = sketch.ellipse((0.0, middle), (wide * 1.15, tall * 1.3))
    round_one = draws.chance(0.25)
    sketch.paint(np.where(round_one, rounded, np.maximum(box, soft)), sketch.cloth, rim=0.3)
    flap = draws.chance(0.5)
    edge = upper + (bottom - upper) * draws.uniform(0.25, 0.6)
    sketch.shade(sketch.stroke((-wide * 0.95, edge), (wide * 0.95, edge), 1.1, flap), draws.uniform(0.3, 0.7))
    clasp = draws.chance(0.6)
    sketch.paint(sketch.ellipse((0.0, edge), (draws.uniform(0.07, 0.14), 0.08), clasp), draws.uniform(0, 1))
    sketch.shade(sketch.stroke((-wide, upper + 0.06), (wide, upper + 0.06), 1.2), draws.uniform(0.5, 1.0))
