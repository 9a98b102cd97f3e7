"""What tests see of a figure: its pixels and its texts."""

import io

import numpy as np
from PIL import Image

from dlcore.tracking.figures.style import to_png


def picture(figure):
    content, width, height = to_png(figure)
    image = Image.open(io.BytesIO(content)).convert("RGB")
    assert image.size == (width, height)
    return np.asarray(image)


def texts(figure):
    from matplotlib.text import Text

    return {text.get_text() for text in figure.findobj(Text)} - {""}


def rgb(color):
    return [int(color[i : i + 2], 16) for i in (1, 3, 5)]


def count_pixels(image, color):
    return int((image == rgb(color)).all(axis=-1).sum())
