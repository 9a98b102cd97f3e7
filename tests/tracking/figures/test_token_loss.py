import math

import pytest
from drawn import shown

from dlcore.errors import ArgumentError
from dlcore.tracking.figures import token_loss
from dlcore.tracking.figures.style import NOT_A_NUMBER, to_png


def words(figure):
    return [shown(text) for text in figure.axes[0].texts]


def colors(figure):
    return figure.axes[0].collections[0].get_facecolors()


def test_each_token_has_the_colour_of_its_loss():
    figure = token_loss(["明月", "，", "\n", "几时"], [0.0, 4.0, math.nan, 99.0], 8.0, "标题")
    assert words(figure) == ["明月", "，", "⏎", "几时"]
    drawn = colors(figure)
    assert drawn[0, :3].tolist() == [1, 1, 1]
    assert drawn[0].sum() > drawn[1].sum() > drawn[3].sum()
    assert drawn[2, :3].tolist() == pytest.approx([int(NOT_A_NUMBER[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    assert to_png(figure)[1] > 400


def test_a_line_break_begins_a_row_and_a_full_row_another():
    figure = token_loss(["春", "\n", "夏", *["秋"] * 60], [1.0] * 63, 8.0, "")
    rows = [text.get_position()[1] for text in figure.axes[0].texts]
    assert rows[:3] == [0.5, 0.5, 1.5]
    assert rows[-1] == 3.5


def test_what_cannot_be_seen_has_a_sign():
    assert words(token_loss(["\n\n", " ", "\x07", "", "$a_b$"], [1.0] * 5, 8.0, "")) == ["∎", "␣", "□", "∅", "$a_b$"]


def test_losses_that_are_missing_are_an_error():
    with pytest.raises(ArgumentError, match="losses: expected 2 numbers, one a token"):
        token_loss(["a", "b"], [1.0], 8.0, "")
    with pytest.raises(ArgumentError, match="losses"):
        token_loss([], [], 8.0, "")
