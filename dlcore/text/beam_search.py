"""Beam search: looks for the likeliest whole text.

Shapes: B beams, V words.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from dlcore.text.guide import Guide, Progress
from dlcore.text.network import Network, State, check_finite, joined, read_in, rows_of
from dlcore.text.prompt import Prompt
from dlcore.text.sampling import Sampling, within


class Beam(NamedTuple):
    """A text, or the beginning of one.

    Attributes:
        score: Sum of the log probabilities, after the penalties.
        pieces: What each token added.
        log_probs: The network's log probability of each token.
        history: Numbers of the words that were there, those of the prompt too.
        progress: How far it has come.
        state: The network's, before the last word (the batch of one on dimension 1).
    """

    score: float
    pieces: tuple[str, ...]
    log_probs: tuple[float, ...]
    history: tuple[int, ...]
    progress: Progress
    state: State


def search(network: Network, guide: Guide, prompt: Prompt, start: Progress, sampling: Sampling, num: int) -> list[Beam]:
    """Look for the likeliest texts.

    Beams compete with beams of the same length, in characters or tokens as the form counts, of which the `num_beams`
    likeliest are followed: so words of one character and of three need no length penalty. Of texts of different
    lengths, which there are only where the form says no length, that with the best mean log probability a character
    comes first.

    Args:
        network: Gives scores.
        guide: Leads to the form.
        prompt: What the text begins with.
        start: How far it has come.
        sampling: Number of beams, and penalties, which work on log probabilities as Hugging Face has it.
        num: How many texts are wanted, at most `num_beams`.

    Returns:
        The best ones, the best first; fewer where there are no more.
    """
    width = sampling.num_beams
    scores, state = read_in(network, prompt.ids, guide.device)
    waiting: dict[int, list[Beam]] = {}
    done: list[Beam] = []
    beams = [Beam(0.0, (), (), prompt.ids[1:], start, state)]
    states = [state]
    while True:
        for beam in _extended(beams, scores, states, guide, sampling):
            if beam.progress.finished:
                done = sorted([*done, beam], key=_mean, reverse=True)[:width]
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
    beams: Sequence[Beam], scores: Tensor, states: Sequence[State], guide: Guide, sampling: Sampling
) -> Iterator[Beam]:
    """The beams, each with a word more: of the words of each length the best."""
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


def _mean(beam: Beam) -> float:
    return beam.score / max(beam.progress.made, 1)
