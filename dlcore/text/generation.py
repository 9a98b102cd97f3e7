"""Generate texts of an exact form from prompts with a network.

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
from dlcore.text.constrained_decoding import ConstrainedDecoder, Progress
from dlcore.text.network import Network, State, check_finite, joined, read_in, rows_of
from dlcore.text.sampling import Sampling, within
from dlcore.text.tokenizer import Prompt

_LEAST_LOG_PROB = -700.0  # below it, exp of the negative exceeds a float
OnPiece = Callable[[int, int, str], None]


@dataclass(frozen=True)
class GeneratedText:
    """A generated text and its probabilities."""

    prompt: str  # the prompt as typed
    pieces: tuple[str, ...]  # the text that each token added
    # the network's log probability (nats) of each token, before temperature and everything else that changes the choice
    log_probs: tuple[float, ...]
    seed: int = 0  # the seed of the call
    prompt_number: int = 0  # the prompt's number, from 0
    number: int = 0  # the text's number among those of its prompt, from 0

    @property
    def generated(self) -> str:
        """The generated text."""
        return "".join(self.pieces)

    @property
    def text(self) -> str:
        """The prompt and the generated text."""
        return self.prompt + self.generated

    @property
    def mean_log_prob(self) -> float:
        """Mean of `log_probs`, nats per token."""
        return sum(self.log_probs) / len(self.log_probs) if self.log_probs else math.nan

    @property
    def perplexity(self) -> float:
        """Exp of the negative mean log probability: the average number of equally likely words to choose from."""
        return math.exp(-self.mean_log_prob) if self.mean_log_prob > _LEAST_LOG_PROB else math.inf


@dataclass
class _Text:
    """A text during generation."""

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
    guide: ConstrainedDecoder,
    prompts: Sequence[Prompt],
    sampling: Sampling | None = None,
    num: int = 1,
    seed: int = 0,
    batch_size: int = 64,
    on_piece: OnPiece | None = None,
) -> Iterator[GeneratedText]:
    """Generate texts, batch by batch, in the order of the prompts.

    A text depends only on the seed, the number of its prompt and its own number, not on its batch: each text has its
    own random numbers. (A float32 network computes a row of a large batch slightly differently from a single one, in
    the seventh digit; float64 avoids that.)

    Args:
        network: Computes the scores, in evaluation mode.
        guide: Restricts the texts to the form.
        prompts: Beginnings of the texts.
        sampling: How words are chosen; None: the defaults of `Sampling`.
        num: Texts per prompt.
        seed: Seed of the random numbers, at least 0.
        batch_size: Texts generated at once, at least 1.
        on_piece: Called with the prompt's number, the text's number and the added text as soon as a word is chosen;
            never called by a beam search, which finishes all at the end.

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
    starts = [guide.start(prompt.text) for prompt in prompts]  # raise all errors before the first word
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


def _read_prompts(
    network: Network, prompts: Sequence[tuple[int, ...]], device: torch.device | str
) -> tuple[Tensor, State]:
    """Read each different prompt once, those of one length at once; return scores and states in the given order."""
    different = sorted(set(prompts), key=len)
    begun = [read_in(network, list(same), device) for _, same in groupby(different, key=len)]
    places = {ids: row for row, ids in enumerate(different)}
    rows = torch.tensor([places[ids] for ids in prompts], device=device)
    return torch.cat([scores for scores, _ in begun])[rows], rows_of(joined([state for _, state in begun]), rows)


def _write(
    network: Network, guide: ConstrainedDecoder, batch: Sequence[_Text], sampling: Sampling, on_piece: OnPiece | None
) -> None:
    """Generate the texts of a batch to their ends."""
    scores, state = _read_prompts(network, [text.prompt.ids for text in batch], guide.device)
    going = list(batch)
    while True:
        check_finite(scores)
        allowed = torch.stack([guide.allowed(text.progress) for text in going])
        wanted = within(sampling.penalize(scores, [text.history for text in going]), scores, allowed)
        numbers = sampling.choose(wanted, [text.uniform() for text in going] if sampling.draws else None)
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
