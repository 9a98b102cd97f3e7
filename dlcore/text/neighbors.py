"""Words that a network takes for alike: the nearest by the cosine of their embeddings.

Shapes: V words, E embedding, W words that are asked for.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from dlcore.text.vocabulary import END


def nearest_words(embeddings: Tensor, ids: Sequence[int], num: int = 10) -> list[list[tuple[int, float]]]:
    """The words whose embeddings point most nearly the same way: cos(a, b) = a·b / (‖a‖ ‖b‖).

    Args:
        embeddings: A row a word (V, E).
        ids: Numbers of the words that are asked for (W).
        num: How many neighbours of each.

    Returns:
        For each word its neighbours, the nearest first, as number and cosine, in [-1, 1]; neither the word itself nor
        what stands for no word (unknown, end of a document) is among them.
    """
    directions = functional.normalize(embeddings.detach().double(), dim=1)
    cosines = directions[list(ids)] @ directions.T
    cosines[:, : END + 1] = -torch.inf
    cosines[range(len(ids)), list(ids)] = -torch.inf
    found = cosines.topk(min(num, max(0, len(embeddings) - END - 2)), dim=1)
    return [list(zip(*pair, strict=True)) for pair in zip(found.indices.tolist(), found.values.tolist(), strict=True)]
