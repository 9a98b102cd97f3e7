"""The task of a language model: which token comes next.

Shapes: V vocabulary; … places, such as (B, T).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from dlcore.errors import check_number
from dlcore.nn.tasks import Task
from dlcore.nn.text_tally import IGNORED, TextTally


class LanguageModeling(Task):
    """The next token, one of V: softmax and cross-entropy over all places that have a target.

    Args:
        vocab_size: Number of tokens (V), at least 2.
    """

    def __init__(self, vocab_size: int) -> None:
        check_number("vocab_size", vocab_size, at_least=2, whole=True)
        self.out_features = vocab_size

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Mean cross-entropy in nats of raw scores (…, V) and targets (…) other than -100; 0 where there are none."""
        flat = targets.reshape(-1)
        total = cross_entropy(outputs.reshape(-1, self.out_features), flat, ignore_index=IGNORED, reduction="sum")
        return total / (flat != IGNORED).sum().clamp(min=1)

    def tally(self, device: torch.device | str, evaluation: bool = False) -> TextTally:
        """Sums over tokens; in an evaluation also of right guesses, which take a look at all scores."""
        return TextTally(device, accuracy=evaluation)

    def predict(self, outputs: Tensor) -> Tensor:
        """Probabilities (…, V) by softmax."""
        return outputs.softmax(dim=-1)
