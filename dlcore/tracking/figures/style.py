"""Style of all figures: sizes, colours, grid and fonts; and their PNG files.

Figures use matplotlib's objects, never pyplot or rcParams, which are global in a process. So a worker thread can draw
while the user's code uses pyplot. matplotlib is imported when the first figure is drawn.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlcore.errors import ArgumentError
from dlcore.tracking.figures.fonts import choose_families, drawable
from dlcore.tracking.run_file import replace_file, writing

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.colorbar import Colorbar
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

    figure: Any = Figure(figsize=(width, height), dpi=DPI, facecolor=PAPER)
    # A notebook shows the figure if it is a cell's last value; matplotlib alone sees to that for pyplot's figures only.
    figure._repr_png_ = lambda: to_png(figure)[0]
    figure.set_layout_engine("constrained", w_pad=0.12, h_pad=0.1, wspace=0.02)
    FigureCanvasAgg(figure)
    made: Figure = figure
    return made


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


def add_legend(target: Axes | Figure, handles: Sequence[Artist] | None = None, **look: Any) -> None:
    """Add a legend without a frame to a chart or a figure; without handles, of what the chart has drawn."""
    usual = {"frameon": False, "fontsize": TICK_SIZE, "labelcolor": INK}
    target.legend(**({} if handles is None else {"handles": handles}), **usual | look)


def add_color_bar(source: Any, axes: Axes, label: str = "", **look: Any) -> Colorbar:
    """Add a bar next to a chart that explains the colours of a picture or a `ScalarMappable`."""
    bar = axes.figure.colorbar(source, ax=axes, **{"pad": 0.02, **look})
    bar.set_label(drawable(label), fontsize=LABEL_SIZE, color=INK)
    bar.ax.tick_params(labelsize=TICK_SIZE, colors=INK, which="both")
    bar.outline.set_visible(False)
    return bar


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


_COMPRESSION = 3  # of 9: half the time of the usual 6 for a tenth more bytes


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
    metadata = {} if software is None else {"Software": software}
    canvas.print_png(file, metadata=metadata, pil_kwargs={"compress_level": _COMPRESSION})
    width, height = canvas.get_width_height()
    return file.getvalue(), width, height


_MAKER = "dlcore"
# Bytes of the metadata from `to_png` in a PNG file, before the pixels.
_MARK = b"tEXtSoftware\x00" + _MAKER.encode()
_HEAD = 4096


def check_png_path(path: Path, argument: str = "--out") -> None:
    """Check that a picture can be written, before drawing it.

    Raises:
        ArgumentError: It is not a .png file, its folder does not exist, or dlcore did not draw the existing file.
    """
    if path.is_dir():
        raise ArgumentError(argument, "a file", str(path), f"It is a folder: name a file in it, {path / 'x.png'}.")
    if path.suffix.lower() != ".png":
        raise ArgumentError(argument, "a file name that ends in .png", str(path))
    if not path.parent.is_dir():
        raise ArgumentError(argument, "a file in a folder that is there", str(path), f"Make it: mkdir -p {path.parent}")
    if path.exists() and _MARK not in path.read_bytes()[:_HEAD]:
        raise ArgumentError(
            argument, "a new file, or a picture that dlcore drew", str(path), "This one is left as it is."
        )


def write_png(figure: Figure, path: Path) -> None:
    """Write a figure atomically, after `check_png_path`."""
    check_png_path(path)
    content, _, _ = to_png(figure, software=_MAKER)
    replace_png(content, path)


def replace_png(content: bytes, path: Path) -> None:
    """Write a picture atomically; create the folder if necessary."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, content)
