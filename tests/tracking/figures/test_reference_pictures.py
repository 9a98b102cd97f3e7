"""A few figures beside pictures of them that were looked at and found good.

Compared is what an eye sees from far: brightness on a grid of 64 places across. Letters are smaller than that, so the
pictures hold for other fonts, processors and releases of matplotlib; texts are tested in test_gallery.py. To draw them
again: ``python tests/tracking/figures/test_reference_pictures.py``; then look at the figures themselves.
"""

import io
import itertools
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

sys.path.append(str(Path(__file__).parents[1]))  # for the call that draws them again
from gallery import FIGURES, USUAL, Names

from dlcore.tracking.figures.style import to_png

FOLDER = Path(__file__).parent / "reference"
ACROSS = 64
NAMES = ("activation_rows", "confusion_matrix", "layer_overview", "learning_curves")
NEAR = 5.0  # mean difference of brightness, of 255; two figures of thin lines on white differ by 9, others by 20


def from_far(name):
    with Image.open(io.BytesIO(to_png(FIGURES[name](Names(USUAL)))[0])) as image:
        height = round(ACROSS * image.height / image.width)
        return image.convert("L").resize((ACROSS, height), Image.Resampling.BOX)


def distance(one, other):
    """Mean difference of brightness, where both may be moved by one place against each other."""
    a, b = (np.asarray(image, dtype=float) for image in (one, other))
    moved = [np.roll(b, (down, right), (0, 1)) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    return min(np.abs(a - each)[1:-1, 1:-1].mean() for each in moved)


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_looks_as_it_did(name):
    with Image.open(FOLDER / f"{name}.png") as reference:
        drawn = from_far(name)
        assert abs(drawn.height - reference.height) <= 2
        assert distance(drawn.resize(reference.size), reference) < NEAR


def test_other_figures_do_not_look_like_it():
    references = {}
    for name in NAMES:
        with Image.open(FOLDER / f"{name}.png") as image:
            references[name] = image.copy()
    for one, other in itertools.combinations(references.values(), 2):
        assert distance(one, other.resize(one.size)) > 1.5 * NEAR


if __name__ == "__main__":
    for figure in NAMES:
        from_far(figure).save(FOLDER / f"{figure}.png", optimize=True)
