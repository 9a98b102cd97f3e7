"""Beam search: searches the most probable whole text.

Shapes: B beams, V words.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from dlcore.text.constrained_decoding import ConstrainedDecoder, Progress
from dlcore.text.network import Network, State, check_finite, joined, read_in, rows_of
from dlcore.text.sampling import Sampling, within
from dlcore.text.tokenizer import Prompt


class Beam(NamedTuple):
    """A text, or the beginning of one."""

    score: float  # sum of the log probabilities, after the penalties
    pieces: tuple[str, ...]  # the text that each token added
    log_probs: tuple[float, ...]  # the network's log probability of each token
    history: tuple[int, ...]  # token ids so far, including the prompt's
    progress: Progress  # progress within the form
    state: State  # the network's state before the last token (the batch of one on dimension 1)


def search(
    network: Network, guide: ConstrainedDecoder, prompt: Prompt, start: Progress, sampling: Sampling, num: int
) -> list[Beam]:
    """Search the most probable texts; return the best `num`, best first, or fewer if there are no more.

    Beams compete with beams of the same length, in characters or tokens as the form counts; of each length the search
    follows the `num_beams` most probable ones. So words of one character and of three need no length penalty. Texts of
    different lengths, possible only if the form sets no length, are ranked by mean log probability per character.
    Penalties apply to log probabilities, as in Hugging Face.
    """
    width = sampling.num_beams
    scores, state = read_in(network, [prompt.ids], guide.device)
    waiting: dict[int, list[Beam]] = {}
    done: list[Beam] = []
    beams = [Beam(0.0, (), (), prompt.ids[1:], start, state)]
    states = [state]
    while True:
        for beam in _extended(beams, scores, states, guide, sampling):
            if beam.progress.finished:
                done = sorted([*done, beam], key=lambda one: -one.score / max(one.progress.made, 1))[:width]
            else:
                rivals = [*waiting.get(beam.progress.made, []), beam]
                waiting[beam.progress.made] = sorted(rivals, key=lambda rival: -rival.score)[:width]
        if not waiting:
            return done[:num]
        beams = waiting.pop(min(waiting))
        words = torch.tensor([[beam.history[-1]] for beam in beams], device=guide.device)
        scores, state = network(words, joined([beam.state for beam in beams]))
        scores = scores[:, -1]
        states = [rows_of(state, [row]) for row in range(len(beams))]


def _extended(
    beams: Sequence[Beam], scores: Tensor, states: Sequence[State], guide: ConstrainedDecoder, sampling: Sampling
) -> Iterator[Beam]:
    """Yield the beams extended by one word: of the words of each length the best."""
    check_finite(scores)
    log_probs = scores.log_softmax(1)
    allowed = torch.stack([guide.allowed(beam.progress) for beam in beams])
    steered = within(sampling.penalize(log_probs, [beam.history for beam in beams]), log_probs, allowed)
    totals = steered + torch.tensor([[beam.score] for beam in beams], dtype=steered.dtype, device=steered.device)
    for same in guide.words_by_size:
        values, places = totals[:, same].flatten().topk(min(sampling.num_beams, len(beams) * len(same)))
        for value, place in zip(values.tolist(), places.tolist(), strict=True):
            if value == -math.inf:
                break
            row, number = place // len(same), int(same[place % len(same)])
            beam = beams[row]
            piece, progress = guide.advance(beam.progress, number)
            yield Beam(
                value,
                (*beam.pieces, piece),
                (*beam.log_probs, float(log_probs[row, number])),
                (*beam.history, number),
                progress,
                states[row],
            )
