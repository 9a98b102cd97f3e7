"""Every figure of the house, seen as a reader sees it: names to the letter, no text over another or cut off."""

import importlib
import inspect
import pkgutil

import numpy as np
import pytest
from crossed import crossed
from drawn import cjk_family, drawn_texts, outline, shown
from gallery import AWKWARD, FIGURES, USUAL, Names
from matplotlib.cbook import is_math_text

from dlcore.tracking import figures

# Functions of the package that draw no figure of their own: `layer_overview` draws `layer_maps`, and so on.
PARTS = {"captioned_pictures", "layer_maps", "new_figure", "finish"}


def drawing_functions():
    for module in pkgutil.iter_modules(figures.__path__):
        for name, function in vars(importlib.import_module(f"{figures.__name__}.{module.name}")).items():
            if name[0] != "_" and inspect.isfunction(function) and function.__annotations__.get("return") == "Figure":
                yield name


def test_every_figure_is_in_the_gallery():
    assert set(FIGURES) == set(drawing_functions()) - PARTS


@pytest.mark.parametrize(
    ("name", "names"),
    crossed(list(FIGURES), [USUAL, AWKWARD], others=pytest.mark.process),
    ids=lambda value: {USUAL: "usual", AWKWARD: "awkward"}.get(value),
)
def test_names_are_shown_to_the_letter_and_no_text_is_covered_or_cut_off(name, names):
    if names is AWKWARD and cjk_family() is None:
        names = tuple(each for each in names if each.isascii())
    figure = FIGURES[name](Names(names))
    texts = drawn_texts(figure)
    said = [text.get_text() for text in texts if not is_math_text(text.get_text())]
    formulas = {text.get_text() for text in texts} - set(said)
    # What matplotlib itself writes on axes is mathematics, and the formulas of activations are.
    assert all(r"\mathdefault" in each for each in formulas) or name == "activation_rows"
    assert any(names[0] in shown(text) for text in texts) or name == "activation_rows"

    outlines = [outline(text) for text in texts]
    lows, highs = np.array([each.min(0) for each in outlines]), np.array([each.max(0) for each in outlines])
    cut = (lows < -1).any(1) | (highs > np.array(figure.canvas.get_width_height()) + 1).any(1)
    assert [text.get_text() for text, is_cut in zip(texts, cut, strict=True) if is_cut] == []
    near = (lows[:, None] < highs).all(2) & (lows < highs[:, None]).all(2)
    pairs = np.argwhere(np.triu(near, 1)).tolist()
    covered = [(one, other) for one, other in pairs if overlap(outlines[one], outlines[other])]
    assert [(texts[one].get_text(), texts[other].get_text()) for one, other in covered] == []


def overlap(one, other):
    """Whether two rectangles, by their corners (4, 2), share more than their rim: no line lies between them."""
    for corners in (one, other):
        for place in range(2):
            side = corners[place + 1] - corners[place]
            axis = side / (np.linalg.norm(side) or 1.0)
            a, b = one @ axis, other @ axis
            if a.max() - 1 <= b.min() or b.max() - 1 <= a.min():
                return False
    return True
