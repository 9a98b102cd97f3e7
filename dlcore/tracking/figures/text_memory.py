"""Figure: what a text network remembers, as four charts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from dlcore.tracking.figures import style
from dlcore.tracking.figures.fonts import drawable

if TYPE_CHECKING:  # they need torch, which what reads a run does without
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from dlcore.text.copied_text import TextStatistics
    from dlcore.text.memory import MemoryReport
    from dlcore.text.token_losses import Bin

_LOWEST = 1e-6  # of the greatest norm: what is below is not drawn
_LONGEST_COPY = 14  # characters that are shown


def text_memory(memory: MemoryReport, title: str, sequence_length: int | None = None) -> Figure:
    """Draw how far back the loss reaches, the loss by position and by frequency, and how much of a text is copied.

    Args:
        memory: The numbers.
        title: Title of the figure.
        sequence_length: Tokens through which a gradient goes back in training: marked; None: unknown.
    """
    figure = style.new_figure(11.4, 8.0)
    (gradient, position), (frequency, copies) = figure.subplots(2, 2)
    _draw_gradient(gradient, memory, sequence_length)
    _draw_bins(position, memory.by_position, memory.loss)
    style.style_axes(position, "Loss by position", "position of the token in its document", "nats per token")
    _draw_bins(frequency, memory.by_frequency, memory.loss)
    style.style_axes(frequency, "Loss by frequency", "how often the token is in the training text", "nats per token")
    _draw_samples(copies, memory.samples, memory.held_out)
    style.head(figure, title, size=style.TITLE_SIZE + 1)
    return style.finish(figure)


def _draw_gradient(axes: Axes, memory: MemoryReport, sequence_length: int | None) -> None:
    norms = np.asarray(memory.gradient, dtype=np.float64)
    top = float(np.nanmax(np.where(np.isfinite(norms), norms, np.nan))) if np.isfinite(norms).any() else 0.0
    shown = np.where(np.isfinite(norms) & (norms > _LOWEST * top), norms, np.nan)
    axes.plot(range(len(norms)), shown, "o-", color=style.BLUE, markersize=3, linewidth=1.6)
    if top > 0:
        axes.set_yscale("log")
        axes.minorticks_off()  # their labels are many, and slow to draw
    axes.set_xlim(-1, len(norms))
    if memory.reach is not None:
        label = f"95% of it within lag {memory.reach}"
        axes.axvline(memory.reach, color=style.VERMILION, linewidth=1.4, label=label)
    if sequence_length is not None and sequence_length <= len(norms):
        label = f"training cuts it at {sequence_length} tokens"
        axes.axvline(sequence_length, color=style.QUIET, linewidth=1.2, linestyle="--", label=label)
    style.style_axes(
        axes, "Gradient of the loss by earlier tokens", "lag: tokens back from the one read last", "mean norm"
    )
    if memory.reach is not None:
        style.add_legend(axes)


def _draw_bins(axes: Axes, bins: Sequence[Bin], mean: float) -> None:
    losses = [each.loss for each in bins]
    axes.bar(range(len(bins)), losses, color=style.SKY, width=0.8)
    for place, each in enumerate(bins):
        axes.annotate(
            f"{each.tokens:,}", (place, 0), (0, 4), textcoords="offset points", ha="center", va="bottom",
            fontsize=style.TICK_SIZE - 1, color=style.INK,
        )  # fmt: skip
    axes.axhline(mean, color=style.VERMILION, linewidth=1.2, label=f"mean {mean:.2f}; in each bar: its tokens")
    axes.set_xticks(range(len(bins)), [each.label for each in bins], rotation=30 if len(bins) > 5 else 0)
    if finite := [loss for loss in losses if np.isfinite(loss)]:
        axes.set_ylim(0, max(*finite, mean) * 1.28)
    style.add_legend(axes, loc="upper right")


def _draw_samples(axes: Axes, samples: TextStatistics, held_out: TextStatistics) -> None:
    for shift, name, text, color in ((-0.2, "samples", samples, style.BLUE), (0.2, "held-out", held_out, style.ORANGE)):
        places = np.arange(3) + shift
        copied = text.copied if len(text.copied) <= _LONGEST_COPY else f"{text.copied[: _LONGEST_COPY - 1]}…"
        count = len(text.copied)
        label = f"{name}: longest copy {count} character{'s' * (count != 1)}, “{copied.replace(chr(10), '⏎')}”"
        axes.bar(places, text.distinct, 0.38, color=color, label=drawable(label))
        for place, share in zip(places, text.distinct, strict=True):
            axes.text(place, share + 0.01, f"{share:.2f}", ha="center", fontsize=style.TICK_SIZE - 1, color=style.QUIET)
    axes.set_xticks(range(3), [f"distinct-{n}" for n in (1, 2, 3)])
    axes.set_ylim(0, 1.32)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    title = f"Samples and held-out text, {samples.characters:,} characters each"
    style.style_axes(axes, title, "", "share of distinct n-grams")
    style.add_legend(axes, loc="upper left")
