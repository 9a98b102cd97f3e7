"""Activation functions by name: all of torch.nn, in its spelling or in lower case, with arguments; saturation."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import activation as torch_activations

from dlcore.errors import ArgumentError, UnknownNameError
from dlcore.nn.call_text import REQUIRED, read_call

# Attention is not an activation function, GLU halves the features, Softmax2d is for images.
_NOT_OFFERED = {"GLU", "MultiheadAttention", "Softmax2d"}
_NEEDS_ARGUMENTS = {"Threshold"}
_ALSO_CALLED = {"swish": "SiLU", "linear": "Identity"}
# The trainer sets the device; features are in dimension 1; PReLU has one slope per layer; old names of Hardtanh.
_NOT_ARGUMENTS = {"inplace", "device", "dtype", "dim", "num_parameters", "min_value", "max_value", "args", "kwargs"}


def activation_names() -> list[str]:
    """Return the names for `make_activation` that need no arguments, in torch.nn's spelling."""
    return sorted({"Identity", *torch_activations.__all__} - _NOT_OFFERED - _NEEDS_ARGUMENTS)


def make_activation(text: str) -> nn.Module:
    """Make an activation module from its name.

    Args:
        text: torch.nn's class name, in any case, with or without underscores (``ReLU``, ``leaky_relu``, ``identity``),
            and torch's arguments in brackets to change their defaults: ``leaky_relu(negative_slope=0.2)``,
            ``elu(0.5)``, ``gelu(approximate='tanh')``, ``threshold(threshold=0.1, value=0)``.

    Returns:
        A new module. Those with learned parameters (PReLU) are not shared between calls. Softmax and its relatives
        normalise over dimension 1, the features of a batch (N, features).

    Raises:
        UnknownNameError: torch.nn has no such activation, or the activation has no such argument.
        ArgumentError: The activation cannot compute with an argument's value.
    """
    call = read_call("activation", text)
    names = [*activation_names(), *_NEEDS_ARGUMENTS]
    found = ({name.lower(): name for name in names} | _ALSO_CALLED).get(call.name.replace("_", "").lower())
    if found is None:
        raise UnknownNameError("activation", call.name, names)
    kind = getattr(nn, found)
    values = call.values(found, _arguments(kind))
    if found in {"LogSoftmax", "Softmax", "Softmin"}:
        values["dim"] = 1
    try:
        layer: nn.Module = kind(**values)
        _try(layer)
    except (ValueError, TypeError, RuntimeError, ArithmeticError, AssertionError) as error:
        reason = " ".join(str(error).split())
        expected = f"values in brackets that {found} can compute with ({reason})"
        raise ArgumentError("activation", expected, text) from error
    return layer


def _arguments(kind: type[nn.Module]) -> dict[str, Any]:
    """Return an activation's arguments with their defaults."""
    parameters = inspect.signature(kind).parameters.values()
    given = {each.name: REQUIRED if each.default is each.empty else each.default for each in parameters}
    return {name: default for name, default in given.items() if name not in _NOT_ARGUMENTS}


def _try(layer: nn.Module) -> None:
    """Compute some values: torch checks most arguments only on use."""
    # RReLU draws random slopes. Do not change the run's random state.
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        outputs = layer(torch.linspace(-3, 3, 7)[:, None])
    if not outputs.isfinite().all():
        raise ValueError("some results are not finite")


# Saturated: the derivative is below this share of its maximum, so that almost no gradient passes.
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
