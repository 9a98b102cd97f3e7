import itertools
import math

import pytest
import torch
from crossed import crossed
from scripted_networks import CharacterTokenizer, RandomGRU, Table

from dlcore.text import END, Vocabulary
from dlcore.text.constrained_decoding import ConstrainedDecoder
from dlcore.text.generation import generate_texts
from dlcore.text.sampling import Sampling
from dlcore.text.text_constraints import TextConstraints
from dlcore.text.tokenizer import read_prompt

SMALL = Vocabulary(["明", "月", "明月", "，"])


def search(network, vocabulary=SMALL, num=1, num_beams=4, prompt="", sampling=None, **form):
    tokenizer = CharacterTokenizer(vocabulary, ())
    guide = ConstrainedDecoder(TextConstraints(**form), vocabulary)
    sampling = sampling or Sampling(num_beams=num_beams)
    return list(generate_texts(network, guide, [read_prompt(prompt, tokenizer)], sampling, num))


def all_texts(network, length, unit):
    """Every text of that length with its log probability, by trying all."""
    sizes = {2: 1, 3: 1, 4: 2, 5: 1, END: 2} if unit == "characters" else dict.fromkeys((2, 3, 4, 5, END), 1)
    found = {}
    for count in range(1, length + 1):
        for words in itertools.product(sizes, repeat=count):
            partings = [place for place, word in enumerate(words) if word == END]
            doubled = any(after - before == 1 for before, after in itertools.pairwise(partings))
            if sum(sizes[word] for word in words) != length or doubled or {0, count - 1} & set(partings):
                continue
            tokens = torch.tensor([[END, *words]])
            log_probs = network(tokens)[0].log_softmax(2)[0]
            found[words] = sum(float(log_probs[place, word]) for place, word in enumerate(words))
    return sorted(found.items(), key=lambda item: -item[1])


@pytest.mark.parametrize(("seed", "unit"), crossed(range(4), ["characters", "tokens"], others=pytest.mark.process))
@torch.no_grad()
def test_a_wide_search_finds_the_best_texts_that_there_are(seed, unit):
    network = RandomGRU(len(SMALL), seed)
    expected = all_texts(network, 5, unit)
    found = search(network, num=3, num_beams=2000, length=5, unit=unit)
    for text, (words, log_prob) in zip(found, expected, strict=False):
        assert text.generated == SMALL.text(words)
        assert sum(text.log_probs) == pytest.approx(log_prob)


def test_a_narrow_search_finds_what_greed_misses():
    # 明 is likelier than 月 at first, but leads nowhere.
    table = torch.full((len(SMALL), len(SMALL)), 1e-6)
    table[END, 2], table[END, 3] = 0.6, 0.4
    table[2, 2:] = 0.25
    table[3, 5] = 1.0
    greedy = search(Table(table), sampling=Sampling(do_sample=False), length=2)[0]
    beams = search(Table(table), num_beams=2, length=2)[0]
    assert greedy.text[0] == "明"
    assert beams.text == "月，"
    assert sum(beams.log_probs) > sum(greedy.log_probs)


def test_a_beam_search_is_at_least_as_good_as_greed_and_exact_in_length():
    for seed in range(5):
        network = RandomGRU(len(SMALL), seed)
        greedy = search(network, sampling=Sampling(do_sample=False), length=12)[0]
        for width in (2, 5):
            texts = search(network, num=2, num_beams=width, length=12, prompt="明")
            assert [len(text.generated) for text in texts] == [12, 12]
            assert texts[0].text != texts[1].text
        assert math.isfinite(greedy.mean_log_prob)


def test_texts_that_end_themselves_are_ranked_by_their_mean():
    table = torch.full((len(SMALL), len(SMALL)), 1e-9)
    table[END, 2], table[END, 3] = 0.5, 0.4
    table[2, END] = 0.3
    table[2, 2] = 0.1
    table[3, 3] = 0.9
    text = search(Table(table), num_beams=3, length=6, stop_at_end=True)[0]
    assert text.text == "月" * 6


def test_penalties_work_on_log_probabilities():
    table = torch.full((len(SMALL), len(SMALL)), 1e-9)
    table[:, 2], table[:, 3] = 0.5, 0.45
    sampling = Sampling(num_beams=3, no_repeat_ngram_size=1)
    assert set(search(Table(table), sampling=sampling, length=2)[0].text) == {"明", "月"}
    penalized = Sampling(num_beams=3, repetition_penalty=1.5)
    assert set(search(Table(table), sampling=penalized, length=2)[0].text) == {"明", "月"}
