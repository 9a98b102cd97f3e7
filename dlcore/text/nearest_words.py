"""Similar words to a network: the nearest by the cosine of their embeddings.

Shapes: V words, E embedding, W query words.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from dlcore.text.vocabulary import END


def nearest_words(embeddings: Tensor, ids: Sequence[int], num: int = 10) -> list[list[tuple[int, float]]]:
    """Return the words with the most similar embeddings: cos(a, b) = a·b / (‖a‖ ‖b‖).

    Args:
        embeddings: One row per word (V, E).
        ids: Token ids of the query words (W).
        num: Number of neighbours of each.

    Returns:
        For each word its neighbours, the nearest first, as token id and cosine, in [-1, 1]; without the word itself and
        the special tokens (unknown, end of a document).
    """
    directions = functional.normalize(embeddings.detach().double(), dim=1)
    cosines = directions[list(ids)] @ directions.T
    cosines[:, : END + 1] = -torch.inf
    cosines[range(len(ids)), list(ids)] = -torch.inf
    found = cosines.topk(min(num, max(0, len(embeddings) - END - 2)), dim=1)
    return [list(zip(*pair, strict=True)) for pair in zip(found.indices.tolist(), found.values.tolist(), strict=True)]
