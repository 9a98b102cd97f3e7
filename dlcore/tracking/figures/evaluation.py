"""Figures of a test: curves of a classifier, predictions of a regression, bits per character of a text model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dlcore.tracking.figures import style
from dlcore.tracking.figures.fonts import drawable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from dlcore.evaluation.curves import Calibration, ClassCurves, ClassScores

_MOST_DRAWN = 6  # curves in colours; the others are grey
_MOST_BARS = 30
_MOST_POINTS = 5000  # above, shares of a grid
_LONGEST_NAME = 22
_OPAQUE: dict[str, Any] = {"frameon": True, "edgecolor": "none", "framealpha": 0.85}  # legends over curves
_NONE, _TOO_MANY = "no class with samples of it and of others", "not computed for so many classes"


def classifier_curves(
    names: Sequence[str],
    curves: Sequence[ClassCurves | None],
    scores: Sequence[ClassScores],
    calibration: Calibration,
    uncalibrated: Calibration | None,
    title: str,
    threshold: float | None = None,
    two_classes: tuple[np.ndarray, np.ndarray] | None = None,
) -> Figure:
    """Draw ROC, precision against recall, calibration, and F1 of each class.

    Args:
        names: Names of the classes (K).
        curves: Curves of the classes (K); None: a class without; empty: of no class.
        scores: Precision, recall and F1 of the classes (K).
        calibration: Calibration of the probabilities.
        uncalibrated: The same before a temperature; None: there is none.
        title: Title of the figure.
        threshold: Threshold between two classes, marked; None: 0.5.
        two_classes: Of two classes: whether each sample is of class 1, and its probability (N,). Then the last chart is
            precision, recall and F1 of class 1 by threshold.
    """
    figure = style.new_figure(11.4, 9.0)
    (roc, recall), (reliable, last) = figure.subplots(2, 2)
    shown = [(name, each) for name, each in zip(names, curves, strict=False) if each is not None]
    _draw_curves(roc, recall, shown, _NONE if curves else _TOO_MANY)
    _draw_calibration(reliable, calibration, uncalibrated, _short(names[1]) if len(names) == 2 else "")
    if two_classes is not None:
        _draw_thresholds(last, *two_classes, names[1], threshold)
    else:
        _draw_scores(last, names, scores)
    style.head(figure, title, size=style.TITLE_SIZE + 1)
    return style.finish(figure)


def _draw_curves(roc: Axes, recall: Axes, shown: list[tuple[str, ClassCurves]], why_none: str) -> None:
    worst = sorted(shown, key=lambda pair: pair[1].area)  # the classes that are hardest to tell, in colours
    for place, (name, each) in enumerate(reversed(worst)):
        rank = len(worst) - 1 - place
        color = style.CYCLE[rank] if rank < _MOST_DRAWN else style.FAINT
        label = _short(name) if rank < _MOST_DRAWN else None
        width = 1.6 if rank < _MOST_DRAWN else 1.0
        roc.plot(
            each.false_positive_rate, each.true_positive_rate, color=color, linewidth=width,
            label=label and f"{label}  {each.area:.3f}",
        )  # fmt: skip
        recall.plot(
            each.recall, each.precision, color=color, linewidth=width, drawstyle="steps-post",
            label=label and f"{label}  {each.average_precision:.3f}",
        )  # fmt: skip
    roc.plot([0, 1], [0, 1], "--", color=style.QUIET, linewidth=1, zorder=0)
    note = f"the {_MOST_DRAWN} hardest of {len(worst)}" if len(worst) > _MOST_DRAWN else ""
    style.style_axes(roc, "ROC", "false positive rate", "true positive rate")
    style.style_axes(recall, "Precision and recall", "recall", "precision")
    if len(worst) == 1:
        share = worst[0][1].share
        recall.axhline(share, linestyle="--", color=style.QUIET, linewidth=1, zorder=0, label=f"guessing  {share:.3f}")
    corner = "upper right" if worst and worst[0][1].average_precision < 0.5 else "lower left"
    for axes, head in ((roc, "area"), (recall, "average precision")):
        axes.set_xlim(-0.01, 1.01)
        axes.set_ylim(-0.01, 1.03)
        if not worst:
            axes.text(0.5, 0.42, why_none, ha="center", color=style.QUIET)
            continue
        handles, _ = axes.get_legend_handles_labels()
        style.add_legend(
            axes, handles[::-1], loc="lower right" if axes is roc else corner, **_OPAQUE,
            title=f"{head}{': ' * bool(note)}{note}", title_fontsize=style.TICK_SIZE,
        )  # fmt: skip


def _draw_calibration(axes: Axes, after: Calibration, before: Calibration | None, name: str) -> None:
    axes.plot([0, 1], [0, 1], "--", color=style.QUIET, linewidth=1, zorder=0)
    rows = [(after, style.BLUE, "with the temperature" if before else "probabilities")]
    rows = [(before, style.ORANGE, "without"), *rows] if before else rows
    top = max(after.counts.max(), 1)
    axes.bar(after.predicted, after.counts / top * 0.22, width=0.045, color=style.FAINT, zorder=0)
    for each, color, which in rows:
        label = f"{which}: error {each.error:.3f}"
        axes.plot(each.predicted, each.observed, "o-", color=color, markersize=4, linewidth=1.4, label=label)
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(0, 1.03)
    style.style_axes(axes, "Calibration")
    axes.set_xlabel(f"probability of {name or 'the answer'} (grey: how many samples)")
    axes.set_ylabel(f"share of {name}" if name else "share right")
    style.add_legend(axes, loc="best", **_OPAQUE)  # few samples have points anywhere


def _draw_scores(axes: Axes, names: Sequence[str], scores: Sequence[ClassScores]) -> None:
    there = [(name, each) for name, each in zip(names, scores, strict=True) if np.isfinite(each.f1)]
    ordered = sorted(there, key=lambda pair: pair[1].f1)[:_MOST_BARS]
    places = np.arange(len(ordered))[::-1]
    axes.barh(places, [each.f1 for _, each in ordered], color=style.SKY, height=0.7, label="F1")
    marks = [("precision", "|", style.INK), ("recall", "o", style.VERMILION)]
    for kind, sign, color in marks:
        axes.plot([getattr(each, kind) for _, each in ordered], places, sign, color=color, markersize=7, label=kind)
    size = style.TICK_SIZE if len(ordered) <= 20 else 6
    axes.set_yticks(places, [_short(name) for name, _ in ordered], fontsize=size)
    axes.set_xlim(0, 1.02)
    title = "Classes, the hardest first"
    style.style_axes(axes, f"{title} ({_MOST_BARS} of {len(there)})" if len(there) > _MOST_BARS else title, "", "")
    axes.tick_params(axis="y", labelsize=size)
    axes.grid(visible=False, axis="y")
    style.add_legend(axes, loc="upper center", bbox_to_anchor=(0.5, -0.06), ncols=3)


def _draw_thresholds(axes: Axes, positive: np.ndarray, scores: np.ndarray, name: str, threshold: float | None) -> None:
    cuts = np.linspace(0, 1, 201)
    counts = len(scores) - np.searchsorted(np.sort(scores), cuts, "right")  # taken for class 1
    hits = positive.sum() - np.searchsorted(np.sort(scores[positive]), cuts, "right")
    with np.errstate(divide="ignore", invalid="ignore"):
        precision, recall = hits / counts, hits / positive.sum()
        f1 = 2 * hits / (counts + positive.sum())
    for values, label, color in (
        (precision, "precision", style.BLUE),
        (recall, "recall", style.ORANGE),
        (f1, "F1", style.GREEN),
    ):
        axes.plot(cuts, values, color=color, linewidth=1.6, label=label)
    axes.axvline(0.5, linestyle="--", color=style.QUIET, linewidth=1)
    if threshold is not None:
        axes.axvline(threshold, color=style.VERMILION, linewidth=1.4, label=f"threshold {threshold:.3g}")
    axes.set_xlim(0, 1)
    axes.set_ylim(-0.01, 1.03)
    style.style_axes(axes, f"By threshold: {_short(name, escape=False)}", "threshold", "")
    style.add_legend(axes, loc="best", **_OPAQUE)


def _short(name: str, escape: bool = True) -> str:
    text = name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
    return drawable(text) if escape else text


def regression_errors(predicted: np.ndarray, targets: np.ndarray, names: Sequence[str], title: str) -> Figure:
    """Draw predictions against targets, residuals against predictions, and how the residuals are distributed.

    Args:
        predicted: Predictions (N, O).
        targets: Targets (N, O).
        names: Names of the outputs (O).
        title: Title of the figure.
    """
    figure = style.new_figure(13.2, 4.6)
    left, middle, right = figure.subplots(1, 3)
    residuals = targets - predicted
    name = drawable(names[0]) if len(names) == 1 and names[0] != "0" else "values"
    _draw_points(left, targets, predicted, names)
    low, high = min(targets.min(), predicted.min()), max(targets.max(), predicted.max())
    left.plot([low, high], [low, high], "--", color=style.QUIET, linewidth=1)
    _draw_points(middle, predicted, residuals, names)
    middle.axhline(0, linestyle="--", color=style.QUIET, linewidth=1)
    equal = np.ptp(residuals) <= 1e-9 * np.abs(residuals).max()  # but for rounding errors
    bins = 1 if equal else min(40, max(5, int(np.sqrt(len(residuals)))))
    for number in range(min(len(names), _MOST_DRAWN)):
        own = {"color": style.CYCLE[number], "alpha": 0.75 if len(names) == 1 else 0.45}
        right.hist(residuals[:, number], bins=bins, label=drawable(str(names[number])), **own)
    right.axvline(0, linestyle="--", color=style.QUIET, linewidth=1)
    for axes in (left, middle, right):
        axes.locator_params(axis="x", nbins=5)  # numbers of many digits would cover each other
    style.style_axes(left, "Predicted and true", "true", "predicted")
    style.style_axes(middle, "Residuals", "predicted", "true - predicted")
    style.style_axes(right, "Distribution of the residuals", "true - predicted", "samples")
    left.set_xlabel(f"true {name}" if len(names) == 1 else "true")
    if len(names) > 1:
        style.add_legend(right)
    style.head(figure, title, size=style.TITLE_SIZE + 1)
    return style.finish(figure)


def _draw_points(axes: Axes, x: np.ndarray, y: np.ndarray, names: Sequence[str]) -> None:
    if len(names) == 1 and len(x) > _MOST_POINTS:
        axes.hexbin(x[:, 0], y[:, 0], gridsize=60, bins="log", cmap="Blues", mincnt=1, linewidths=0.1)
        return
    step = -(-len(x) // _MOST_POINTS)
    for number in range(min(len(names), _MOST_DRAWN)):
        axes.plot(
            x[::step, number], y[::step, number], "o", color=style.CYCLE[number], markersize=3.5, alpha=0.55, mew=0
        )


def text_bins(
    by_position: Sequence[tuple[str, float, int]],
    by_frequency: Sequence[tuple[str, float, int]],
    mean: float,
    title: str,
) -> Figure:
    """Draw bits per character by position in the document and by frequency of the token.

    Args:
        by_position: Label, bits per character and tokens of each range of positions.
        by_frequency: The same of each range of frequencies; may be empty.
        mean: Bits per character of all.
        title: Title of the figure.
    """
    figure = style.new_figure(11.4, 4.6)
    charts = [("By position", "position of the token in its document", by_position)]
    if by_frequency:
        charts.append(("By frequency", "how often the token is in the training text", by_frequency))
    for axes, (head, label, bins) in zip(np.ravel(figure.subplots(1, len(charts))), charts, strict=True):
        bits = np.array([each[1] for each in bins])
        axes.bar(range(len(bins)), np.nan_to_num(bits), color=style.SKY, width=0.8)
        for place, (_, _, tokens) in enumerate(bins):
            axes.annotate(
                f"{tokens:,}", (place, 0), (0, 4), textcoords="offset points", ha="center", va="bottom",
                fontsize=style.TICK_SIZE - 1, color=style.INK,
            )  # fmt: skip
        axes.axhline(mean, color=style.VERMILION, linewidth=1.2, label=f"all {mean:.2f}; in each bar: its tokens")
        axes.set_xticks(range(len(bins)), [each[0] for each in bins], rotation=30 if len(bins) > 5 else 0)
        axes.set_ylim(0, np.nanmax([*bits, mean]) * 1.28)
        style.style_axes(axes, head, label, "bits per character")
        style.add_legend(axes, loc="upper right")
    style.head(figure, title, size=style.TITLE_SIZE + 1)
    return style.finish(figure)
