"""The loss of a model that only counts pairs of tokens: a text network has to beat it.

The probability of a token after another one is interpolated (Witten-Bell): the more different tokens have followed the
other one, the more weight has the token's own frequency.

Reference: Chen, Goodman (1998), "An empirical study of smoothing techniques for language modeling", section 2.4.

Shapes: N tokens of the training text, M tokens of the held-out text, V words.
"""

from __future__ import annotations

import numpy as np

from dlcore.text.vocabulary import END


def bigram_loss(training: np.ndarray, held_out: np.ndarray, vocab_size: int) -> float:
    """Return the mean loss of held-out tokens by counts of pairs in the training text, in nats per token.

    Args:
        training: Token ids, each document followed by END (N,).
        held_out: Token ids of the text that is predicted, likewise (M,); its first token follows an END.
        vocab_size: Number of words (V).

    Returns:
        The cross-entropy, as low as counting pairs attains on text that was not counted; NaN without tokens.
    """
    if not len(training) or not len(held_out):
        return float("nan")
    before = _previous(training)
    keys, counts = np.unique(before * vocab_size + training, return_counts=True)
    of_first = np.bincount(before, minlength=vocab_size)
    followers = np.bincount(keys // vocab_size, minlength=vocab_size)  # different tokens seen after each
    own = np.bincount(training, minlength=vocab_size)
    kinds = np.count_nonzero(own)
    alone = (own + kinds / vocab_size) / (len(training) + kinds)

    first, second = _previous(held_out), held_out.astype(np.int64)
    wanted = first * vocab_size + second
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    seen = np.where(keys[places] == wanted, counts[places], 0)
    weight = followers[first]
    total = of_first[first] + weight
    together = np.where(total > 0, (seen + weight * alone[second]) / np.maximum(total, 1), alone[second])
    return float(-np.log(together).mean())


def _previous(tokens: np.ndarray) -> np.ndarray:
    """Return the token before each of the tokens; END before the first."""
    return np.concatenate([[END], tokens[:-1]]).astype(np.int64)
