"""What tests see of a figure: its pixels and its texts."""

import io
import warnings

import numpy as np
import pytest
from PIL import Image

from dlcore.tracking.figures import fonts
from dlcore.tracking.figures.style import to_png


def picture(figure):
    content, width, height = to_png(figure)
    image = Image.open(io.BytesIO(content)).convert("RGB")
    assert image.size == (width, height)
    return np.asarray(image)


def texts(figure):
    from matplotlib.text import Text

    return {shown(text) for text in figure.findobj(Text)} - {""}


def rgb(color):
    return [int(color[i : i + 2], 16) for i in (1, 3, 5)]


def count_pixels(image, color):
    return int((image == rgb(color)).all(axis=-1).sum())


def drawn_texts(figure):
    """The texts that are really drawn: not those of ticks outside a chart, not empty ones."""
    from matplotlib.text import Text

    found, draw = [], Text.draw

    def note(self, *args, **kwargs):
        if self.get_visible() and self.get_text().strip():
            found.append(self)
        return draw(self, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Text, "draw", note)
        figure.draw_without_rendering()
    return list({id(text): text for text in found}.values())


def outline(text):
    """The corners (4, 2) of the rectangle that a drawn text fills, turned as the text is; in pixels."""
    renderer, angle = text.figure.canvas.get_renderer(), np.radians(text.get_rotation())
    text.set_text(text.get_text().rstrip("\n"))  # an empty line, kept free for what is written on it
    box = text.get_window_extent(renderer)
    middle = np.array([box.x0 + box.x1, box.y0 + box.y1]) / 2
    text.set_rotation(0)
    flat = text.get_window_extent(renderer)
    text.set_rotation(np.degrees(angle))
    half = np.array([flat.width, flat.height]) / 2
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * half @ turn + middle


def shown(text):
    """What a reader sees of a text that is no formula."""
    return text.get_text().replace(r"\$", "$").lstrip("\u200a")


def cjk_family():
    """The installed font that has Chinese characters, or None."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fonts._find_cjk_family.cache_clear()
        family = fonts._find_cjk_family()
        fonts._find_cjk_family.cache_clear()
        return family
