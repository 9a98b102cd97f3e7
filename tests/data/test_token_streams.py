"""Rows of text by arithmetic: each token once an epoch, the same rows for any number of processes, resumed in place."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from dlcore.data.token_streams import TrainStreams, TrainWindows, WholeDocuments
from dlcore.text import END, NO_TARGET
from dlcore.text.token_store import TokenPart


def part_of(lengths):
    """Documents of the given numbers of tokens, all different, each followed by END."""
    pieces, first = [], 10
    for length in lengths:
        pieces += [np.arange(first, first + length), [END]]
        first += length
    offsets = np.concatenate([[0], np.cumsum(np.array(lengths) + 1)]).astype(np.uint64)
    return TokenPart(np.concatenate(pieces).astype(np.uint16), offsets)


DOCUMENTS = part_of([3, 1, 7, 20, 2, 5, 11, 4, 9, 6, 8, 30])  # 106 tokens, 118 with ends


def rows(loader):
    """All inputs and targets of an epoch, a row each (B, …)."""
    batches = list(loader)
    assert len(batches) == len(loader)
    assert all(batch.inputs.dtype == batch.targets.dtype == torch.int64 for batch in batches)
    return torch.cat([batch.inputs for batch in batches], 1), torch.cat([batch.targets for batch in batches], 1)


def test_streams_are_the_ring_of_documents_cut_into_rows():
    inputs, targets = rows(TrainStreams(DOCUMENTS, 4, 5, seed=None, shuffle=False))
    assert inputs.shape == (4, 29)  # 118 // 4
    assert inputs[0, :6].tolist() == [END, 10, 11, 12, END, 13]
    assert targets[0, :5].tolist() == [10, 11, 12, END, 13]
    assert torch.equal(targets.flatten(), torch.from_numpy(DOCUMENTS.tokens[:116].astype(np.int64)))
    assert torch.equal(inputs.flatten()[1:], targets.flatten()[:-1])


def test_rows_go_on_from_batch_to_batch_but_not_from_epoch_to_epoch():
    loader = TrainStreams(DOCUMENTS, 4, 5, seed=3, shuffle=True, position=lambda: (1, 0))
    batches = list(loader)
    assert [batch.continues for batch in batches] == [False] + [True] * 5
    assert [batch.inputs.shape[1] for batch in batches] == [5, 5, 5, 5, 5, 4]
    for before, after in pairwise(batches):
        assert torch.equal(before.targets[:, -1], after.inputs[:, 0])
    assert len(TrainStreams(DOCUMENTS, 4, 5, seed=3, shuffle=True, drop_last=True)) == 5


@pytest.mark.parametrize("shuffle", [False, True])
def test_an_epoch_begins_elsewhere_and_visits_each_token_once(shuffle):
    firsts, seen = set(), set()
    for epoch in range(20):
        _, targets = rows(TrainStreams(DOCUMENTS, 4, 5, 3, shuffle, position=lambda epoch=epoch: (epoch, 0)))
        visited = targets[targets != END].tolist()
        assert len(set(visited)) == len(visited) >= 104  # two of 118 places rest
        seen |= set(visited)
        firsts.add(int(targets[0, 0]))
    assert seen == set(range(10, 116))
    assert len(firsts) > 10


def test_shuffled_documents_stay_whole():
    follows = set()
    for epoch in range(5):
        inputs, targets = rows(TrainStreams(DOCUMENTS, 1, 7, 0, True, position=lambda epoch=epoch: (epoch, 0)))
        pairs = list(zip(inputs[0].tolist(), targets[0].tolist(), strict=True))
        within = {(a, b) for a, b in pairs if END not in (a, b)}
        documents = [DOCUMENTS.document(number).tolist() for number in range(12)]
        assert within == {(a, a + 1) for document in documents for a in document[:-1]}
        assert {b for a, b in pairs if a == END} == {document[0] for document in documents}
        order = [b for a, b in pairs if a == END]
        follows.add(tuple(order))
    assert len(follows) == 5


def test_the_same_seed_and_epoch_give_the_same_batches():
    one, two, other = (
        rows(TrainStreams(DOCUMENTS, 4, 5, seed, True, position=lambda: (2, 0)))[0] for seed in (7, 7, 8)
    )
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("kind", ["streams", "shuffled", "windows", "evaluation"])
@pytest.mark.parametrize("world_size", [2, 3, 8])
def test_processes_have_the_rows_of_one_together(kind, world_size):
    def loader(**options):
        if kind == "windows":
            return TrainWindows(DOCUMENTS, 8, 4, 5, position=lambda: (1, 0), **options)
        if kind == "evaluation":
            return WholeDocuments(DOCUMENTS, 8, 5, **options)
        return TrainStreams(DOCUMENTS, 8, 4, 5, kind == "shuffled", position=lambda: (1, 0), **options)

    whole = list(loader())
    shares = [list(loader(rank=rank, world_size=world_size)) for rank in range(world_size)]
    assert {len(share) for share in shares} == {len(whole)}
    for k, batch in enumerate(whole):
        for field in ("inputs", "targets"):
            for rank in range(world_size):
                own = getattr(batch, field)[rank::world_size]
                assert torch.equal(getattr(shares[rank][k], field)[: len(own)], own)
                assert (shares[rank][k].targets[len(own) :] == NO_TARGET).all()
        assert {share[k].continues for share in shares} == {batch.continues}


@pytest.mark.parametrize("windows", [False, True])
def test_an_epoch_is_taken_up_in_place(windows):
    def loader(done):
        options = {"position": lambda: (4, done)}
        return (
            TrainWindows(DOCUMENTS, 4, 5, 1, **options)
            if windows
            else TrainStreams(DOCUMENTS, 4, 5, 1, True, **options)
        )

    whole, rest = list(loader(0)), list(loader(3))
    assert len(rest) == len(whole) - 3
    for before, after in zip(whole[3:], rest, strict=True):
        assert torch.equal(before.inputs, after.inputs)
        assert torch.equal(before.targets, after.targets)
        assert before.continues is after.continues is not windows


def test_windows_lie_anywhere_and_go_on_nowhere():
    starts = set()
    for epoch in range(30):
        for batch in TrainWindows(DOCUMENTS, 4, 5, 1, position=lambda epoch=epoch: (epoch, 0)):
            assert not batch.continues
            assert batch.inputs.shape == (4, 5)
            assert torch.equal(batch.inputs[:, 1:], batch.targets[:, :-1])
            starts |= set(batch.targets[:, 0].tolist())
    assert len(starts) > 90


def test_windows_are_drawn_as_they_are_needed():
    tokens = np.broadcast_to(np.uint16(7), (10**14,))  # all windows of an epoch together would be 160 TB
    endless = TokenPart(tokens, np.array([0, len(tokens)], dtype=np.uint64))
    batch = next(iter(TrainWindows(endless, 4, 5, 1)))
    assert batch.inputs.shape == (4, 5)


def test_windows_of_batches_and_epochs_differ():
    def starts(epoch):
        return [tuple(b.targets[:, 0].tolist()) for b in TrainWindows(DOCUMENTS, 4, 5, 1, position=lambda: (epoch, 0))]

    assert len(set(starts(0) + starts(1))) == 10


@pytest.mark.parametrize("wished", [1, 2, 5, 12, 40])
def test_rows_of_an_evaluation_know_their_first_document(wished):
    loader = WholeDocuments(DOCUMENTS, wished, 200)
    assert len(loader.first_documents) == len(loader.starts)
    (batch,) = loader
    for row, first in zip(batch.targets, loader.first_documents, strict=True):
        assert row[0] == DOCUMENTS.document(first)[0]
    shares = [WholeDocuments(DOCUMENTS, wished, 200, rank=rank, world_size=2).first_documents for rank in range(2)]
    assert shares == [loader.first_documents[0::2], loader.first_documents[1::2]]


@pytest.mark.parametrize("wished", [1, 2, 5, 12, 40])
def test_an_evaluation_charges_each_token_and_end_once(wished):
    inputs, targets = rows(WholeDocuments(DOCUMENTS, wished, 6))
    assert len(inputs) <= min(wished, 12)
    charged = targets != NO_TARGET
    assert sorted(targets[charged].tolist()) == sorted(DOCUMENTS.tokens.tolist())
    assert (inputs[:, 0] == END).all()
    for row, targets_of, known in zip(inputs, targets, charged, strict=True):
        length = int(known.sum())
        assert known[:length].all()
        assert targets_of[length - 1] == END
        assert torch.equal(row[1:length], targets_of[: length - 1])


def test_rows_of_an_evaluation_are_about_equally_long():
    many = part_of(np.random.default_rng(0).integers(5, 40, 500).tolist())
    loader = WholeDocuments(many, 16, 20)
    assert len(loader.lengths) == 16
    assert loader.lengths.max() - loader.lengths.min() <= 80


def test_an_evaluation_goes_on_from_batch_to_batch():
    assert [batch.continues for batch in WholeDocuments(DOCUMENTS, 3, 10)] == [False, True, True, True]


def test_documents_beyond_a_million_are_shuffled_in_groups(monkeypatch):
    monkeypatch.setattr("dlcore.data.token_streams._MOST_UNITS", 4)
    _, targets = rows(TrainStreams(DOCUMENTS, 1, 9, 0, True))
    visited = targets[targets != END].tolist()
    assert sorted(visited) == list(range(10, 116))
