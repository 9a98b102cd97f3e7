"""How far back the loss of a text network reaches: its gradient by the embedding of each earlier token.

The loss at a token depends on earlier tokens through the state. In training, the state learns to keep only what this
gradient reaches.

Reference: Pascanu, Mikolov, Bengio (2013), "On the difficulty of training recurrent neural networks", arXiv:1211.5063.

Shapes: B rows, T tokens of a row, K lags, V vocabulary, N tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from dlcore.errors import ArgumentError

PIECE = 64  # tokens of a row computed at once
_REACHED = 0.95  # share of the gradient within the reach
_SCORES = 1 << 23  # scores computed at once
_ROWS = 32


def reach(gradient: Sequence[float]) -> int | None:
    """Return the lag within which 95% of the gradient lies: the effective memory; None if it is not finite or 0."""
    norms = np.asarray(gradient)
    if not len(norms) or not np.isfinite(norms).all() or norms.sum() <= 0:
        return None
    return int(np.searchsorted(np.cumsum(norms), _REACHED * norms.sum()))


def gradient_by_lag(model: nn.Module, tokens: np.ndarray, lags: int = 64, windows: int = 64) -> list[float]:
    """Return the mean norm of the gradient of a token's loss by the embedding of the token `k` steps before it was due.

    Windows are spread evenly over the text. Each is read up to the token whose loss counts, after as many tokens of
    context, which only set the state.

    Args:
        model: A text network in evaluation mode, with an `nn.Embedding`, and with ``scores(tokens, state)`` that
            returns scores (B, T, V) and the state.
        tokens: Held-out token ids (N,).
        lags: Greatest lag (K), at least 1; less where the text is shorter.
        windows: Number of windows, at least 1.

    Returns:
        Norms by lag (K + 1,): lag 0 is the token read last, before the one to be predicted.

    Raises:
        ArgumentError: There are fewer than three tokens, or the model has no embedding.
    """
    if len(tokens) < 3:
        raise ArgumentError("tokens", "at least 3 held-out tokens", len(tokens))
    lags = min(lags, len(tokens) - 2)
    context = min(lags, len(tokens) - lags - 2)
    whole = context + lags + 2
    starts = np.unique(np.linspace(0, len(tokens) - whole, windows).astype(np.int64))
    device = next(model.parameters()).device
    compute: Any = model.scores
    sums, done = np.zeros(lags + 1), 0
    rows = rows_at_once(model, lags + 1)
    while done < len(starts):
        places = starts[done : done + rows, None] + np.arange(whole)
        read = torch.from_numpy(np.asarray(tokens[places], dtype=np.int64)).to(device)
        state = None
        with torch.no_grad():
            for begin in range(0, context, PIECE):
                state = compute(read[:, begin : min(begin + PIECE, context)], state)[1]
        # cuDNN has no backward pass of a recurrent network in evaluation mode.
        with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False), _kept_embedding(model) as kept:
            scores, _ = compute(read[:, context:-1], state)
            loss = cross_entropy(scores[:, -1].float(), read[:, -1], reduction="sum")
            (gradient,) = torch.autograd.grad(loss, kept)
        sums += gradient.float().norm(dim=2).sum(0).flip(0).double().cpu().numpy()
        done += len(places)
    return [float(value) for value in sums / done]


def _embedding(model: nn.Module) -> nn.Embedding:
    for layer in model.modules():
        if isinstance(layer, nn.Embedding):
            return layer
    raise ArgumentError("model", "a text network with an nn.Embedding", type(model).__name__)


def rows_at_once(model: nn.Module, length: int) -> int:
    """Return how many rows of `length` tokens are computed at once, so that their scores stay small."""
    return max(1, min(_ROWS, _SCORES // (length * _embedding(model).num_embeddings)))


@contextmanager
def _kept_embedding(model: nn.Module) -> Iterator[list[Tensor]]:
    """Keep the output of the embedding in the block, as a tensor that gets a gradient."""
    kept: list[Tensor] = []

    def keep(layer: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        kept.append(output.detach().requires_grad_())
        return kept[-1]

    handle = _embedding(model).register_forward_hook(keep)
    try:
        yield kept
    finally:
        handle.remove()
