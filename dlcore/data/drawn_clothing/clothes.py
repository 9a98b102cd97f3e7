"""Clothes for the upper body, dresses (a torso, two sleeves, a neck, what distinguishes the kinds), and trousers."""

from __future__ import annotations

import numpy as np

from dlcore.data.drawn_clothing.portable_random import Flags, Floats
from dlcore.data.drawn_clothing.sketch import Number, Point, Sketch


def t_shirt(sketch: Sketch) -> None:
    """Draw short sleeves or straps, a round or pointed neck, at times a print on the chest."""
    uniform, chance = sketch.draws.uniform, sketch.draws.chance
    top, hem = uniform(-0.9, -0.75), uniform(0.7, 0.95)
    shoulder, neck = uniform(0.48, 0.62), uniform(0.2, 0.32)
    tank = chance(0.12)
    _sleeves(sketch, shoulder, top + 0.12, length=(0.28, 0.6), spread=(0.45, 0.95), widths=(0.42, 0.34), absent=tank)
    _torso(sketch, top, neck, np.where(tank, neck + 0.14, shoulder), uniform(0.45, 0.6), hem)
    _neck(sketch, top, neck, uniform(0.1, 0.42), pointed=chance(0.35))
    printed = chance(0.35)
    size = uniform(0.12, 0.3)
    motif = sketch.ellipse((uniform(-0.08, 0.08), uniform(-0.2, 0.15)), (size, uniform(0.1, 0.3)), printed)
    sketch.paint(motif, uniform(0, 1))


def pullover(sketch: Sketch) -> None:
    """Draw long sleeves, a closed front, ribbed hem and cuffs, a round or a high neck."""
    uniform, chance = sketch.draws.uniform, sketch.draws.chance
    top, hem = uniform(-0.85, -0.7), uniform(0.65, 0.9)
    shoulder, neck, width = uniform(0.46, 0.6), uniform(0.18, 0.28), uniform(0.46, 0.58)
    high = chance(0.3)
    sketch.paint(
        sketch.polygon([(-neck, top - 0.16), (neck, top - 0.16), (neck, top + 0.1), (-neck, top + 0.1)], high),
        sketch.cloth * 0.8,
        rim=0.3,
    )
    _sleeves(sketch, shoulder, top + 0.12, length=(1.2, 1.55), spread=(0.1, 0.4), widths=(0.4, 0.22), cuff=0.7)
    _torso(sketch, top, neck, shoulder, width, hem)
    _neck(sketch, top, neck, uniform(0.1, 0.2), absent=high)
    sketch.shade(sketch.polygon([(-width, hem - 0.14), (width, hem - 0.14), (width, hem), (-width, hem)]), 0.7)


def dress(sketch: Sketch) -> None:
    """Draw a narrow bodice, a waist, a skirt that widens; straps or short sleeves."""
    uniform, chance = sketch.draws.uniform, sketch.draws.chance
    top, hem, waist = uniform(-0.98, -0.88), uniform(0.8, 1.0), uniform(-0.3, 0.05)
    shoulder, narrow, wide = uniform(0.26, 0.4), uniform(0.18, 0.3), uniform(0.32, 0.68)
    neck = shoulder * 0.6
    _sleeves(sketch, shoulder, top + 0.06, length=(0.2, 0.7), spread=(0.3, 0.7), widths=(0.28, 0.2), absent=chance(0.6))
    skirt = sketch.polygon([(-narrow, waist), (narrow, waist), (wide, hem), (-wide, hem)])
    bodice = sketch.polygon(
        [
            (-neck, top),
            (neck, top),
            (shoulder, top + 0.08),
            (narrow, waist + 0.03),
            (-narrow, waist + 0.03),
            (-shoulder, top + 0.08),
        ]
    )
    sketch.paint(np.minimum(skirt, bodice), sketch.cloth, rim=0.25)
    _neck(sketch, top, neck, uniform(0.12, 0.45), pointed=chance(0.4))
    belt = chance(0.6)
    sketch.shade(sketch.stroke((-narrow, waist), (narrow, waist), uniform(1.0, 2.5), belt), uniform(0.35, 0.8))


def coat(sketch: Sketch) -> None:
    """Draw a long garment with long sleeves; open in front, with lapels, buttons and pockets, at times a belt."""
    uniform, chance = sketch.draws.uniform, sketch.draws.chance
    top, hem = uniform(-0.98, -0.88), uniform(0.82, 1.0)
    shoulder, neck, width = uniform(0.46, 0.58), uniform(0.2, 0.28), uniform(0.46, 0.64)
    _sleeves(sketch, shoulder, top + 0.12, length=(1.25, 1.6), spread=(0.08, 0.3), widths=(0.4, 0.27))
    _torso(sketch, top, neck, shoulder, width, hem)
    depth = uniform(0.35, 0.75)
    gap = uniform(0.0, 0.1)
    inside = sketch.polygon([(-neck * 0.8, top - 0.1), (neck * 0.8, top - 0.1), (0.0, top + depth)])
    sketch.paint(inside, uniform(0, 1) * 0.6)
    lapel = sketch.cloth * uniform(0.55, 0.85)
    for side in (-1, 1):
        collar: list[Point] = [(neck * 0.9, top - 0.05), (neck + 0.16, top + 0.22), (0.03, top + depth + 0.06)]
        sketch.paint(sketch.polygon(collar, side=side), lapel, rim=0.2)
    opening = sketch.polygon(
        [(-0.02, top + depth), (0.02, top + depth), (0.03 + gap, hem + 0.05), (-0.03 - gap, hem + 0.05)]
    )
    sketch.shade(opening, 0.15)
    button = chance(0.6)
    column = uniform(0.1, 0.2)
    for row in (0.1, 0.35, 0.6):
        sketch.paint(sketch.ellipse((column, row), (0.055, 0.055), button), uniform(0, 1))
    belt = chance(0.3)
    sketch.shade(sketch.stroke((-width, 0.1), (width, 0.1), 2.0, belt), 0.5)
    for side in (-1, 1):
        sketch.shade(sketch.stroke((0.2, 0.38), (0.42, 0.34), 1.0, side=side), 0.5)


def shirt(sketch: Sketch) -> None:
    """Draw a collar with two points, a row of buttons, a round tail; long or short sleeves, at times a pocket."""
    uniform, chance = sketch.draws.uniform, sketch.draws.chance
    top, hem = uniform(-0.9, -0.76), uniform(0.66, 0.85)
    shoulder, neck, width = uniform(0.48, 0.6), uniform(0.17, 0.24), uniform(0.44, 0.58)
    short = chance(0.3)
    seam = top + 0.12
    _sleeves(
        sketch, shoulder, seam, length=(1.15, 1.5), spread=(0.1, 0.45), widths=(0.38, 0.24), cuff=0.75, absent=short
    )
    _sleeves(sketch, shoulder, seam, length=(0.3, 0.6), spread=(0.5, 0.9), widths=(0.4, 0.34), absent=~short)
    sketch.paint(sketch.ellipse((0.0, hem), (width * 0.9, uniform(0.1, 0.2))), sketch.cloth * 0.9, rim=0.3)
    _torso(sketch, top, neck, shoulder, width, hem)
    sketch.paint(sketch.ellipse((0.0, top), (neck * 0.8, 0.1)), 0.12)
    sketch.shade(sketch.stroke((0.06, top + 0.1), (0.06, hem), 1.2), uniform(0.25, 0.6))
    bright = uniform(0.9, 1.4)
    for side in (-1, 1):
        flap: list[Point] = [(neck * 0.95, top - 0.09), (neck + 0.14, top + 0.2), (0.0, top + 0.12)]
        sketch.paint(sketch.polygon(flap, side=side), sketch.cloth * bright, rim=0.35)
    dot = uniform(0, 1)
    for row in range(5):
        sketch.paint(sketch.ellipse((0.0, -0.5 + 0.26 * row), (0.04, 0.04)), dot)
    pocket = chance(0.45)
    sketch.shade(sketch.polygon([(0.17, -0.35), (0.4, -0.35), (0.4, -0.08), (0.17, -0.08)], pocket), 0.75)


def _torso(sketch: Sketch, top: Number, neck: Number, shoulder: Number, width: Number, hem: Number) -> None:
    """Paint the trunk: neck, slightly sloping shoulders, sides straight down to the hem."""
    corners = [(-neck, top), (neck, top), (shoulder, top + 0.14), (width, hem), (-width, hem), (-shoulder, top + 0.14)]
    sketch.paint(sketch.polygon(corners), sketch.cloth, rim=0.3)


def _sleeves(
    sketch: Sketch,
    shoulder: Floats,
    height: Floats,
    length: tuple[float, float],
    spread: tuple[float, float],
    widths: tuple[float, float],
    cuff: float = 1.0,
    absent: Flags | None = None,
) -> None:
    """Paint two sleeves of one length, each at its own angle; `height` is the y of the shoulder.

    length and spread (tangent of half the angle to the vertical) are lowest and highest values; widths those at
    shoulder and wrist; cuff a factor on the tone of the sleeve's end; absent (N,) the pictures without sleeves.
    """
    uniform = sketch.draws.uniform
    reach = uniform(*length)
    wide, narrow = (width * uniform(0.85, 1.15) for width in widths)
    present = None if absent is None else ~absent
    for side in (-1, 1):
        half = uniform(*spread) * 0.9
        out, down = 2 * half / (1 + half * half), (1 - half * half) / (1 + half * half)

        # Outer end of the sleeve; `narrow` further in is the inner end.
        end_x, end_y = shoulder + out * reach, height + down * reach
        in_x, in_y = end_x - down * narrow, end_y + out * narrow
        corners = [
            (shoulder - 0.12, height - 0.04),
            (shoulder, height - 0.02),
            (end_x, end_y),
            (in_x, in_y),
            (shoulder - 0.1, height + wide),
        ]
        sketch.paint(sketch.polygon(corners, present, side), sketch.cloth * 0.92, rim=0.35)
        if cuff != 1:
            back_x, back_y = out * 0.07, down * 0.07
            band = sketch.stroke((end_x - back_x, end_y - back_y), (in_x - back_x, in_y - back_y), 2.0, present, side)
            sketch.shade(band, cuff)


def _neck(
    sketch: Sketch, top: Floats, width: Floats, depth: Floats, pointed: Flags | None = None, absent: Flags | None = None
) -> None:
    """Cut out the neck and show the dark inside of the back."""
    pointed = np.zeros_like(width, dtype=np.bool_) if pointed is None else pointed
    absent = np.zeros_like(pointed) if absent is None else absent
    half = width * 0.92
    above = sketch.linear(0.0, -sketch.scale, (top - 0.04) * sketch.scale)
    scoop = np.maximum(sketch.ellipse((0.0, top), (half, depth), ~pointed & ~absent), above)
    sketch.paint(scoop, sketch.cloth * 0.3)
    vee = sketch.polygon([(-half, top - 0.05), (half, top - 0.05), (0.0, top + depth * 1.4)], pointed & ~absent)
    sketch.paint(vee, sketch.cloth * 0.3)
    sketch.erase(sketch.ellipse((0.0, top - 0.08), (half, 0.12), ~absent))


def trouser(sketch: Sketch) -> None:
    """Draw trousers, long or at times short; narrow, straight or flared."""
    uniform, chance = sketch.draws.uniform, sketch.draws.chance
    top = uniform(-1.0, -0.9)
    foot = np.where(chance(0.15), uniform(0.0, 0.4), uniform(0.85, 1.0))
    waist, hip, crotch = uniform(0.26, 0.4), uniform(0.34, 0.5), uniform(-0.5, -0.25)
    apart, leg = uniform(0.02, 0.28), uniform(0.14, 0.34)
    for side in (-1, 1):
        corners: list[Point] = [
            (0.0, crotch - 0.1),
            (hip, crotch - 0.1),
            (apart + leg, foot),
            (apart, foot + uniform(-0.06, 0.06)),
        ]
        sketch.paint(sketch.polygon(corners, side=side), sketch.cloth * uniform(0.85, 1.0), rim=0.35)
    sketch.paint(sketch.polygon([(-waist, top), (waist, top), (hip, crotch), (-hip, crotch)]), sketch.cloth, rim=0.2)
    sketch.shade(sketch.stroke((0.0, top), (0.0, crotch + 0.1), 1.0), uniform(0.4, 0.7))
    sketch.shade(sketch.stroke((-waist, top + 0.07), (waist, top + 0.07), 1.8), uniform(0.45, 1.0))
    pocket = chance(0.5)
    for side in (-1, 1):
        sketch.shade(sketch.stroke((0.14, top + 0.2), (0.32, top + 0.32), 1.0, pocket, side), 0.5)
