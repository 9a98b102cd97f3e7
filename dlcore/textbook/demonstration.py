"""What a subject of the textbook shows: tables, remarks and one figure."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dlcore.tracking.figures.style import to_png

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Table:
    """Table of text.

    Attributes:
        header: Name of each column.
        rows: Cells of each row.
        title: A line above it; may be empty.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str = ""


@dataclass(frozen=True)
class Demonstration:
    """One subject, computed and drawn. A notebook shows the figure if this is a cell's last value.

    Attributes:
        figure: The figure.
        tables: Numbers of the figure, and others.
        notes: Sentences that say what to look at.
        values: Results by name, for Python; each subject lists its own.
        animation: Draws a moving picture, as the content of a GIF file; None if there is none.
    """

    figure: Figure
    tables: Sequence[Table] = ()
    notes: Sequence[str] = ()
    values: dict[str, object] | None = None
    animation: Callable[[], bytes] | None = None

    def _repr_png_(self) -> bytes:
        return to_png(self.figure)[0]

    def __str__(self) -> str:
        lines = [line for table in self.tables for line in _lines(table)]
        return "\n".join([*lines, *self.notes])


def _lines(table: Table) -> list[str]:
    """Return the table in aligned columns of text."""
    rows = [table.header, *table.rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(table.header))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [*filter(None, [table.title]), *lines, ""]


def number(value: float) -> str:
    """Return a number with at most six significant digits, and a true minus sign."""
    return f"{round(value, 10) + 0.0:.6g}".replace("-", "−")


def draw_gif(figure: Figure, update: Callable[[int], object], frames: int, milliseconds: int = 80) -> bytes:
    """Draw a moving picture.

    Args:
        figure: The figure.
        update: Changes it to a frame, counted from 0.
        frames: Number of frames.
        milliseconds: Duration of each; the last stays for a second and a half.

    Returns:
        The content of a GIF file.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas, pictures = FigureCanvasAgg(figure), []
    for frame in range(frames):
        update(frame)
        canvas.draw()
        if not frame:
            figure.set_layout_engine("none")  # all frames have the layout of the first
        picture = Image.frombytes("RGBA", canvas.get_width_height(), bytes(canvas.buffer_rgba())).convert("RGB")
        pictures.append(picture.quantize(64))
    file = io.BytesIO()
    durations = [milliseconds] * (frames - 1) + [1500]
    pictures[0].save(file, "GIF", save_all=True, append_images=pictures[1:], duration=durations, loop=0)
    return file.getvalue()
