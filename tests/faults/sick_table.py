"""A table of numbers to learn from, in milliseconds."""

import random
from pathlib import Path


def write_numbers(path: Path) -> None:
    """Write a table: 200 rows, two numbers and whether somebody is sick."""
    chances = random.Random(0)
    rows = [(chances.gauss(0, 1), chances.gauss(0, 1)) for _ in range(200)]
    lines = ["length,weight,sick", *(f"{x:.3f},{y:.3f},{'yes' if x + y > 0 else 'no'}" for x, y in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
