"""Choose the next word from a network's scores, with Hugging Face's names and formulas.

Shapes: B texts, V words. Scores are logits or log probabilities; -infinity is a word that is not allowed.
Each function returns new scores and does not change its arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dlcore.errors import ArgumentError, check_number


@dataclass(frozen=True)
class Sampling:
    """How the next word is chosen.

    Args:
        do_sample: Draw each word by its probability; false takes the most probable one. Left out, words are drawn,
            except in a beam search.
        temperature: Scores are divided by it, above 0: below 1 is more careful, above 1 more random.
        top_k: Draw only from the k most probable words; 0: from all.
        top_p: Draw only from the fewest words whose probabilities add up to at least p, in (0, 1]; 1: from all.
        repetition_penalty: Factor that makes words that occurred already less probable, above 0; 1: none.
        no_repeat_ngram_size: No n-gram of this size occurs twice; 0: no limit.
        num_beams: Beams of a beam search, which searches the most probable whole text; 1: none.

    Raises:
        ArgumentError: A value lies outside its range, or has no effect with another.
    """

    do_sample: bool | None = None
    temperature: float = 1.0
    top_k: int = 50
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    no_repeat_ngram_size: int = 0
    num_beams: int = 1

    def __post_init__(self) -> None:
        likeliest = "For the likeliest word each time: do_sample false."
        check_number("temperature", self.temperature, above=0, remedy=likeliest)
        check_number("top_k", self.top_k, at_least=0, whole=True)
        check_number("top_p", self.top_p, above=0, at_most=1)
        check_number("repetition_penalty", self.repetition_penalty, above=0)
        check_number("no_repeat_ngram_size", self.no_repeat_ngram_size, at_least=0, whole=True)
        check_number("num_beams", self.num_beams, at_least=1, whole=True)
        if self.num_beams > 1 and self.do_sample:
            remedy = "A beam search draws nothing."
            raise ArgumentError("num_beams", "1 where do_sample is true", self.num_beams, remedy)
        if not self.draws:
            for name in ("temperature", "top_k", "top_p"):
                value = getattr(self, name)
                if value != getattr(type(self), name):
                    why = "a beam search" if self.num_beams > 1 else "do_sample false"
                    raise ArgumentError(name, f"its default with {why}, where no word is drawn", value, "Leave it out.")

    @property
    def draws(self) -> bool:
        """Whether words are drawn."""
        return self.num_beams == 1 if self.do_sample is None else self.do_sample

    def penalize(self, scores: Tensor, histories: Sequence[Sequence[int]]) -> Tensor:
        """Make words that occurred already less probable: `penalize_repetition`, then `forbid_repeated_ngrams`."""
        if self.repetition_penalty != 1:
            scores = penalize_repetition(scores, histories, self.repetition_penalty)
        if self.no_repeat_ngram_size:
            scores = forbid_repeated_ngrams(scores, histories, self.no_repeat_ngram_size)
        return scores

    def choose(self, scores: Tensor, uniform: Sequence[float] | None) -> Tensor:
        """Return the next word of each text (B,), from scores (B, V), each row with at least one finite.

        A number in [0, 1) for each text draws its word; None takes the most probable one.
        """
        if uniform is None:
            return scores.argmax(1)
        scores = apply_temperature(scores, self.temperature)
        return draw(keep_top_p(keep_top_k(scores, self.top_k), self.top_p), uniform)


def apply_temperature(scores: Tensor, temperature: float) -> Tensor:
    """Divide scores by the temperature: p ∝ exp(z / temperature). Towards 0 it takes the most probable word.

    Subtract the greatest score first: this changes no probability and keeps exp finite at any temperature.
    """
    return (scores - scores.amax(1, keepdim=True)) / temperature


def keep_top_k(scores: Tensor, top_k: int) -> Tensor:
    """Keep the `top_k` most probable words of each row, and those equal to the last of them; 0 keeps all.

    Reference: Fan, Lewis and Dauphin (2018), "Hierarchical neural story generation", arXiv:1805.04833.
    """
    if top_k == 0 or top_k >= scores.shape[1]:
        return scores
    return scores.masked_fill(scores < scores.topk(top_k).values[:, -1:], -torch.inf)


def keep_top_p(scores: Tensor, top_p: float) -> Tensor:
    """Keep the fewest words of each row whose probabilities add up to at least `top_p`; always keep the first one.

    Reference: Holtzman et al. (2020), "The curious case of neural text degeneration", arXiv:1904.09751.
    """
    if top_p >= 1:
        return scores
    ranked, order = scores.sort(dim=1, descending=True, stable=True)
    shares = ranked.softmax(1)
    # Drop a word if those before it already reach top_p. The sum before the first one is 0, so it stays.
    dropped = shares.cumsum(1) - shares >= top_p
    return scores.masked_fill(torch.zeros_like(dropped).scatter(1, order, dropped), -torch.inf)


def penalize_repetition(scores: Tensor, histories: Sequence[Sequence[int]], penalty: float) -> Tensor:
    """Divide positive scores of words that occurred already by the penalty; multiply negative ones by it.

    Reference: Keskar et al. (2019), "CTRL", arXiv:1909.05858, section 4.1; negative scores as in Hugging Face.
    """
    changed = scores.clone()
    for row, history in enumerate(histories):
        seen = torch.tensor(sorted(set(history)), dtype=torch.long, device=scores.device)
        values = scores[row, seen]
        changed[row, seen] = torch.where(values < 0, values * penalty, values / penalty)
    return changed


def forbid_repeated_ngrams(scores: Tensor, histories: Sequence[Sequence[int]], size: int) -> Tensor:
    """Forbid each word that would repeat an n-gram of `size` words.

    Reference: Paulus, Xiong and Socher (2018), "A deep reinforced model for abstractive summarization",
        arXiv:1705.04304, section 2.5.
    """
    changed = scores.clone()
    for row, history in enumerate(histories):
        history = list(history)
        before = history[len(history) - size + 1 :]  # the size - 1 words before the next one
        starts = range(len(history) - size + 1) if len(before) == size - 1 else range(0)
        follow = [history[start + size - 1] for start in starts if history[start : start + size - 1] == before]
        changed[row, follow] = -torch.inf
    return changed


def within(wanted: Tensor, scores: Tensor, allowed: Tensor) -> Tensor:
    """Return scores (B, V) of the allowed words (B, V); all others are -infinity.

    The wanted ones are after the penalties; if these leave no allowed word, as when each would repeat an n-gram, those
    before the penalties are used.
    """
    wanted = wanted.masked_fill(~allowed, -torch.inf)
    stuck = wanted.amax(1, keepdim=True) == -torch.inf
    return torch.where(stuck, scores.masked_fill(~allowed, -torch.inf), wanted) if stuck.any() else wanted


def draw(scores: Tensor, uniform: Sequence[float]) -> Tensor:
    """Draw a word for each row (B,) of scores (B, V): the first whose sum of probabilities passes `uniform`.

    That is a number in [0, 1) for each row: the same gives the same word whatever the other rows are.
    """
    sums = scores.double().softmax(1).cumsum(1)
    points = torch.tensor(uniform, dtype=torch.double, device=scores.device).unsqueeze(1) * sums[:, -1:]
    drawn = torch.searchsorted(sums, points, right=True).squeeze(1)
    if (drawn == scores.shape[1]).any():  # rounding puts a point at the end of the sums: take the last possible word
        last = scores.shape[1] - 1 - scores.isfinite().flip(1).int().argmax(1)
        drawn = torch.minimum(drawn, last)
    return drawn
