"""Activation functions as curves: outputs and derivatives, computed by the module that a network would use.

Shapes: P points of a curve, K scores of a vector.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.functional import jacobian

from dlcore.errors import ArgumentError
from dlcore.nn import make_activation
from dlcore.tracking.figures.activations import Curve, VectorCurve

# Scores of nine classes, to show activations that work on a vector.
SCORES = (0.2, 0.02, 0.15, 1.3, 0.5, 0.06, 1.1, 0.05, 3.75)
_LIMIT, _POINTS_A_UNIT = 8, 100
_SATURATED = 0.01  # share of the greatest derivative: sigmoid from ±6 on, tanh from ±3 on
_FORMULAS = {
    "CELU": r"\max(0,x)+\min(0,\alpha(e^{x/\alpha}-1))",
    "ELU": r"x;\ \ \alpha(e^{x}-1)\ \mathrm{for}\ x\leq 0",
    "GELU": r"x\,\Phi(x)",
    "Hardshrink": r"x;\ \ 0\ \mathrm{for}\ |x|\leq\lambda",
    "Hardsigmoid": r"\min(1,\max(0,x/6+1/2))",
    "Hardswish": r"x\,\min(1,\max(0,x/6+1/2))",
    "Hardtanh": r"\min(1,\max(-1,x))",
    "Identity": r"x",
    "LeakyReLU": r"\max(0,x)+a\,\min(0,x)",
    "LogSigmoid": r"\log(1/(1+e^{-x}))",
    "LogSoftmax": r"x_i-\log\Sigma_j\,e^{x_j}",
    "Mish": r"x\,\tanh(\log(1+e^{x}))",
    "PReLU": r"\max(0,x)+a\,\min(0,x)",
    "RReLU": r"\max(0,x)+a\,\min(0,x)",
    "ReLU": r"\max(0,x)",
    "ReLU6": r"\min(6,\max(0,x))",
    "SELU": r"\lambda x;\ \ \lambda\alpha(e^{x}-1)\ \mathrm{for}\ x\leq 0",
    "SiLU": r"x/(1+e^{-x})",
    "Sigmoid": r"1/(1+e^{-x})",
    "Softmax": r"e^{x_i}/\Sigma_j\,e^{x_j}",
    "Softmin": r"e^{-x_i}/\Sigma_j\,e^{-x_j}",
    "Softplus": r"\log(1+e^{x})",
    "Softshrink": r"x\mp\lambda;\ \ 0\ \mathrm{for}\ |x|\leq\lambda",
    "Softsign": r"x/(1+|x|)",
    "Tanh": r"\tanh x",
    "Tanhshrink": r"x-\tanh x",
}


def activation_curve(name: str) -> Curve | VectorCurve:
    """Compute an activation and its derivative, over -8 to 8 or, if it works on a whole vector, on nine scores.

    The derivative is autograd's, in float64, so that the curve shows what training uses, at kinks too. Activations that
    draw random numbers in training mode (RReLU) are computed in evaluation mode.

    Args:
        name: The activation, as for a model's ``activation``.

    Raises:
        UnknownNameError: torch.nn has no such activation.
        ArgumentError: It works neither on single numbers nor on a vector.
    """
    module = make_activation(name).double().eval()
    # With its arguments, if any: leaky_relu(negative_slope=0.2).
    title = type(module).__name__ + "".join(name.partition("(")[1:])
    try:
        return _vector_curve(title, module) if _mixes(module) else _curve(title, module)
    except RuntimeError as error:
        raise ArgumentError(
            "activation", "one that takes numbers of any count", name, f"torch says: {str(error).splitlines()[0]}"
        ) from error


def _mixes(module: nn.Module) -> bool:
    """Return whether an output depends on inputs other than its own."""
    by_each = _jacobian(module, torch.tensor([0.3, -0.7, 1.1], dtype=torch.float64))
    return bool((by_each - by_each.diag().diag()).abs().max() > 0)


def _jacobian(module: nn.Module, scores: Tensor) -> Tensor:
    """Return the derivative of each output by each input (K, K)."""
    derivatives: Tensor = jacobian(lambda vector: module(vector.unsqueeze(0)).squeeze(0), scores)
    return derivatives


def _vector_curve(title: str, module: nn.Module) -> VectorCurve:
    scores = torch.tensor(SCORES, dtype=torch.float64)
    with torch.no_grad():
        outputs = module(scores.unsqueeze(0)).squeeze(0)
    jacobian = _jacobian(module, scores)
    return VectorCurve(
        title, _FORMULAS.get(type(module).__name__, ""), scores.numpy(), outputs.numpy(), jacobian.numpy()
    )


def _curve(title: str, module: nn.Module) -> Curve:
    steps = _LIMIT * _POINTS_A_UNIT
    # Integers divided, so that 0 and the kinks of the functions are exact.
    inputs = (torch.arange(-steps, steps + 1, dtype=torch.float64) / _POINTS_A_UNIT).requires_grad_()
    outputs = module(inputs.unsqueeze(1)).squeeze(1)
    (gradient,) = torch.autograd.grad(outputs.sum(), inputs)
    x, y, derivative = inputs.detach().numpy(), outputs.detach().numpy(), gradient.numpy()
    learned = sum(parameter.numel() for parameter in module.parameters())
    note = f"a is learned; it starts at {next(module.parameters()).item():g}" if learned else ""
    if isinstance(module, nn.RReLU):
        note = f"a is random while training, {(module.lower + module.upper) / 2:.3g} in the mean"
    return Curve(
        title,
        _FORMULAS.get(type(module).__name__, ""),
        x,
        y,
        derivative,
        _flat(x, derivative),
        _peak(x, derivative),
        note,
    )


def _flat(x: np.ndarray, derivative: np.ndarray) -> tuple[tuple[float, float], ...]:
    """Return intervals, at least half a unit wide, where the derivative is below 1% of its greatest value."""
    small = np.abs(derivative) < _SATURATED * np.abs(derivative).max()
    edges = np.flatnonzero(np.diff(np.concatenate([[False], small, [False]]).astype(int)))
    intervals = [(float(x[first]), float(x[last - 1])) for first, last in zip(edges[::2], edges[1::2], strict=True)]
    return tuple((low, high) for low, high in intervals if high - low >= 0.5)


def _peak(x: np.ndarray, derivative: np.ndarray) -> tuple[float, float] | None:
    """Return where the derivative is greatest, if that is a single inner point and not at a jump."""
    place = int(derivative.argmax())
    if place in (0, len(x) - 1) or np.isclose(derivative, derivative[place], rtol=0, atol=1e-9).sum() > 1:
        return None
    beside = derivative[[place - 1, place + 1]]
    return None if (np.abs(beside - derivative[place]) > 0.05).any() else (float(x[place]), float(derivative[place]))
