"""Style of all figures: sizes, colours, grid and fonts.

Figures use matplotlib's objects, never pyplot or rcParams, which are global in a process. So a worker thread can draw
while the user's code uses pyplot. matplotlib is imported when the first figure is drawn.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from dlcore.tracking.figures.fonts import choose_families, drawable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 120
# Okabe and Ito's colours, which people with any colour vision can tell apart: https://jfly.uni-koeln.de/color/
BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION, YELLOW = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442",
)  # fmt: skip
TRAIN, VALIDATION = BLUE, VERMILION
CYCLE = (BLUE, VERMILION, GREEN, PURPLE, SKY, ORANGE)
INK, QUIET, FAINT, PAPER = "#222222", "#666666", "#D9D9D9", "#FFFFFF"
NOT_A_NUMBER, INFINITE, ZERO = "#E0218A", "#7A003C", "#EDEDED"
SEQUENTIAL, SHARE_OF_ILL = "viridis", "YlOrRd"
TITLE_SIZE, LABEL_SIZE, TICK_SIZE = 12, 10, 9


def new_figure(width: float, height: float) -> Figure:
    """Create an empty figure that draws into memory.

    Args:
        width: Width in inches, of 120 pixels each.
        height: Height in inches.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, facecolor=PAPER)
    figure.set_layout_engine("constrained", w_pad=0.12, h_pad=0.1, wspace=0.02)
    FigureCanvasAgg(figure)
    return figure


def style_axes(axes: Axes, title: str = "", x_label: str = "", y_label: str = "", grid: bool = True) -> None:
    """Set a chart's title, labels, grid and frame. All text is shown verbatim."""
    axes.set_title(drawable(title), fontsize=TITLE_SIZE, color=INK, loc="left", pad=10)
    axes.set_xlabel(drawable(x_label), fontsize=LABEL_SIZE, color=INK)
    axes.set_ylabel(drawable(y_label), fontsize=LABEL_SIZE, color=INK)
    axes.tick_params(labelsize=TICK_SIZE, colors=INK, length=3)
    axes.set_axisbelow(True)
    if grid:
        axes.grid(color=FAINT, linewidth=0.7)
    for side, spine in axes.spines.items():
        spine.set_visible(not grid or side in ("left", "bottom"))
        spine.set_color(FAINT)


def head(figure: Figure, title: str, note: str | None = None, size: float = TITLE_SIZE) -> None:
    """Set a figure's title, at the left.

    Args:
        figure: The figure.
        title: The title, shown verbatim.
        note: A smaller line below the title; None: no space for one.
        size: Size of the title, in points.
    """
    below = "" if note is None else "\n"
    figure.suptitle(drawable(title) + below, fontsize=size, color=INK, x=0.012, ha="left")
    if note:
        top = 1 - 0.47 / figure.get_figheight()
        figure.text(0.012, top, drawable(note), fontsize=TICK_SIZE, color=QUIET, ha="left", va="top")


def finish(figure: Figure) -> Figure:
    """Choose fonts for the figure's characters. Call this last, after `drawable` for all names."""
    from matplotlib.text import Text

    texts = figure.findobj(Text)
    families = choose_families("".join(text.get_text() for text in texts))
    for text in texts:
        text.set_fontfamily(families)
    return figure


def to_png(figure: Figure, software: str | None = None) -> tuple[bytes, int, int]:
    """Draw a figure.

    Args:
        figure: The figure.
        software: Name of the software in the file's metadata; None: matplotlib's.

    Returns:
        The content of a PNG file, its width and its height in pixels.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    # A user's figure may have another canvas.
    canvas = figure.canvas if isinstance(figure.canvas, FigureCanvasAgg) else FigureCanvasAgg(figure)
    file = io.BytesIO()
    canvas.print_png(file, metadata={} if software is None else {"Software": software})
    width, height = canvas.get_width_height()
    return file.getvalue(), width, height
