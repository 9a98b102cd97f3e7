"""Multi-layer perceptron as a torch.nn.Sequential.

Shapes: N batch, F features of a sample, D size of a hidden layer, O outputs.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

from dlcore.nn.activations import make_activation


def perceptron(
    in_features: int,
    hidden_sizes: Sequence[int],
    out_features: int,
    activation: str = "ReLU",
    batch_norm: bool = False,
    dropout: float = 0.0,
    input_dropout: float = 0.0,
) -> nn.Sequential:
    """Build flatten → [linear → batch norm → activation → dropout] for each hidden layer → linear.

    A linear layer before batch normalisation has no bias: the normalisation would cancel it. Adam would still change
    it, and with tiny inputs so fast that the running mean lags far behind, so that validation fails.

    Args:
        in_features: Numbers in a sample, after flattening (F).
        hidden_sizes: Size of each hidden layer, input side first; empty: softmax (or linear) regression.
        out_features: Size of the output (O), without an activation: the losses take raw scores.
        activation: Name of the activation after each hidden layer.
        batch_norm: Normalise each hidden layer over the batch, before the activation.
        dropout: Probability with which a hidden value is dropped in training.
        input_dropout: Probability with which an input value is dropped in training.

    Returns:
        The network; layers are named (``linear_1``, ``activation_1``, …, ``output``).

    Shape:
        - Input: (N, *), with F numbers per sample.
        - Output: (N, O).
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict(flatten=nn.Flatten())
    if input_dropout:
        layers["input_dropout"] = nn.Dropout(input_dropout)
    for number, size in enumerate(hidden_sizes, start=1):
        layers[f"linear_{number}"] = nn.Linear(in_features, size, bias=not batch_norm)
        if batch_norm:
            layers[f"batch_norm_{number}"] = nn.BatchNorm1d(size)
        layers[f"activation_{number}"] = make_activation(activation)
        if dropout:
            layers[f"dropout_{number}"] = nn.Dropout(dropout)
        in_features = size
    layers["output"] = nn.Linear(in_features, out_features)
    return nn.Sequential(layers)
