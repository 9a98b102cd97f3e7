"""The most probable words of many runs of characters, computed in parallel; and those that no dictionary has.

jieba cuts a run of Chinese characters, letters and digits into the words with the greatest product of frequencies. It
processes the run from its end: score(i) = max over words w at i of log p(w) + score(i + |w|). The runs of a text do not
depend on each other; this module processes all of them at once, position by position from their ends, in a few array
operations. The terms of each sum and their order are jieba's, and of equal scores the longer word wins: so the words
are exactly the same.

jieba's hidden Markov model joins characters into further words: each begins a word (B), is within one (M), ends one
(E) or is one (S). Viterbi's algorithm finds the most probable sequence of these states, with jieba's probabilities, the
order of its sums and its tie-breaking (the later letter of the alphabet).

Shapes: N characters of a text, R runs or stretches, P positions in runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from dlcore.text.dictionary import quiet_jieba
from dlcore.text.word_tables import WordTables

_LONGEST = 255  # longest run that is processed together with others; longer ones are processed singly


@dataclass(frozen=True)
class _Words:
    """All words of one length in a text: positions, nodes, weights, and distance to the end of their runs."""

    length: int
    places: np.ndarray
    nodes: np.ndarray
    weights: np.ndarray
    distances: np.ndarray


def best_words(
    codes: np.ndarray, begins: np.ndarray, ends: np.ndarray, tables: WordTables
) -> tuple[np.ndarray, np.ndarray]:
    """Return the best word at each position, given that one begins there.

    For characters (N,), starts and ends of runs (R,): its length (N,), at least 1, and its node if it is longer (N,),
    int32; else -1.
    """
    sizes = ends - begins
    stops = np.repeat(ends, sizes)
    distances = np.arange(len(stops)) - np.repeat(np.cumsum(sizes), sizes)  # below 0
    places = stops + distances
    distances = -distances
    words, singles = _words_at(codes, places, distances, tables)
    scores = np.zeros(len(codes) + 1)
    lengths, nodes = np.ones(len(codes), dtype=np.int64), np.full(len(codes), -1, dtype=np.int32)
    short = distances <= _LONGEST
    if (sizes > _LONGEST).any():
        short = np.repeat(sizes <= _LONGEST, sizes)
        in_long = np.zeros(len(codes), dtype=bool)
        in_long[places[~short]] = True
        _go_alone(places[~short], singles[~short], [_only(found, in_long) for found in words], scores, lengths, nodes)
        words = [_only(found, ~in_long) for found in words]
        places, singles, distances = places[short], singles[short], distances[short]
    _go_together(places, singles, distances, words, scores, lengths, nodes)
    return lengths, nodes


def _words_at(
    codes: np.ndarray, places: np.ndarray, distances: np.ndarray, tables: WordTables
) -> tuple[list[_Words], np.ndarray]:
    """Return all words of two and more characters, by length, and each character's weight as a word (P,)."""
    nodes = tables.root[codes[places]]
    singles = np.where(nodes >= 0, tables.weights[nodes], -np.inf)
    begins_word = np.zeros(len(codes), dtype=bool)
    found: list[_Words] = []
    at, left, length = places, distances, 1
    while True:
        length += 1
        inside = (nodes >= 0) & (left >= length)
        at, left, nodes = at[inside], left[inside], nodes[inside]
        if not len(at):
            break
        nodes = tables.follow(nodes, codes[at + (length - 1)])
        weights = np.where(nodes >= 0, tables.weights[nodes], -np.inf)
        words = weights > -np.inf
        found.append(_Words(length, at[words], nodes[words], weights[words], left[words]))
        begins_word[at[words]] = True
    # A character that is not in the dictionary is a word if no other word begins there.
    singles[(singles == -np.inf) & ~begins_word[places]] = tables.unknown
    return found, singles


def _only(words: _Words, chosen: np.ndarray) -> _Words:
    kept = chosen[words.places]
    columns = (words.places, words.nodes, words.weights, words.distances)
    return _Words(words.length, *(values[kept] for values in columns))


def _go_together(
    places: np.ndarray,
    singles: np.ndarray,
    distances: np.ndarray,
    words: list[_Words],
    scores: np.ndarray,
    lengths: np.ndarray,
    nodes: np.ndarray,
) -> None:
    """Fill in scores, lengths and nodes: for all positions at distance 1 from the end of their run, then 2, …."""
    if not len(places):
        return
    farthest = int(distances.max())
    order, bounds = _by_distance(distances, farthest)
    places, singles = places[order], singles[order]
    sorted_words = []
    for found in words:
        if len(found.places):
            order, own = _by_distance(found.distances, farthest)
            sorted_words.append((found.length, found.places[order], found.nodes[order], found.weights[order], own))
    for distance in range(1, farthest + 1):
        here = slice(bounds[distance], bounds[distance + 1])
        at = places[here]
        scores[at] = singles[here] + scores[at + 1]
        for length, starts, ends, weights, own_bounds in sorted_words:
            first, last = own_bounds[distance], own_bounds[distance + 1]
            if first == last:
                continue
            at = starts[first:last]
            score = weights[first:last] + scores[at + length]
            better = score >= scores[at]
            at = at[better]
            scores[at] = score[better]
            lengths[at] = length
            nodes[at] = ends[first:last][better]


def _by_distance(distances: np.ndarray, farthest: int) -> tuple[np.ndarray, list[int]]:
    """Return an order by distance, and the start of each distance in it."""
    order = np.argsort(distances.astype(np.uint8), kind="stable")  # a radix sort for bytes
    counts = np.bincount(distances, minlength=farthest + 1)
    return order, [0, *np.cumsum(counts).tolist()]


def _go_alone(
    places: np.ndarray,
    singles: np.ndarray,
    words: list[_Words],
    scores: np.ndarray,
    lengths: np.ndarray,
    nodes: np.ndarray,
) -> None:
    """Do the same for long runs, position by position."""
    by_place: dict[int, list[tuple[int, int, float]]] = {}
    for found in words:
        columns = (column.tolist() for column in (found.places, found.nodes, found.weights))
        for place, node, weight in zip(*columns, strict=True):
            by_place.setdefault(place, []).append((found.length, node, weight))
    score_of: dict[int, float] = {}
    none: list[tuple[int, int, float]] = []
    for place, single in zip(reversed(places.tolist()), reversed(singles.tolist()), strict=True):
        best = single + score_of.get(place + 1, 0.0)
        for length, node, weight in by_place.get(place, none):
            score = weight + score_of.get(place + length, 0.0)
            if score >= best:
                best = score
                lengths[place], nodes[place] = length, node
        score_of[place] = best


_STATES = "BMES"
# Possible previous states; of equal scores the later letter wins.
_BEFORE = {"B": ("E", "S"), "M": ("B", "M"), "E": ("B", "M"), "S": ("E", "S")}
_NEVER = -3.14e100  # jieba's logarithm of 0
_CODES = 1 << 16


@cache
def _probabilities() -> tuple[dict[str, float], dict[tuple[str, str], float], dict[str, np.ndarray]]:
    """Return logarithms: of the first state, of transitions, and of each character in each state (65536,)."""
    model = quiet_jieba().finalseg
    emissions = {}
    for state in _STATES:
        emissions[state] = np.full(_CODES, _NEVER)
        for character, value in model.emit_P[state].items():
            if ord(character) < _CODES:
                emissions[state][ord(character)] = value
    steps = {
        (before, state): model.trans_P[before].get(state, _NEVER) for state in _STATES for before in _BEFORE[state]
    }
    return dict(model.start_P), steps, emissions


def word_ends(codes: np.ndarray, begins: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Return whether a word's last character is at each position (N,); False outside the stretches.

    These are stretches of Chinese characters (R,), given by their starts and ends among the characters (N,).
    """
    found = np.zeros(len(codes), dtype=bool)
    if not len(begins):
        return found
    first, steps, emissions = _probabilities()
    lengths = ends - begins
    order = np.argsort(-lengths, kind="stable")
    begins, lengths = begins[order], lengths[order]
    longest = int(lengths[0])
    counts = np.searchsorted(-lengths, -np.arange(1, longest + 1), side="right")  # stretches of at least t characters
    scores = {state: first[state] + emissions[state][codes[begins]] for state in _STATES}
    choices: list[dict[str, np.ndarray]] = []
    last = {state: score.copy() for state, score in scores.items()}  # of each stretch at its last character
    for time in range(1, longest):
        count = counts[time]
        here = codes[begins[:count] + time]
        made, chosen = {}, {}
        for state in _STATES:
            one, other = _BEFORE[state]
            emission = emissions[state][here]
            by_one = scores[one][:count] + steps[one, state] + emission
            by_other = scores[other][:count] + steps[other, state] + emission
            chosen[state] = by_other >= by_one
            made[state] = np.where(chosen[state], by_other, by_one)
            last[state][:count] = made[state]
        scores = made
        choices.append(chosen)
    state_of = np.where(last["S"] >= last["E"], "S", "E")
    for time in range(longest - 1, -1, -1):  # the backward pass includes each stretch from its last character on
        count = counts[time]
        current = state_of[:count]
        found[begins[:count] + time] = (current == "E") | (current == "S")
        if time:
            count_before = counts[time - 1]
            before = state_of[:count_before].copy()
            for state in _STATES:
                one, other = _BEFORE[state]
                here = np.flatnonzero(current == state)
                before[here] = np.where(choices[time - 1][state][here], other, one)
            state_of[:count_before] = before
    return found
