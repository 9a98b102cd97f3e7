"""Figures in the background: what training waits for if it draws by itself, and if a worker draws from a queue."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from dlcore.errors import check_number
from dlcore.textbook.demonstration import Demonstration, Table
from dlcore.tracking.background import BackgroundWriter
from dlcore.tracking.figures import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXAMPLES = ("show background", "show background --steps 24 --every 2 --queue 1")
_BATCH, _SIZES = 64, (784, 256, 10)
_WAYS = ("none", "drawn by the training", "drawn by a worker")
Span = tuple[float, float]
"""Begin and duration, in seconds from the start of a training."""


def background(steps: int = 120, every: int = 30, queue: int = 64) -> Demonstration:
    """Training with figures: none, drawn by the training itself, drawn by a worker in the background.

    A network of 784, 256 and 10 units is trained on noise. Every few steps a histogram of its weights is drawn. The
    worker gets a copy of the weights through a queue; training waits only if the queue is full. At the end the queue is
    emptied, so that no figure is lost. The weights are the same in all three ways.

    Args:
        steps: Number of optimiser steps.
        every: Number of steps from one figure to the next.
        queue: Number of figures that may wait for the worker.

    Returns:
        The demonstration; its `values` are, a number a way, ``seconds`` of the training, ``waiting`` (of these, seconds
        spent on figures) and ``figures``; and ``same_weights``.

    Raises:
        ArgumentError: A number is out of range.
    """
    check_number("steps", steps, at_least=1, at_most=100_000, whole=True)
    check_number("every", every, at_least=1, whole=True)
    check_number("queue", queue, at_least=1, whole=True)
    _Run().draw(torch.zeros(10))  # the first figure loads fonts
    _Run().train(5, 5, lambda weights: None)  # and the first steps load kernels
    runs, writer = [_Run(), _Run(), _Run()], BackgroundWriter(queue)
    runs[0].train(steps, steps + 1, runs[0].draw)
    runs[1].train(steps, every, runs[1].draw)
    runs[2].train(steps, every, lambda weights: writer.submit(runs[2].draw, weights))
    writer.close()

    waiting = [sum(length for _, length in run.waits) for run in runs]
    rows = [
        (way, f"{run.seconds:.3f}", f"{wait:.3f}", str(len(run.drawings)))
        for way, run, wait in zip(_WAYS, runs, waiting, strict=True)
    ]
    notes = [
        f"The training that drew by itself spent {waiting[1] / runs[1].seconds:.0%} of its time on figures; with a "
        f"worker it was {waiting[2] / runs[2].seconds:.1%}. Steps can be slower while the worker draws: both use the "
        "same machine.",
        "fit draws in the background. Its summary says how long the training waited.",
    ]
    values: dict[str, object] = {
        "seconds": [run.seconds for run in runs],
        "waiting": waiting,
        "figures": [len(run.drawings) for run in runs],
        "same_weights": all(torch.equal(runs[0].weights, run.weights) for run in runs),
    }
    table = Table(("figures", "training, seconds", "of it waiting", "figures drawn"), rows)
    return Demonstration(_figure(runs), [table], notes, values)


@dataclass
class _Run:
    """One training, and when it did what."""

    steps: list[Span] = field(default_factory=list)
    waits: list[Span] = field(default_factory=list)  # of the training, for a figure or for the queue
    drawings: list[Span] = field(default_factory=list)
    begun: float = 0.0
    seconds: float = 0.0
    weights: Tensor = field(default_factory=lambda: torch.empty(0))

    def span(self, start: float) -> Span:
        """Return the span from a start until now."""
        return start - self.begun, time.perf_counter() - start

    def train(self, steps: int, every: int, show: Callable[[Tensor], object]) -> None:
        """Train a new network, and show a copy of its first weights every few steps."""
        generator = torch.Generator().manual_seed(0)
        inputs = torch.rand(_BATCH, _SIZES[0], generator=generator)
        targets = torch.randint(_SIZES[-1], (_BATCH,), generator=generator)
        first, last = (
            torch.empty(after, before).uniform_(-0.03, 0.03, generator=generator).requires_grad_()
            for before, after in pairwise(_SIZES)
        )
        self.begun = time.perf_counter()
        for step in range(1, steps + 1):
            start = time.perf_counter()
            loss = nn.functional.cross_entropy((inputs @ first.T).relu() @ last.T, targets)
            with torch.no_grad():
                for weight, gradient in zip((first, last), torch.autograd.grad(loss, (first, last)), strict=True):
                    weight -= 0.1 * gradient
            self.steps.append(self.span(start))
            if step % every == 0:
                start = time.perf_counter()
                show(first.detach().clone())
                self.waits.append(self.span(start))
        self.seconds = time.perf_counter() - self.begun
        self.weights = torch.cat([first.detach().flatten(), last.detach().flatten()])

    def draw(self, weights: Tensor) -> None:
        """Draw the weights' histogram as the content of a PNG file."""
        start = time.perf_counter()
        figure = style.new_figure(5, 3)
        axes = figure.subplots()
        axes.hist(weights.flatten().numpy(), bins=60, color=style.BLUE)
        style.style_axes(axes, "weights", "value", "number")
        style.to_png(style.finish(figure))
        self.drawings.append(self.span(start))


def _figure(runs: list[_Run]) -> Figure:
    """Draw what the training and the worker did over time."""
    figure = style.new_figure(10, 3.6)
    axes = figure.subplots()
    lanes = [
        (3.0, "no figures", runs[0].steps, []),
        (2.0, "drawn by the training", runs[1].steps, runs[1].drawings),
        (1.0, "drawn by a worker:\nthe training", runs[2].steps, runs[2].waits),
        (0.2, "the worker", [], runs[2].drawings),
    ]
    for y, _, steps, drawings in lanes:
        axes.broken_barh(steps, (y - 0.3, 0.6), facecolor=style.BLUE, label="optimiser steps" if y == 3 else None)
        axes.broken_barh(drawings, (y - 0.3, 0.6), facecolor=style.VERMILION, label="figures" if y == 2 else None)
    style.style_axes(axes, "", "seconds from the start of the training")
    axes.set_yticks([y for y, *_ in lanes], [name for _, name, *_ in lanes])
    axes.set_xlim(left=0)
    style.add_legend(figure, loc="outside upper right", ncols=2)
    style.head(figure, "Figures must not hold up training")
    return style.finish(figure)
