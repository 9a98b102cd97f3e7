"""What a text network remembers: networks whose gradient, losses and copies are known."""

import math

import numpy as np
import pytest
import torch
from scripted_networks import RandomGRU
from torch import nn

from dlcore.errors import ArgumentError
from dlcore.text import Vocabulary
from dlcore.text.bigram_loss import bigram_loss
from dlcore.text.gradient_by_lag import gradient_by_lag, reach
from dlcore.text.memory import sample_statistics, training_text
from dlcore.text.token_losses import held_out_documents, token_losses
from dlcore.text.token_store import TokenPart
from dlcore.text.vocabulary import END


class Leaky(nn.Module):
    """h_t = a h_(t-1) + x_t, and the scores (h_t, -h_t, 0, …): the gradient is a^k times that at lag 0."""

    def __init__(self, factor, vocab_size=5):
        super().__init__()
        torch.manual_seed(0)
        self.embedding, self.factor = nn.Embedding(vocab_size, 1), factor

    def scores(self, tokens, state=None):
        here = torch.zeros(len(tokens), 1) if state is None else state[0]
        states = []
        for each in self.embedding(tokens).unbind(1):
            here = self.factor * here + each
            states.append(here)
        sequence = torch.stack(states, 1)
        zeros = torch.zeros(*sequence.shape[:2], self.embedding.num_embeddings - 2)
        return torch.cat([sequence, -sequence, zeros], 2), (here,)


class Grus(RandomGRU):
    def scores(self, tokens, state=None):
        return self(tokens, state)


def part_of(*documents):
    tokens = np.array([number for document in documents for number in (*document, END)], dtype=np.uint16)
    offsets = np.cumsum([0, *(len(document) + 1 for document in documents)]).astype(np.uint64)
    return TokenPart(tokens, offsets)


TOKENS = np.random.default_rng(0).integers(0, 5, 200)


@pytest.mark.parametrize(("factor", "reached"), [(0.5, 4), (0.8, 12), (0.0, 0)])
def test_the_gradient_by_lag_is_that_of_the_recurrence(factor, reached):
    norms = gradient_by_lag(Leaky(factor), TOKENS, lags=20, windows=9)
    assert len(norms) == 21
    assert [norm / norms[0] for norm in norms] == pytest.approx([factor**lag for lag in range(21)], abs=1e-5)
    assert reach(norms) == reached


def test_a_gradient_that_grows_with_the_lag():
    norms = gradient_by_lag(Leaky(1.2), TOKENS, lags=10, windows=3)
    assert norms[10] / norms[0] == pytest.approx(1.2**10, rel=1e-3)
    assert reach(norms) > 8


def test_the_state_before_a_window_counts_but_gets_no_gradient():
    model = Grus(5)
    norms = gradient_by_lag(model, TOKENS, lags=8, windows=5)
    assert all(norm > 0 for norm in norms)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not model.embedding._forward_hooks


def test_a_short_text_has_fewer_lags():
    assert len(gradient_by_lag(Leaky(0.5), TOKENS[:6], lags=64)) == 5
    with pytest.raises(ArgumentError, match="at least 3 held-out tokens"):
        gradient_by_lag(Leaky(0.5), TOKENS[:2])


def test_no_gradient_has_no_reach():
    assert reach([0.0, 0.0]) is None
    assert reach([1.0, math.nan]) is None
    assert reach([]) is None


def test_losses_are_those_of_each_document_alone():
    model = Grus(9).eval()
    documents = [np.random.default_rng(seed).integers(2, 9, size) for seed, size in enumerate((3, 150, 70, 1))]
    found = token_losses(model, documents)
    alone = [token_losses(model, [document]) for document in documents]
    assert sorted(found.losses) == pytest.approx(sorted(np.concatenate([each.losses for each in alone])))
    assert sorted(found.positions) == sorted(place for each in documents for place in range(1, len(each) + 2))
    with torch.no_grad():
        scores, _ = model.scores(torch.tensor([[END, *documents[0]]]))
    expected = -scores[0].log_softmax(1)[torch.arange(4), torch.tensor([*documents[0], END])]
    assert alone[0].losses == pytest.approx(expected.numpy())


def test_losses_lie_in_bins_of_position_and_frequency():
    found = token_losses(Leaky(0.5), [np.array([2, 3, 4, 2])])
    places = found.by_position()
    assert [(each.label, each.tokens) for each in places] == [("1", 1), ("2–3", 2), ("4–7", 2)]
    assert places[1].loss == pytest.approx(found.losses[1:3].mean())
    often = found.by_frequency(np.array([0, 1000, 9, 0, 10]))
    assert [(each.label, each.tokens) for each in often] == [("0", 1), ("1–9", 2), ("10–99", 1), ("1,000–9,999", 1)]


def test_held_out_documents_are_spread_over_the_part_and_cut():
    part = part_of(*([number] * 9 for number in range(2, 12)))
    assert [document[0] for document in held_out_documents(part, most=30)] == [2, 6, 11]
    assert [len(document) for document in held_out_documents(part, most=1, longest=4)] == [4]


def test_the_loss_of_counting_pairs():
    training = np.array([2, 3, END, 2, 3, END])
    # 2 follows END twice of two times, 3 follows 2, END follows 3; alone, each has (2 + 3/4) / (6 + 3).
    alone, seen = (2 + 3 / 4) / 9, (2 + 1 * (2 + 3 / 4) / 9) / 3
    assert bigram_loss(training, np.array([2, 3, END]), 4) == pytest.approx(-math.log(seen))
    assert bigram_loss(training, np.array([3]), 4) == pytest.approx(-math.log(alone / 3))
    total = sum(math.exp(-bigram_loss(training, np.array([token]), 4)) for token in range(4))
    assert total == pytest.approx(1)
    assert math.isnan(bigram_loss(training, np.array([], dtype=np.int64), 4))


def test_samples_are_compared_with_as_much_held_out_text():
    vocabulary = Vocabulary("春夏秋冬\n")
    training, held_out = part_of([2, 3, 4], [5, 5, 0]), part_of([2, 3] * 20, [4, 5] * 20)
    source = training_text(training, vocabulary)
    ours, theirs = sample_statistics(["夏秋冬\n\n春夏", "冬冬□□冬冬"], source, held_out, vocabulary)
    assert (ours.copied, theirs.copied) == ("冬冬", "春夏")  # an unknown word is no copy
    assert (ours.characters, theirs.characters) == (11, 13)  # of 13, without the sample's end of a document
