"""Trousers: a waistband, two legs, and the gap between them."""

from __future__ import annotations

import numpy as np

from dlcore.data.drawn_clothing.sketch import Point, Sketch


def trouser(sketch: Sketch) -> None:
    """Draw trousers, long or at times short; narrow, straight or flared."""
    draws = sketch.draws
    top = draws.uniform(-1.0, -0.9)
    foot = np.where(draws.chance(0.15), draws.uniform(0.0, 0.4), draws.uniform(0.85, 1.0))
    waist, hip, crotch = draws.uniform(0.26, 0.4), draws.uniform(0.34, 0.5), draws.uniform(-0.5, -0.25)
    apart, leg = draws.uniform(0.02, 0.28), draws.uniform(0.14, 0.34)
    for side in (-1, 1):
        corners: list[Point] = [
            (0.0, crotch - 0.1),
            (hip, crotch - 0.1),
            (apart + leg, foot),
            (apart, foot + draws.uniform(-0.06, 0.06)),
        ]
        sketch.paint(sketch.polygon(corners, side=side), sketch.cloth * draws.uniform(0.85, 1.0), rim=0.35)
    sketch.paint(sketch.polygon([(-waist, top), (waist, top), (hip, crotch), (-hip, crotch)]), sketch.cloth, rim=0.2)
    sketch.shade(sketch.stroke((0.0, top), (0.0, crotch + 0.1), 1.0), draws.uniform(0.4, 0.7))
    sketch.shade(sketch.stroke((-waist, top + 0.07), (waist, top + 0.07), 1.8), draws.uniform(0.45, 1.0))
    pocket = draws.chance(0.5)
    for side in (-1, 1):
        sketch.shade(sketch.stroke((0.14, top + 0.2), (0.32, top + 0.32), 1.0, pocket, side), 0.5)
