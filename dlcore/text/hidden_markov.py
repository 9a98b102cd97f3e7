"""Join characters into words that no dictionary has: jieba's hidden Markov model, for many stretches in parallel.

Each character begins a word (B), is within one (M), ends one (E) or is one (S). Viterbi's algorithm finds the most
probable sequence of these states, with jieba's probabilities, the order of its sums and its tie-breaking (the later
letter of the alphabet): so the words are exactly the same.

Shapes: N characters of a text, R stretches.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from dlcore.text.dictionary import quiet_jieba

_STATES = "BMES"
_BEFORE = {
    "B": ("E", "S"),
    "M": ("B", "M"),
    "E": ("B", "M"),
    "S": ("E", "S"),
}  # possible previous states; of equal scores the later letter wins
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
    """Return where words end in stretches of Chinese characters.

    Args:
        codes: The characters of a text (N,).
        begins: Start of each stretch (R,).
        ends: End of each stretch (R,), after its start.

    Returns:
        Whether a word's last character is at each position (N,); False outside the stretches.
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
