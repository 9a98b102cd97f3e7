"""Dropout on one input: values and gradients in training, and nothing in evaluation.

Shapes: F values.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from dlcore.errors import ArgumentError, check_number
from dlcore.textbook.demonstration import Demonstration, Table, number
from dlcore.tracking.figures import style

EXAMPLES = ("show dropout", "show dropout --p 0.5 --inputs [1,2,3,4] --passes 5")
_MOST = 20


def dropout(
    p: float = 0.8,
    inputs: Sequence[float] = (5, 5, 5, 5, 5, 5, 5, 5, 5, 5),
    passes: int = 3,
    seed: int = 0,
) -> Demonstration:
    """Dropout on one input: some values become 0, the others grow by 1 / (1 − p); in evaluation nothing changes.

    The gradient of a dropped value is 0; that of a kept one is 1 / (1 − p).

    Args:
        p: Probability with which a value is dropped, in [0, 1).
        inputs: The numbers that go in (F), at most 20.
        passes: How often they go through in training, each time with another choice; 1 to 10.
        seed: Seed of the choices.

    Returns:
        The demonstration; its `values` are ``outputs`` and ``gradients`` of each pass, ``evaluation``, ``scale``.

    Raises:
        ArgumentError: A number is out of range.
    """
    check_number("p", p, at_least=0, below=1)
    check_number("passes", passes, at_least=1, at_most=10, whole=True)
    if not 1 <= len(inputs) <= _MOST:
        raise ArgumentError("inputs", f"1 to {_MOST} numbers", len(inputs))
    layer = nn.Dropout(p)
    values = torch.tensor([float(value) for value in inputs], dtype=torch.float64, requires_grad=True)
    lines, outputs, gradients = [("input", values.detach())], [], []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for each in range(passes):
            result = layer(values)
            (gradient,) = torch.autograd.grad(result.sum(), values)
            outputs.append(result.tolist())
            gradients.append(gradient.tolist())
            lines += [(f"training, pass {each + 1}", result.detach()), (f"gradient, pass {each + 1}", gradient)]
    evaluated = layer.eval()(values.detach())
    lines.append(("evaluation", evaluated))
    scale = 1 / (1 - p)
    rows = [(name, *(number(value) for value in line.tolist())) for name, line in lines]
    table = Table(("", *(f"x{place + 1}" for place in range(len(values)))), rows)
    mean = torch.tensor(outputs).mean().item()
    notes = [
        f"A kept value is multiplied by 1 / (1 − {p:g}) = {scale:.4g}: {number(inputs[0])} becomes "
        f"{number(inputs[0] * scale)}. So the expected sum stays the same (mean here: {mean:.4g} in training, "
        f"{evaluated.mean().item():.4g} in evaluation)."
    ]
    if not any(number_ == 0 for line in gradients for number_ in line):
        notes.append("None was dropped here: choose another --seed or a larger --p.")
    figure = style.new_figure(max(6.0, 0.62 * len(values) + 2.6), 0.5 * len(lines) + 1.1)
    axes = figure.subplots()
    for height, (name, line) in enumerate(lines):
        color = style.VERMILION if name.startswith("gradient") else style.BLUE
        for place, value in enumerate(line.tolist()):
            face = style.PAPER if value == 0 else color
            axes.add_patch(_cell(place, -height, face, 0.16 if value else 1.0))
            axes.text(place, -height, number(value), ha="center", va="center", fontsize=style.TICK_SIZE,
                      color=style.FAINT if value == 0 else style.INK)  # fmt: skip
        axes.text(
            -0.7,
            -height,
            name,
            ha="right",
            va="center",
            fontsize=style.LABEL_SIZE,
            color=color if height else style.INK,
        )
    axes.set_xlim(-0.6, len(values) - 0.4)
    axes.set_ylim(-len(lines) + 0.4, 0.6)
    axes.axis("off")
    style.head(figure, f"Dropout, p = {p:g}")
    found: dict[str, object] = {
        "outputs": outputs,
        "gradients": gradients,
        "evaluation": evaluated.tolist(),
        "scale": scale,
    }
    return Demonstration(style.finish(figure), [table], notes, found)


def _cell(x: float, y: float, color: str, alpha: float) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((x - 0.46, y - 0.42), 0.92, 0.84, facecolor=color, alpha=alpha, edgecolor=style.FAINT)
