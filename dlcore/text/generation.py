"""Texts from a network: prompts in, texts of exactly the form that was asked for out.

Shapes: B texts, V words.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice

import torch
from torch import Tensor

from dlcore.errors import ArgumentError, check_number
from dlcore.text.beam_search import search
from dlcore.text.guide import Guide, Progress
from dlcore.text.network import Network, check_finite, joined, read_in, rows_of
from dlcore.text.prompt import Prompt
from dlcore.text.sampling import Sampling, within

_LEAST_LOG_PROB = -700.0  # beyond it exp is more than a float holds
OnPiece = Callable[[int, int, str], None]


@dataclass(frozen=True)
class GeneratedText:
    """A text, and how it came about.

    Attributes:
        prompt: What it begins with, as it was typed.
        generated: What was generated.
        pieces: What each token added to it.
        log_probs: Logarithm of the probability (nats) that the network gave each token, before temperature and all
            else that steers the choice.
        seed: The seed of the call.
        prompt_number: The prompt's number, from 0.
        number: The text's number among those of its prompt, from 0.
    """

    prompt: str
    pieces: tuple[str, ...]
    log_probs: tuple[float, ...]
    seed: int = 0
    prompt_number: int = 0
    number: int = 0

    @property
    def generated(self) -> str:
        """What was generated."""
        return "".join(self.pieces)

    @property
    def text(self) -> str:
        """The prompt and what was generated."""
        return self.prompt + self.generated

    @property
    def mean_log_prob(self) -> float:
        """Mean of `log_probs`, nats a token."""
        return sum(self.log_probs) / len(self.log_probs) if self.log_probs else math.nan

    @property
    def perplexity(self) -> float:
        """Exp of the negative mean log probability: among how many equally likely words the choice was, on average."""
        return math.exp(-self.mean_log_prob) if self.mean_log_prob > _LEAST_LOG_PROB else math.inf


@dataclass
class _Text:
    """A text that is being written."""

    prompt: Prompt
    prompt_number: int
    number: int
    progress: Progress
    uniform: Callable[[], float]
    history: list[int]
    pieces: list[str] = field(default_factory=list)
    log_probs: list[float] = field(default_factory=list)


@torch.no_grad()
def generate_texts(
    network: Network,
    guide: Guide,
    prompts: Sequence[Prompt],
    sampling: Sampling | None = None,
    num: int = 1,
    seed: int = 0,
    batch_size: int = 64,
    on_piece: OnPiece | None = None,
) -> Iterator[GeneratedText]:
    """Generate texts, batch by batch, in the order of the prompts.

    A text depends on the seed, the number of its prompt and its own number alone, and not on the batch it is written
    in: each has random numbers of its own. (A network in float32 computes a row of a large batch a little differently
    from a single one, in the seventh digit; in float64 that changes no choice.)

    Args:
        network: Gives scores, in evaluation mode.
        guide: Leads to the form.
        prompts: What the texts begin with.
        sampling: How words are chosen; None: as `Sampling` has it.
        num: Texts of each prompt.
        seed: Where the random numbers come from, at least 0.
        batch_size: Texts that are written at once, at least 1.
        on_piece: Called with the number of the prompt, that of the text, and what a word added to it, as soon as that
            is known; never by a beam search, which knows at the end.

    Raises:
        ArgumentError: A value lies outside its range.
        CheckpointError: The network's scores are not finite.
    """
    sampling = sampling or Sampling()
    check_number("num", num, at_least=1, whole=True)
    check_number("seed", seed, at_least=0, whole=True)
    check_number("batch_size", batch_size, at_least=1, whole=True)
    if num > 1 and not sampling.draws and num > sampling.num_beams:
        why = f"{sampling.num_beams}, the beams" if sampling.num_beams > 1 else "1 where no word is drawn"
        raise ArgumentError("num", f"at most {why}", num, "More texts come by sampling.")
    starts = [guide.start(prompt.text) for prompt in prompts]  # all that may be wrong, before the first word
    if sampling.num_beams > 1:
        for number, prompt in enumerate(prompts):
            found = search(network, guide, prompt, starts[number], sampling, num)
            for place, beam in enumerate(found):
                yield GeneratedText(prompt.text, beam.pieces, beam.log_probs, seed, number, place)
        return
    texts = (
        _Text(
            prompt,
            number,
            place,
            starts[number],
            random.Random(f"{seed}/{number}/{place}").random,  # Python's own: the same on any device and machine
            list(prompt.ids[1:]),
        )
        for number, prompt in enumerate(prompts)
        for place in range(num)
    )
    while batch := list(islice(texts, batch_size)):
        _write(network, guide, batch, sampling, on_piece)
        for text in batch:
            yield GeneratedText(
                text.prompt.text, tuple(text.pieces), tuple(text.log_probs), seed, text.prompt_number, text.number
            )


def _write(
    network: Network, guide: Guide, batch: Sequence[_Text], sampling: Sampling, on_piece: OnPiece | None
) -> None:
    """Write the texts of a batch to their ends."""
    begun = [
        (read_in(network, texts[0].prompt.ids, guide.device), len(texts))
        for texts in (list(same) for _, same in groupby(batch, key=lambda text: text.prompt_number))
    ]
    scores = torch.cat([first.expand(count, -1) for (first, _), count in begun])
    state = joined([rows_of(part, [0] * count) for (_, part), count in begun])
    going = list(batch)
    while True:
        numbers = _choose(scores, guide, going, sampling)
        log_probs = scores.log_softmax(1).gather(1, numbers.unsqueeze(1)).squeeze(1).tolist()
        for text, number, log_prob in zip(going, numbers.tolist(), log_probs, strict=True):
            piece, text.progress = guide.advance(text.progress, number)
            text.history.append(number)
            text.pieces.append(piece)
            text.log_probs.append(log_prob)
            if on_piece is not None:
                on_piece(text.prompt_number, text.number, piece)
        rows = [row for row, text in enumerate(going) if not text.progress.finished]
        if not rows:
            return
        if len(rows) < len(going):
            going, state, numbers = [going[row] for row in rows], rows_of(state, rows), numbers[rows]
        scores, state = network(numbers.unsqueeze(1), state)
        scores = scores[:, -1]


def _choose(scores: Tensor, guide: Guide, texts: Sequence[_Text], sampling: Sampling) -> Tensor:
    """The next word of each text (B,)."""
    check_finite(scores)
    allowed = torch.stack([guide.allowed(text.progress) for text in texts])
    wanted = within(sampling.penalize(scores, [text.history for text in texts]), scores, allowed)
    return sampling.choose(wanted, [text.uniform() for text in texts] if sampling.draws else None)
