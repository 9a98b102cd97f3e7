"""Batch normalisation of one feature: a batch before and after, and the running statistics step by step.

Shapes: N samples in a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from dlcore.errors import check_number
from dlcore.textbook.demonstration import Demonstration, Table
from dlcore.tracking.figures import style

EXAMPLES = ("show batch_norm", "show batch_norm --mean 0.0005 --std 0.001 --momentum 0.01 --steps 300")


def batch_norm(
    batch_size: int = 32,
    mean: float = 8.0,
    std: float = 3.0,
    momentum: float = 0.1,
    steps: int = 40,
    gamma: float = 1.0,
    beta: float = 0.0,
    seed: int = 0,
) -> Demonstration:
    """Batch normalisation: a batch before and after, and how the running mean and variance follow step by step.

    In torch's convention running = (1 − m)·running + m·batch, with momentum m = 0.1. The chapter writes the weights the
    other way round: its 0.9 is torch's 0.1. Evaluation normalises by the running statistics, so that they must have
    arrived before validation means anything.

    Args:
        batch_size: Samples in a batch (N), at least 2.
        mean: Mean of the values that go in.
        std: Their standard deviation, above 0.
        momentum: torch's momentum: the share of the new batch, in (0, 1].
        steps: Batches that go through in training, 1 to 100,000.
        gamma: The learned scale.
        beta: The learned shift.
        seed: Seed of the values.

    Returns:
        The demonstration; its `values` are ``batch`` and ``normalized`` of the first batch, ``running_mean``,
        ``running_var`` after each step (the start first), and ``batch_means``, ``batch_vars``.

    Raises:
        ArgumentError: A number is out of range.
    """
    check_number("batch_size", batch_size, at_least=2, at_most=100_000, whole=True)
    check_number("std", std, above=0)
    check_number("momentum", momentum, above=0, at_most=1)
    check_number("steps", steps, at_least=1, at_most=100_000, whole=True)
    layer = nn.BatchNorm1d(1, momentum=momentum).double()
    with torch.no_grad():
        layer.weight.fill_(gamma)
        layer.bias.fill_(beta)
    running_mean, running_var = layer.get_buffer("running_mean"), layer.get_buffer("running_var")
    draw = torch.Generator().manual_seed(seed)
    means, variances = [running_mean.item()], [running_var.item()]
    batch_means, batch_vars = [], []
    first = after = torch.empty(0)
    for step in range(steps):
        batch = mean + std * torch.randn(batch_size, 1, dtype=torch.float64, generator=draw)
        with torch.no_grad():
            result = layer(batch)
        if step == 0:
            first, after = batch[:, 0], result[:, 0]
        batch_means.append(batch.mean().item())
        batch_vars.append(batch.var().item())
        means.append(running_mean.item())
        variances.append(running_var.item())
    with torch.no_grad():
        evaluated = layer.eval()(first[:, None])[:, 0]
    rows = [("start", "", "", f"{means[0]:.4g}", f"{variances[0]:.4g}")]
    rows += [
        (
            str(step),
            f"{batch_means[step - 1]:.4g}",
            f"{batch_vars[step - 1]:.4g}",
            f"{means[step]:.4g}",
            f"{variances[step]:.4g}",
        )
        for step in _some(steps)
    ]
    table = Table(("step", "batch mean", "batch variance", "running mean", "running variance"), rows)
    notes = [
        f"Before: mean {first.mean():.4g}, standard deviation {first.std():.4g}. After: mean {after.mean():.2f}, "
        f"standard deviation {after.std():.4g} (times γ = {gamma:g}, plus β = {beta:g}).",
        f"running = {1 - momentum:g}·running + {momentum:g}·batch (torch, momentum {momentum:g}); the chapter calls "
        f"this momentum {1 - momentum:g}.",
        f"The same batch in evaluation after {steps:,} steps: mean {evaluated.mean():.4g}, standard deviation "
        f"{evaluated.std():.4g}.",
    ]
    values: dict[str, object] = {
        "batch": first.tolist(), "normalized": after.tolist(), "running_mean": means, "running_var": variances,
        "batch_means": batch_means, "batch_vars": batch_vars,
    }  # fmt: skip
    return Demonstration(_figure(first, after, means, variances, batch_means, batch_vars), [table], notes, values)


def _some(steps: int) -> list[int]:
    """Return the steps that the table shows: the first three, then about twice as far each time."""
    chosen = [1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000, 10_000, 100_000]
    return sorted({step for step in chosen if step <= steps} | {steps})


def _figure(
    first: torch.Tensor,
    after: torch.Tensor,
    means: Sequence[float],
    variances: Sequence[float],
    batch_means: Sequence[float],
    batch_vars: Sequence[float],
) -> Any:
    figure = style.new_figure(11, 6.4)
    (before_axes, after_axes), (mean_axes, var_axes) = figure.subplots(2, 2)
    for axes, batch, color, title in (
        (before_axes, first, style.BLUE, "first batch before"),
        (after_axes, after, style.VERMILION, "first batch after"),
    ):
        axes.hist(batch.numpy(), bins=20, color=color)
        style.style_axes(
            axes, title, f"value: mean {batch.mean():.2f}, standard deviation {batch.std():.3g}", "samples"
        )
    steps = range(1, len(means))
    for axes, running, each, title in (
        (mean_axes, means, batch_means, "mean"),
        (var_axes, variances, batch_vars, "variance"),
    ):
        axes.plot(steps, each, "o", color="#9A9A9A", markersize=3, label=f"{title} of each batch")
        axes.plot(range(len(running)), running, color=style.GREEN, linewidth=2, label=f"running {title}")
        style.style_axes(axes, f"running {title}, used in evaluation", "step", title)
        axes.legend(frameon=False, fontsize=style.TICK_SIZE)
    return style.finish(figure)
