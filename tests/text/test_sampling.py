import math
import random

import pytest
import torch

from dlcore.errors import ArgumentError
from dlcore.text.sampling import (
    Sampling,
    apply_temperature,
    draw,
    forbid_repeated_ngrams,
    keep_top_k,
    keep_top_p,
    penalize_repetition,
    within,
)


def log(*probabilities):
    return torch.tensor([probabilities], dtype=torch.double).log()


def kept(scores):
    return [row.isfinite().nonzero().flatten().tolist() for row in scores]


@pytest.mark.parametrize(
    ("top_k", "places"), [(1, [2]), (2, [1, 2]), (3, [0, 1, 2, 3]), (0, [0, 1, 2, 3]), (9, [0, 1, 2, 3])]
)
def test_top_k_keeps_the_likeliest_and_their_equals(top_k, places):
    assert kept(keep_top_k(log(0.15, 0.3, 0.4, 0.15), top_k)) == [places]


@pytest.mark.parametrize(
    ("top_p", "places"),
    [(0.01, [2]), (0.5, [2]), (0.51, [1, 2]), (0.8, [1, 2]), (0.81, [1, 2, 3]), (1.0, [0, 1, 2, 3])],
)
def test_top_p_keeps_the_fewest_words_that_reach_it(top_p, places):
    assert kept(keep_top_p(log(0.0625, 0.3, 0.5, 0.1375), top_p)) == [places]


def test_top_k_and_top_p_leave_the_other_scores_and_their_input_as_they_are():
    scores = log(0.1, 0.2, 0.7)
    before = scores.clone()
    for steered in (keep_top_k(scores, 2), keep_top_p(scores, 0.8)):
        assert steered[0, 1:].tolist() == before[0, 1:].tolist()
    assert torch.equal(scores, before)


def test_each_row_is_judged_by_itself():
    scores = torch.cat([log(0.8, 0.1, 0.1), log(0.1, 0.4, 0.5)])
    assert kept(keep_top_p(scores, 0.85)) == [[0, 1], [1, 2]]


def test_a_temperature_is_a_power_of_the_probabilities():
    shares = apply_temperature(log(0.2, 0.8), 0.5).softmax(1)[0]
    assert shares.tolist() == pytest.approx([0.04 / 0.68, 0.64 / 0.68])


def test_temperature_towards_its_limits():
    scores = log(0.3, 0.3001, 0.3999)
    assert apply_temperature(scores, 1e-9).softmax(1)[0].tolist() == [0, 0, 1]
    assert apply_temperature(scores, 1e9).softmax(1)[0].tolist() == pytest.approx([1 / 3] * 3)
    assert apply_temperature(1e30 * scores.float(), 1e-30).softmax(1)[0].tolist() == [0, 0, 1]


def test_repetition_divides_positive_scores_and_multiplies_negative_ones():
    scores = torch.tensor([[2.0, -2.0, 3.0, -3.0], [2.0, -2.0, 3.0, -3.0]])
    changed = penalize_repetition(scores, [[0, 1, 1], []], 2.0)
    assert changed.tolist() == [[1.0, -4.0, 3.0, -3.0], [2.0, -2.0, 3.0, -3.0]]
    assert scores[0, 0] == 2


@pytest.mark.parametrize(
    ("size", "history", "forbidden"),
    [
        (1, [2, 0, 2], [0, 2]),
        (2, [0, 1, 2, 0], [1]),
        (2, [0, 1, 0, 2, 0], [1, 2]),
        (3, [0, 1, 2, 0, 1], [2]),
        (3, [0, 1], []),
        (3, [], []),
        (2, [0, 0], [0]),
    ],
)
def test_no_ngram_comes_twice(size, history, forbidden):
    changed = forbid_repeated_ngrams(torch.zeros(1, 3), [history], size)
    assert [place for place in range(3) if changed[0, place] == -math.inf] == forbidden


def test_a_word_is_drawn_where_the_sum_of_probabilities_passes_the_number():
    scores = log(0.2, 0.3, 0.5).repeat(6, 1)
    assert draw(scores, [0.0, 0.19, 0.21, 0.49, 0.51, 0.9999999]).tolist() == [0, 0, 1, 1, 2, 2]


def test_what_cannot_come_is_never_drawn():
    scores = torch.tensor([[-math.inf, 0.0, -math.inf, 0.0, -math.inf]]).repeat(3, 1)
    assert draw(scores, [0.0, 0.5, math.nextafter(1, 0)]).tolist() == [1, 3, 3]


def test_words_are_drawn_as_often_as_their_probability():
    uniform = random.Random(0).random
    drawn = draw(log(0.1, 0.2, 0.7).repeat(20000, 1), [uniform() for _ in range(20000)])
    assert (drawn.bincount(minlength=3) / 20000).tolist() == pytest.approx([0.1, 0.2, 0.7], abs=0.01)


def test_the_form_goes_before_the_penalties():
    scores = log(0.2, 0.3, 0.5)
    allowed = torch.tensor([[True, True, False]])
    assert kept(within(torch.tensor([[-math.inf, 1.0, 1.0]]), scores, allowed)) == [[1]]
    assert kept(within(torch.tensor([[-math.inf, -math.inf, 1.0]]), scores, allowed)) == [[0, 1]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"temperature": 0}, "temperature: expected a number above 0, got 0"),
        ({"temperature": math.nan}, "temperature"),
        ({"top_k": -1}, "top_k: expected a whole number at least 0, got -1"),
        ({"top_k": 1.5}, "top_k"),
        ({"top_p": 0.0}, "top_p: expected a number above 0 and at most 1"),
        ({"top_p": 1.1}, "top_p"),
        ({"repetition_penalty": 0}, "repetition_penalty"),
        ({"no_repeat_ngram_size": -1}, "no_repeat_ngram_size"),
        ({"num_beams": 0}, "num_beams: expected a whole number at least 1"),
        ({"num_beams": 2, "do_sample": True}, "num_beams: expected 1 where do_sample is true, got 2"),
        ({"num_beams": 2, "temperature": 0.7}, "temperature: expected its default with a beam search"),
        ({"do_sample": False, "top_p": 0.9}, "top_p: expected its default with do_sample false"),
    ],
)
def test_a_value_out_of_range_or_without_effect_is_refused(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        Sampling(**arguments)
