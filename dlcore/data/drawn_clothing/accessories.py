"""Shoes, seen from the side, toe to the left before mirroring; and bags."""

from __future__ import annotations

import numpy as np

from dlcore.data.drawn_clothing.sketch import Point, Sketch


def sandal(sketch: Sketch) -> None:
    """Draw a sole, flat or on a heel or wedge, and a few straps around an absent foot."""
    uniform, chance = sketch.draws.uniform, sketch.draws.chance
    ground = uniform(0.45, 0.75)
    raised = chance(0.5)
    lift = np.where(raised, uniform(0.25, 0.6), uniform(0.0, 0.08))
    heel, ball = ground - lift, uniform(-0.42, -0.25)
    ankle = heel - uniform(0.55, 0.75)
    toes = sketch.polygon(
        [
            (-0.95, ground),
            (-0.9, ground - 0.14),
            (ball - 0.15, ground - 0.42),
            (ball + 0.3, ground - 0.44),
            (ball + 0.3, ground),
        ]
    )
    foot = sketch.polygon([(ball, ground - 0.42), (0.35, ankle), (0.84, ankle), (0.92, heel), (ball, ground)])
    width = uniform(1.6, 2.6)
    lean = uniform(0.0, 0.2)
    front = sketch.stroke((ball - 0.3, ground), (ball - 0.25 + lean, ground - 0.6), width * 2.4)
    second = sketch.stroke((ball + 0.08, ground), (ball + 0.1 + lean, ground - 0.7), width, chance(0.8))
    kind = uniform()
    instep = sketch.stroke((0.85, heel), (ball + 0.3, ankle - 0.1), width, kind < 0.5)
    along = sketch.stroke((ball - 0.2, ground - 0.3), (0.4, ankle + 0.03), width, kind > 0.6)
    around = sketch.stroke((0.0, ankle + 0.1), (1.2, ankle + 0.08), width * 1.1, chance(0.85))
    back = sketch.stroke((0.87, heel), (0.8, ankle - 0.1), width * 1.4, chance(0.9))
    straps = front
    for strap in (second, instep, along, around, back):
        straps = np.minimum(straps, strap, out=straps)
    straps = np.maximum(straps, np.minimum(toes, foot), out=straps)
    sketch.paint(straps, sketch.cloth * uniform(0.8, 1.1), rim=0.1)
    thick = uniform(1.6, 3.0)
    sole = np.minimum(
        sketch.stroke((-0.97, ground), (ball + 0.05, ground), thick), sketch.stroke((ball, ground), (0.95, heel), thick)
    )
    wedge = chance(0.4)
    slim = uniform(0.08, 0.18)
    spike: list[Point] = [(0.94 - slim * 2, heel), (0.98, heel), (0.94, ground + 0.1), (0.94 - slim, ground + 0.1)]
    block: list[Point] = [(ball, ground - 0.02), (0.96, heel), (0.94, ground + 0.08), (ball, ground + 0.08)]
    heels = np.minimum(sketch.polygon(spike, raised & ~wedge), sketch.polygon(block, raised & wedge))
    sketch.paint(np.minimum(sole, heels), sketch.cloth * uniform(0.5, 0.9), rim=0.1)


def sneaker(sketch: Sketch) -> None:
    """Draw a low closed shoe on a pale, thick sole, with laces and at times stripes on its side."""
    uniform, chance = sketch.draws.uniform, sketch.draws.chance
    ground = uniform(0.35, 0.6)
    toe, ankle = ground - uniform(0.3, 0.42), ground - uniform(0.7, 0.95)
    instep = uniform(-0.5, -0.3)
    front = sketch.polygon(
        [(-0.97, ground), (-0.95, toe + 0.16), (-0.8, toe + 0.04), (instep, toe - 0.03), (0.9, toe), (0.95, ground)]
    )
    back = sketch.polygon(
        [
            (instep - 0.12, ground),
            (instep - 0.12, toe),
            (0.1, ankle + 0.05),
            (0.3, ankle),
            (0.82, ankle - uniform(0.0, 0.1)),
            (0.95, ground),
        ]
    )
    sketch.paint(np.minimum(front, back), sketch.cloth, rim=0.25)
    sketch.shade(sketch.ellipse((0.5, ankle), (0.3, 0.1)), 0.25)
    lace = uniform(0.3, 1.0)
    for step in (0.15, 0.5, 0.85):
        x, y = instep + (0.1 - instep) * step, toe + (ankle + 0.05 - toe) * step
        sketch.paint(sketch.stroke((x - 0.02, y - 0.02), (x + 0.16, y + 0.14), 1.0), lace)
    striped = chance(0.45)
    for low in (0.1, 0.3):
        sketch.paint(sketch.stroke((low + 0.18, ankle + 0.25), (low, ground - 0.1), 1.3, striped), lace)
    capped = chance(0.35)
    sketch.shade(
        sketch.polygon([(-1.1, toe), (-0.68, toe - 0.1), (-0.6, ground), (-1.1, ground)], capped), uniform(0.5, 1.4)
    )
    pale = sketch.stroke((-0.98, ground), (0.98, ground), uniform(2.0, 4.0))
    sketch.paint(pale, uniform(0.5, 1.0))
    sketch.shade(sketch.stroke((-1.0, ground + 0.1), (1.0, ground + 0.1), 1.0), 0.6)


def ankle_boot(sketch: Sketch) -> None:
    """Draw a shoe with a shaft above the ankle, on a heel, with a zip or an elastic in its side."""
    uniform = sketch.draws.uniform
    ground = uniform(0.7, 0.92)
    lift = uniform(0.1, 0.42)
    toe, top = ground - uniform(0.3, 0.42), uniform(-0.95, -0.6)
    shin, heel = uniform(-0.3, -0.05), uniform(0.72, 0.92)
    front = sketch.polygon(
        [
            (-0.96, ground),
            (-0.94, toe + 0.18),
            (-0.75, toe + 0.02),
            (shin - 0.2, toe - 0.1),
            (heel, toe - 0.2),
            (heel, ground - lift),
            (-0.3, ground),
        ]
    )
    neck = sketch.polygon(
        [(shin - 0.3, ground - 0.1), (shin - 0.3, toe), (shin, toe - 0.35), (heel, toe - 0.35), (heel, ground - lift)]
    )
    shaft = sketch.polygon(
        [(shin, top), (heel + uniform(-0.08, 0.06), top), (heel, ground - lift), (shin - 0.06, ground - lift)]
    )
    sketch.paint(np.minimum(np.minimum(front, neck), shaft), sketch.cloth, rim=0.25)
    block = uniform(0.2, 0.5)
    sketch.paint(
        sketch.polygon(
            [
                (heel - block, ground - lift - 0.04),
                (heel + 0.02, ground - lift - 0.04),
                (heel, ground + 0.08),
                (heel - block * 0.8, ground + 0.08),
            ]
        ),
        sketch.cloth * 0.6,
    )
    sole = np.minimum(
        sketch.stroke((-0.97, ground), (-0.2, ground), 1.6), sketch.stroke((-0.2, ground), (heel, ground - lift), 1.6)
    )
    sketch.paint(sole, sketch.cloth * 0.45)
    kind = uniform()
    middle = (shin + heel) * 0.5
    sketch.shade(sketch.stroke((middle, top), (middle + 0.05, toe + 0.05), 1.0, kind < 0.35), 0.4)
    elastic = [(middle - 0.14, top + 0.05), (middle + 0.14, top + 0.05), (middle, toe - 0.1)]
    sketch.shade(sketch.polygon(elastic, (kind > 0.35) & (kind < 0.6)), 0.55)
    for step in (0.2, 0.5, 0.8):
        y = top + (toe - 0.2 - top) * step
        sketch.paint(sketch.stroke((shin - 0.04, y), (shin + 0.22, y + 0.06), 1.0, kind > 0.75), uniform(0, 1))
    sketch.shade(sketch.stroke((shin, top + 0.05), (heel, top + 0.05), 1.5), uniform(0.5, 1.0))


def bag(sketch: Sketch) -> None:
    """Draw a bag: square, tapered or round, with one handle, two, a long strap, or none."""
    uniform, chance = sketch.draws.uniform, sketch.draws.chance
    bottom = uniform(0.6, 0.9)
    upper = uniform(-0.45, 0.05)
    wide, taper = uniform(0.6, 0.95), uniform(0.72, 1.12)
    kind = uniform()
    band = sketch.cloth * uniform(0.6, 1.0)
    reach = np.where(kind < 0.45, uniform(0.3, 0.55), upper + uniform(0.85, 1.0))
    grip = wide * np.where(kind < 0.45, uniform(0.35, 0.6), uniform(0.6, 0.9))
    sketch.paint(sketch.ring((0.0, upper), (grip, reach), uniform(1.2, 2.6), kind < 0.88), band)
    double = (kind > 0.25) & (kind < 0.45)
    sketch.paint(sketch.ring((0.08, upper), (grip * 0.75, reach * 0.7), 1.3, double), band * 0.8)
    narrow = np.minimum(wide * taper, 1.0)
    # A ring is complete: erase its lower half where the body does not cover it.
    sketch.erase(sketch.polygon([(-3.0, upper), (3.0, upper), (3.0, 3.0), (-3.0, 3.0)]))
    box = sketch.polygon([(-narrow, upper), (narrow, upper), (wide, bottom), (-wide, bottom)])
    middle, tall = (upper + bottom) * 0.5, (bottom - upper) * 0.5
    rounded = sketch.ellipse((0.0, middle), (wide, tall * 1.08))
    soft = sketch.ellipse((0.0, middle), (wide * 1.15, tall * 1.3))
    round_one = chance(0.25)
    sketch.paint(np.where(round_one, rounded, np.maximum(box, soft)), sketch.cloth, rim=0.3)
    flap = chance(0.5)
    edge = upper + (bottom - upper) * uniform(0.25, 0.6)
    sketch.shade(sketch.stroke((-wide * 0.95, edge), (wide * 0.95, edge), 1.1, flap), uniform(0.3, 0.7))
    clasp = chance(0.6)
    sketch.paint(sketch.ellipse((0.0, edge), (uniform(0.07, 0.14), 0.08), clasp), uniform(0, 1))
    sketch.shade(sketch.stroke((-wide, upper + 0.06), (wide, upper + 0.06), 1.2), uniform(0.5, 1.0))
