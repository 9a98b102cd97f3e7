"""Batches of texts of similar length, cut to their longest one."""

import torch

from dlcore.data.texts.padded_batches import PaddedBatches
from dlcore.text import END


def lengths_of(count):
    return torch.randint(1, 30, (count,), generator=torch.Generator().manual_seed(0))


def loader(count, **options):
    lengths = lengths_of(count)
    inside = torch.arange(30) < lengths.unsqueeze(1)
    rows = torch.where(inside, 5, END)
    return PaddedBatches(lengths, lambda indices: (rows[indices], indices), torch.arange(count), **options)


def test_each_sample_comes_once_and_batches_are_as_wide_as_their_longest_row():
    batches = list(loader(330, batch_size=8, seed=3))
    assert sorted(torch.cat([indices for _, indices in batches]).tolist()) == list(range(330))
    assert [len(indices) for _, indices in batches] == [8] * 41 + [2]
    for rows, indices in batches:
        assert rows.shape[1] == lengths_of(330)[indices].max()
    computed = sum(rows.numel() for rows, _ in batches)
    assert computed < 1.3 * lengths_of(330).sum()


def test_the_order_follows_from_seed_and_epoch():
    one, other = loader(100, batch_size=8, seed=3), loader(100, batch_size=8, seed=3)
    assert one.order(2).equal(other.order(2))
    assert not one.order(2).equal(one.order(3))
    assert not one.order(2).equal(loader(100, batch_size=8, seed=4).order(2))


def test_a_smaller_last_batch_is_of_any_length_and_few_samples_are_one():
    last = torch.cat([list(loader(100, batch_size=8, seed=seed))[-1][1] for seed in range(20)])
    assert lengths_of(100)[last].float().mean() < 20  # of 1 to 29
    assert sorted(loader(5, batch_size=8, seed=0).order(0).tolist()) == [0, 1, 2, 3, 4]


def test_processes_share_a_batch_of_one_width():
    shares = [list(loader(50, batch_size=4, seed=1, rank=rank, world_size=2)) for rank in range(2)]
    whole = list(loader(50, batch_size=8, seed=1))
    for one, other, (rows, indices) in zip(*shares, whole, strict=True):
        assert sorted([*one[1].tolist(), *other[1].tolist()]) == sorted(indices.tolist())
        assert one[0].shape[1] == other[0].shape[1] == rows.shape[1]
