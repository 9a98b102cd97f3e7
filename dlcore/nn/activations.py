"""Activation functions by name: every one that torch.nn has, in its own spelling or in lower case."""

from __future__ import annotations

from torch import nn
from torch.nn.modules import activation as torch_activations

from dlcore.errors import UnknownNameError

# Attention is no activation function, GLU halves the features, Softmax2d is for images, Threshold has no default.
_NOT_OFFERED = {"GLU", "MultiheadAttention", "Softmax2d", "Threshold"}
_ALSO_CALLED = {"swish": "SiLU", "linear": "Identity"}


def activation_names() -> list[str]:
    """Names that `make_activation` knows, in torch.nn's spelling."""
    return sorted({"Identity", *torch_activations.__all__} - _NOT_OFFERED)


def make_activation(name: str) -> nn.Module:
    """Make an activation module from its name.

    Args:
        name: torch.nn's class name, in any case, with or without underscores: ``ReLU``, ``leaky_relu``, ``identity``.

    Returns:
        A new module. Those with learned parameters (PReLU) are not shared between calls. Softmax and its relatives
        normalise over dimension 1, the features of a batch (N, features).

    Raises:
        UnknownNameError: torch.nn has no such activation.
    """
    by_key = {option.lower(): option for option in activation_names()} | _ALSO_CALLED
    found = by_key.get(name.replace("_", "").lower())
    if found is None:
        raise UnknownNameError("activation", name, activation_names())
    layer = getattr(nn, found)
    return layer(dim=1) if found in {"LogSoftmax", "Softmax", "Softmin"} else layer()
