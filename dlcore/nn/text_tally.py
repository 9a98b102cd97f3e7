"""What the metrics of a language model need, added up over tokens."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from dlcore.nn.tallies import Tally, sum_dtype


class TextTally(Tally):
    """Sums over tokens: nats, characters, unknown words, right guesses. Places without target count nowhere.

    Args:
        device: Where the sums live.
        accuracy: Whether right guesses are counted.
        unknown: Number of the unknown word.
        ignore_index: What stands where there is no target.
    """

    unit = "tokens"

    def __init__(
        self, device: torch.device | str = "cpu", accuracy: bool = False, unknown: int = 0, ignore_index: int = -100
    ) -> None:
        super().__init__(torch.zeros(4, dtype=sum_dtype(device), device=device))
        self.accuracy, self.unknown, self.ignore_index = accuracy, unknown, ignore_index

    @property
    def count(self) -> int:
        """Tokens that were added. Reading it waits for the device."""
        return int(self.metric_sums[0].item())

    def add(self, loss: Tensor, outputs: Tensor, targets: Tensor, characters: Tensor | None = None) -> None:
        """Add a batch.

        Args:
            loss: Mean loss of the batch's targets in nats, a scalar.
            outputs: Raw scores (…, V), looked at for the accuracy only; or how many of the targets have the highest,
                a scalar.
            targets: The tokens (…); `ignore_index` where there is none.
            characters: How many characters each target stands for (…); None: 1 each.
        """
        there = targets != self.ignore_index
        tokens = there.sum()
        # A batch without any target has no mean.
        nats = torch.where(tokens > 0, loss.detach().to(self.dtype), 0.0)
        self.loss_sum.addcmul_(nats, tokens.to(self.dtype))
        counted = there if characters is None else characters * there
        right = torch.zeros_like(tokens)
        if self.accuracy:
            right = (outputs.detach().argmax(dim=-1) == targets).sum() if outputs.dim() else outputs
        sums = (tokens, counted.sum(dtype=self.dtype), (targets == self.unknown).sum(), right)
        self.metric_sums.add_(torch.stack([total.to(self.dtype) for total in sums]))

    def metrics(self, thorough: bool = False) -> dict[str, float]:
        """``loss`` (nats a token), ``perplexity``, ``bits_per_character`` and ``unknown_share``; with it ``accuracy``.

        Perplexity is exp(loss), and depends on what the words are. Bits per character are all bits, those of ends of
        documents too, over all characters: they compare between vocabularies of words and of characters.
        """
        tokens, characters, unknown, right = self.metric_sums.tolist()
        nats = self.loss_sum.item()
        loss = nats / tokens if tokens else math.nan
        found = {
            "loss": loss,
            "perplexity": math.exp(loss) if not loss > 700 else math.inf,
            "bits_per_character": nats / math.log(2) / characters if characters else math.nan,
            "unknown_share": unknown / tokens if tokens else math.nan,
        }
        return {**found, "accuracy": right / tokens if tokens else math.nan} if self.accuracy else found
