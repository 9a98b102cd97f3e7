"""Initial values of weights, by name. Biases start at zero, except with torch's default, which draws them too."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.nn import init

from dlcore.errors import ArgumentError, UnknownNameError
from dlcore.nn.call_text import read_call
from dlcore.nn.convolution import CONVOLUTIONS

# Function that fills a weight, and its arguments with torch's names (except `value`) and dlcore's defaults.
# References: Glorot and Bengio (2010), "Understanding the difficulty of training deep feedforward neural networks",
# eq. 12 and 16; He et al. (2015), "Delving deep into rectifiers", eq. 10 (gain of ReLU, √2).
_KAIMING = {"a": 0.0, "mode": "fan_in", "nonlinearity": "relu"}
_INITIALIZERS: dict[str, tuple[Callable[..., Tensor], dict[str, Any]]] = {
    "normal": (init.normal_, {"mean": 0.0, "std": 0.01}),
    "uniform": (init.uniform_, {"a": -0.05, "b": 0.05}),
    "xavier_normal": (init.xavier_normal_, {"gain": 1.0}),
    "xavier_uniform": (init.xavier_uniform_, {"gain": 1.0}),
    "kaiming_normal": (init.kaiming_normal_, _KAIMING),
    "kaiming_uniform": (init.kaiming_uniform_, _KAIMING),
    "trunc_normal": (init.trunc_normal_, {"mean": 0.0, "std": 0.01, "a": -0.02, "b": 0.02}),
    "orthogonal": (init.orthogonal_, {"gain": 1.0}),
    "constant": (lambda weight, value: init.constant_(weight, value), {"value": 0.01}),
    "zeros": (init.zeros_, {}),
    "ones": (init.ones_, {}),
}
_ALSO_CALLED = {
    "glorot_normal": "xavier_normal",
    "glorot_uniform": "xavier_uniform",
    "he_normal": "kaiming_normal",
    "he_uniform": "kaiming_uniform",
}


def initializer_names() -> list[str]:
    """Return the names for `initialize`."""
    return ["default", *_INITIALIZERS, *_ALSO_CALLED]


def initializer_values(text: str) -> tuple[str, dict[str, Any]]:
    """Return an initialiser's name, without alias, and the values of its arguments, defaults included.

    Args:
        text: As for `initialize`.

    Raises:
        UnknownNameError: Unknown initialiser, or unknown argument of it.
        ArgumentError: An argument has a value of another kind.
    """
    call = read_call("initializer", text)
    name = _ALSO_CALLED.get(call.name, call.name)
    if name != "default" and name not in _INITIALIZERS:
        raise UnknownNameError("initializer", call.name, initializer_names())
    return name, call.values(call.name, {} if name == "default" else _INITIALIZERS[name][1])


def initialize(module: nn.Module, text: str) -> None:
    """Initialise the weights of all linear and convolution layers in a module, and set their biases to zero.

    Args:
        module: The network. Weights of other layers (batch norm, …) keep torch's values.
        text: ``default`` (torch's own, biases included), or a name, with arguments in brackets to change these
            defaults: ``normal(mean=0, std=0.01)``, ``uniform(a=-0.05, b=0.05)``, ``xavier_normal(gain=1)``
            (standard deviation gain·√(2/(fan_in+fan_out))), ``xavier_uniform(gain=1)`` (limit
            gain·√(6/(fan_in+fan_out))), ``kaiming_normal`` (standard deviation √(2/fan_in)), ``kaiming_uniform``
            (limit √(6/fan_in)), both with torch's ``a``, ``mode`` and ``nonlinearity``, ``trunc_normal(mean=0,
            std=0.01, a=-0.02, b=0.02)``, ``orthogonal(gain=1)``, ``constant(value=0.01)``, ``zeros``, ``ones``;
            ``glorot_…`` and ``he_…`` are aliases.

    Warns:
        UserWarning: All weights of a hidden layer get the same value.

    Raises:
        UnknownNameError: Unknown initialiser, or unknown argument of it.
        ArgumentError: An argument has an invalid value.
    """
    name, values = initializer_values(text)
    if name == "default":
        return
    fill, _ = _INITIALIZERS[name]
    layers = [layer for layer in module.modules() if isinstance(layer, nn.Linear | CONVOLUTIONS)]
    for layer in layers:
        try:
            fill(layer.weight, **values)
        except (ValueError, RuntimeError) as error:
            raise ArgumentError("initializer", f"values in brackets that torch accepts ({error})", text) from error
        if layer.bias is not None:
            init.zeros_(layer.bias)
    weights = [layer.weight.detach() for layer in layers[:-1]]
    if any(len(weight) > 1 and (weight == weight.flatten()[0]).all() for weight in weights):
        warnings.warn(
            f"initializer {text!r} makes all units of a hidden layer equal. They get equal gradients and so stay equal "
            "(only dropout can part them): the layer does no more than a single unit would.",
            stacklevel=2,
        )
