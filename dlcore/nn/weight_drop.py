"""Weight drop: dropout on the weights between a recurrent layer's states, the same ones over all steps.

Reference: Merity, Keskar and Socher (2018), "Regularizing and Optimizing LSTM Language Models".
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.functional import dropout


@contextmanager
def dropped_weights(layer: nn.RNNBase, p: float) -> Iterator[None]:
    """Within the block, the layer runs with some of its hidden-to-hidden weights set to zero.

    Args:
        layer: A recurrent layer of torch's.
        p: Probability in [0, 1) with which a weight is dropped; those that stay are divided by 1 - p. Nothing is
            dropped in evaluation mode.
    """
    if not layer.training or not p:
        yield
        return
    # What torch hands to its kernels is this list. Setting a parameter of the layer's aside, or calling it with other
    # parameters by torch.func.functional_call, leaves the list as it is: nothing would be dropped, in silence.
    kept = layer._flat_weights
    names = layer._flat_weights_names
    layer._flat_weights = [
        dropout(weight, p) if name.startswith("weight_hh") else weight  # type: ignore[arg-type]
        for name, weight in zip(names, kept, strict=True)
    ]
    try:
        yield
    finally:
        layer._flat_weights = kept
