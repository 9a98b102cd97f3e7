"""Weight drop: dropout on a recurrent layer's hidden-to-hidden weights, the same for all steps.

Reference: Merity, Keskar and Socher (2018), "Regularizing and Optimizing LSTM Language Models".
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from torch import nn
from torch.nn.functional import dropout

from dlcore.torch_compat import replaced_weights


def dropped_weights(layer: nn.RNNBase, p: float) -> AbstractContextManager[None]:
    """Run a layer in the block with some of its hidden-to-hidden weights set to zero.

    Args:
        layer: A torch recurrent layer.
        p: Probability in [0, 1) with which a weight is dropped; the others are divided by 1 - p. In evaluation mode,
            nothing is dropped.
    """
    if not layer.training or not p:
        return nullcontext()
    return replaced_weights(layer, lambda name, weight: dropout(weight, p) if name.startswith("weight_hh") else weight)
