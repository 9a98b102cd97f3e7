"""Exponentially weighted averages of a noisy series.

Shapes: T values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from dlcore.errors import ArgumentError, check_number
from dlcore.optim.schedules import exponential_average
from dlcore.textbook.demonstration import Demonstration, Table
from dlcore.tracking.figures import style

EXAMPLES = ("show average", "show average --betas [0.5,0.9] --series [20,22,19,24,30,28]")
_DAYS = 30


def average(
    betas: Sequence[float] = (0.5, 0.9, 0.98),
    series: Sequence[float] | None = None,
    seed: int = 0,
) -> Demonstration:
    """Exponentially weighted averages of a noisy series: S₁ = Y₁, Sₜ = β Sₜ₋₁ + (1 − β) Yₜ.

    A larger β averages over more values, about 1 / (1 − β), and follows later.

    Args:
        betas: The share of the old average, one curve each; in [0, 1).
        series: Numbers of your own (T); left out, 30 noisy temperatures.
        seed: Seed of the temperatures.

    Returns:
        The demonstration; its `values` are the ``series`` and the ``averages`` by β.

    Raises:
        ArgumentError: A β is not in [0, 1), or there are fewer than two numbers.
    """
    if not betas:
        raise ArgumentError("betas", "at least one number", [])
    for beta in betas:
        check_number("betas", beta, at_least=0, below=1)
    if series is None:
        days = np.arange(_DAYS)
        noise = np.random.default_rng(seed).normal(0, 3, _DAYS)
        numbers = (15 + 10 * np.sin((days - 5) / _DAYS * math.pi) + noise).round(1).tolist()
    else:
        numbers = [float(value) for value in series]
    if len(numbers) < 2:
        raise ArgumentError("series", "at least two numbers", numbers)
    averages = {beta: list(exponential_average(numbers, beta)) for beta in betas}
    figure = style.new_figure(9, 4.4)
    axes = figure.subplots()
    steps = range(1, len(numbers) + 1)
    axes.plot(steps, numbers, "o", color="#9A9A9A", markersize=4, label="values")
    for color, (beta, curve) in zip(style.CYCLE * 4, averages.items(), strict=False):
        axes.plot(steps, curve, color=color, linewidth=2, label=f"β = {beta:g}, about {1 / (1 - beta):.0f} values")
    style.style_axes(
        axes, "Exponentially weighted averages", "day" if series is None else "t", "°C" if series is None else ""
    )
    axes.legend(frameon=False, fontsize=style.TICK_SIZE)
    rows = [
        (f"{step}", f"{numbers[step - 1]:g}", *(f"{curve[step - 1]:.3f}" for curve in averages.values()))
        for step in steps
    ]
    shown = rows if len(rows) <= 12 else [*rows[:6], ("…", *[""] * (len(averages) + 1)), *rows[-3:]]
    table = Table(("t", "value", *(f"β = {beta:g}" for beta in averages)), shown)
    notes = ["Optimisers (momentum, Adam) and averages of weights (--weight_averaging) use the same formula."]
    return Demonstration(style.finish(figure), [table], notes, {"series": numbers, "averages": averages})
