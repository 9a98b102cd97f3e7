"""The backward pass of linear → ReLU → linear → mean squared error, written by hand, beside autograd's.

Shapes: N samples, F inputs, D hidden units, O outputs.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from dlcore.errors import check_number
from dlcore.textbook.demonstration import Demonstration, Table
from dlcore.tracking.figures import style

EXAMPLES = ("show gradients --by_hand", "show gradients --by_hand --in_features 3 --hidden_size 4 --out_features 2")


def manual_backward(
    batch_size: int = 64, in_features: int = 100, hidden_size: int = 50, out_features: int = 10, seed: int = 0
) -> Demonstration:
    """The backward pass of linear → ReLU → linear → mean squared error, written by hand, beside autograd's.

    Args:
        batch_size: Samples (N).
        in_features: Inputs of a sample (F).
        hidden_size: Hidden units (D).
        out_features: Outputs (O).
        seed: Seed of samples and weights.

    Returns:
        The demonstration; its `values` are ``errors``: the greatest difference of each tensor's gradients.

    Raises:
        ArgumentError: A size is not from 1 to 10,000.
    """
    sizes = {
        "batch_size": batch_size,
        "in_features": in_features,
        "hidden_size": hidden_size,
        "out_features": out_features,
    }
    for name, size in sizes.items():
        check_number(name, size, at_least=1, at_most=10_000, whole=True)
    draw = torch.Generator().manual_seed(seed)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=draw)

    x, y = drawn(batch_size, in_features), drawn(batch_size, out_features)
    parameters = {
        "W1": drawn(hidden_size, in_features) / in_features**0.5,
        "b1": drawn(hidden_size),
        "W2": drawn(out_features, hidden_size) / hidden_size**0.5,
        "b2": drawn(out_features),
    }
    w1, b1, w2, b2 = (value.requires_grad_() for value in parameters.values())
    sums = x @ w1.T + b1
    hidden = sums.relu()
    outputs = hidden @ w2.T + b2
    loss = functional.mse_loss(outputs, y)
    autograd = torch.autograd.grad(loss, [w1, b1, w2, b2])

    with torch.no_grad():
        by_outputs = 2 * (outputs - y) / y.numel()
        by_hidden = by_outputs @ w2
        by_sums = by_hidden * (sums > 0)
        by_hand = (by_sums.T @ x, by_sums.sum(0), by_outputs.T @ hidden, by_outputs.sum(0))
    formulas = ("∂E/∂sᵀ x", "Σ ∂E/∂s", "∂E/∂ŷᵀ h", "Σ ∂E/∂ŷ")
    errors = {
        name: (hand - auto).abs().max().item() for name, hand, auto in zip(parameters, by_hand, autograd, strict=True)
    }
    rows = [
        (name, " × ".join(map(str, hand.shape)), formula, f"{hand.abs().max():.4g}", f"{errors[name]:.1g}")
        for name, hand, formula in zip(parameters, by_hand, formulas, strict=True)
    ]
    table = Table(("tensor", "shape", "by hand", "greatest gradient", "greatest difference"), rows)
    notes = [
        "s = W1 x + b1, h = relu(s), ŷ = W2 h + b2, E = mean (ŷ − y)². Backwards: ∂E/∂ŷ = 2 (ŷ − y) / (N·O), "
        "∂E/∂h = ∂E/∂ŷ W2, ∂E/∂s = ∂E/∂h where s > 0, else 0.",
        "Any model of yours, against finite differences: python -m dlcore show gradients -c RECIPE",
    ]
    figure = style.new_figure(5.6, 4.8)
    axes = figure.subplots()
    for color, name, hand, auto in zip(style.CYCLE, parameters, by_hand, autograd, strict=False):
        axes.plot(
            auto.flatten(), hand.flatten(), "o", markersize=3, color=color, label=f"{name}: {hand.numel():,} gradients"
        )
    style.style_axes(axes, "Gradients by hand and by autograd", "autograd", "by hand")
    axes.axline((0, 0), slope=1, color=style.FAINT, zorder=0)
    axes.legend(frameon=False, fontsize=style.TICK_SIZE)
    return Demonstration(style.finish(figure), [table], notes, {"errors": errors})
