"""Initial values of weights, by name. Biases start at zero, but for torch's own default, which draws them too."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial

from torch import Tensor, nn
from torch.nn import init

from dlcore.errors import UnknownNameError

# References: Glorot and Bengio (2010), "Understanding the difficulty of training deep feedforward neural networks",
# eq. 12 and 16; He et al. (2015), "Delving deep into rectifiers", eq. 10 (gain of ReLU, √2).
_INITIALIZERS: dict[str, Callable[[Tensor], Tensor]] = {
    "normal": partial(init.normal_, std=0.01),
    "uniform": partial(init.uniform_, a=-0.05, b=0.05),
    "xavier_normal": init.xavier_normal_,
    "xavier_uniform": init.xavier_uniform_,
    "kaiming_normal": partial(init.kaiming_normal_, nonlinearity="relu"),
    "kaiming_uniform": partial(init.kaiming_uniform_, nonlinearity="relu"),
    "constant": partial(init.constant_, val=0.01),
    "zeros": init.zeros_,
    "ones": init.ones_,
}
_ALL_EQUAL = {"constant", "zeros", "ones"}
_ALSO_CALLED = {
    "glorot_normal": "xavier_normal",
    "glorot_uniform": "xavier_uniform",
    "he_normal": "kaiming_normal",
    "he_uniform": "kaiming_uniform",
}


def initializer_names() -> list[str]:
    """Names that `initialize` knows."""
    return ["default", *_INITIALIZERS, *_ALSO_CALLED]


def initialize(module: nn.Module, name: str) -> None:
    """Give every linear and convolution weight in a module its initial values, and every bias of theirs zero.

    Args:
        module: The network. Weights of other layers (batch norm, …) keep torch's values.
        name: ``default`` (torch's own, biases included), ``normal`` (standard deviation 0.01), ``uniform`` (±0.05),
            ``xavier_normal`` (standard deviation √(2/(fan_in+fan_out))), ``xavier_uniform`` (limit
            √(6/(fan_in+fan_out))), ``kaiming_normal`` (standard deviation √(2/fan_in)), ``kaiming_uniform`` (limit
            √(6/fan_in)), ``constant`` (0.01), ``zeros``, ``ones``; ``glorot_…`` and ``he_…`` are other names.

    Warns:
        UserWarning: All weights of a network with hidden layers get the same value.

    Raises:
        UnknownNameError: There is no initialiser of that name.
    """
    if name == "default":
        return
    fill = _INITIALIZERS.get(_ALSO_CALLED.get(name, name))
    if fill is None:
        raise UnknownNameError("initializer", name, initializer_names())
    layers = [layer for layer in module.modules() if isinstance(layer, nn.Linear | nn.modules.conv._ConvNd)]
    for layer in layers:
        fill(layer.weight)
        if layer.bias is not None:
            init.zeros_(layer.bias)
    if name in _ALL_EQUAL and len(layers) > 1:
        warnings.warn(
            f"initializer {name!r} makes all units of a hidden layer equal. They get equal gradients and so stay equal "
            "(only dropout can part them): the layer does no more than a single unit would.",
            stacklevel=2,
        )
