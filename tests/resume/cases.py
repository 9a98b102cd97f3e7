"""The matrix of interruptions: which network, where in the run, by what, in how many processes."""

from __future__ import annotations

import itertools
import random
from typing import NamedTuple

NETWORKS = ("mlp", "cnn", "rnn", "texts")
PLACES = ("mid_epoch", "last_batch", "epoch_end", "validation")
FAULTS = ("SIGTERM", "SIGINT", "SIGKILL", "exception")
WORLD_SIZES = (1, 2)


class Case(NamedTuple):
    """One interruption."""

    network: str
    place: str
    fault: str
    world_size: int


def matrix() -> list[Case]:
    """All of them."""
    return [Case(*each) for each in itertools.product(NETWORKS, PLACES, FAULTS, WORLD_SIZES)]


def covering(seed: int = 0) -> list[Case]:
    """Few cases: in each of three networks each place and each fault, in one process and in two.

    Each next one has the most new pairs. The texts, which are trained as the others are, are left to the matrix.
    """
    cases = [case for case in matrix() if case.network != "texts"]
    left = {pair for case in cases for pair in _pairs(case)}
    random.Random(seed).shuffle(cases)
    chosen: list[Case] = []
    while left:
        best = max(cases, key=lambda case: len(left & _pairs(case)))
        chosen.append(best)
        left -= _pairs(best)
    return sorted(chosen)


def _pairs(case: Case) -> set[tuple[tuple[int, object], tuple[int, object]]]:
    pairs = itertools.combinations(enumerate(case), 2)
    return {pair for pair in pairs if (pair[0][0], pair[1][0]) != (1, 2)}  # not each place with each fault
