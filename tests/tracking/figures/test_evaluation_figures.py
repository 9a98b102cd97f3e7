"""Figures of a test: curves of the hardest classes in colours, names shown verbatim, what is missing is said."""

import numpy as np

from dlcore.evaluation.curves import calibration, class_curves, class_scores
from dlcore.tracking.figures import classifier_curves, regression_errors, style, text_bins


def curves_of(classes, samples=400, with_curves=True, **more):
    generator = np.random.default_rng(0)
    targets = np.arange(samples) % classes
    scores = generator.normal(0, 1, (samples, classes))
    scores[np.arange(samples), targets] += 1 + targets % 3
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    curves = [class_curves(targets == k, shares[:, k]) for k in range(classes)] if with_curves else []
    two = {"two_classes": (targets == 1, shares[:, 1])} if classes == 2 else {}
    names = [f"类_{k}$" for k in range(classes)]
    found = calibration(shares, targets)
    return classifier_curves(
        names, curves, class_scores(targets, shares.argmax(1), classes), found, found, "A test", **two, **more
    )


def shown(axes):
    legend = axes.get_legend()
    return [] if legend is None else [text.get_text() for text in legend.get_texts()]


def test_the_hardest_classes_are_named():
    figure = curves_of(9)
    roc, recall, reliable, bars = figure.axes
    assert len(shown(roc)) == 6
    assert shown(roc)[0].startswith(r"类_0\$  0.") or r"类_" in shown(roc)[0]
    assert "the 6 hardest of 9" in recall.get_legend().get_title().get_text()
    assert any("with the temperature" in text for text in shown(reliable))
    assert len(bars.get_yticks()) == 9
    assert style.to_png(figure)[1] > 1000


def test_two_classes_have_a_chart_by_threshold():
    figure = curves_of(2, threshold=0.25)
    assert shown(figure.axes[3]) == ["precision", "recall", "F1", "threshold 0.25"]
    assert "类_1" in figure.axes[2].get_xlabel()


def test_what_is_not_computed_is_said():
    roc = curves_of(3, with_curves=False).axes[0]
    assert any("not computed" in text.get_text() for text in roc.texts)


def test_a_regression_of_one_and_of_several_numbers():
    one = regression_errors(np.ones((1, 1)), np.zeros((1, 1)), ["费用$"], "A test")
    assert one.axes[0].get_xlabel() == r"true 费用\$"
    targets = np.random.default_rng(0).normal(0, 1, (6000, 3))
    several = regression_errors(targets + 0.1, targets, ["0", "1", "2"], "A test")
    assert shown(several.axes[2]) == ["0", "1", "2"]
    assert style.to_png(several)[1] > 1000


def test_bits_of_tokens_without_characters_have_no_bar():
    figure = text_bins([("1", 9.0, 3), ("2–3", float("nan"), 6)], [], 8.0, "A text")
    assert len(figure.axes) == 1
    assert [bar.get_height() for bar in figure.axes[0].patches] == [9.0, 0.0]
