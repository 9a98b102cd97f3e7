"""Saturation of activations: the derivative is below 1% of its maximum, so that almost no gradient passes."""

from __future__ import annotations

from torch import Tensor, nn

# sigmoid' = y·(1 − y) ≤ 0.25 is below 1% of that beyond about ±6, tanh' = 1 − y² ≤ 1 beyond ±3. Softsign' = (1 − |y|)².
_SHARE = 0.01


def saturated(activation: nn.Module, outputs: Tensor) -> Tensor | None:
    """Return which outputs of an activation are saturated.

    Args:
        activation: The activation's module.
        outputs: Its outputs, of any shape.

    Returns:
        Booleans in the outputs' shape; None for an activation that does not saturate on both sides, such as ReLU.
    """
    if isinstance(activation, nn.Sigmoid):
        return outputs * (1 - outputs) < 0.25 * _SHARE
    if isinstance(activation, nn.Tanh) or (isinstance(activation, nn.RNN) and activation.nonlinearity == "tanh"):
        return 1 - outputs.square() < _SHARE
    if isinstance(activation, nn.Softsign):
        return (1 - outputs.abs()).square() < _SHARE
    if isinstance(activation, nn.LogSigmoid | nn.ReLU6):  # saturated on one side by design
        return None
    if isinstance(activation, nn.Hardtanh):
        return (outputs <= activation.min_val) | (outputs >= activation.max_val)
    if isinstance(activation, nn.Hardsigmoid):
        return (outputs <= 0) | (outputs >= 1)
    return None
