import itertools

import pytest
import torch
from torch import Tensor

from dlcore.data.batches import BatchLoader, epoch_order, split


def _loader(n: int, batch_size: int, **options) -> BatchLoader:
    """Batches that are the samples' own numbers, 100 and up."""
    return BatchLoader(lambda indices: indices, torch.arange(100, 100 + n), batch_size, **options)


def _same(first: list[Tensor], second: list[Tensor]) -> bool:
    return len(first) == len(second) and all(map(torch.equal, first, second))


@pytest.mark.parametrize("n", [1, 2, 10, 1000])
def test_an_epochs_order_is_a_permutation(n):
    assert torch.equal(epoch_order(n, seed=3, epoch=7).sort().values, torch.arange(n))


def test_seed_and_epoch_determine_the_order_whatever_was_drawn_before():
    first = epoch_order(1000, seed=3, epoch=7)
    torch.rand(5)
    assert torch.equal(epoch_order(1000, seed=3, epoch=7), first)


def test_asking_for_an_order_draws_nothing_from_the_global_generator():
    state = torch.random.get_rng_state()
    epoch_order(1000, seed=3, epoch=7)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_other_seeds_and_epochs_give_other_orders():
    pairs = [*itertools.product(range(20), range(-1, 50)), (2**31 - 1, 0), (2**31 - 1, 1)]
    orders = {tuple(epoch_order(30, seed, epoch).tolist()) for seed, epoch in pairs}
    assert len(orders) == len(pairs)


def test_orders_of_neighbouring_epochs_have_nothing_in_common():
    orders = [epoch_order(1000, seed=0, epoch=epoch) for epoch in range(10)]
    for first, second in itertools.combinations(orders, 2):
        assert (first == second).sum() < 10  # by chance, one sample in a thousand keeps its place


@pytest.mark.parametrize("size", [0, 1, 30, 100])
def test_a_split_parts_all_samples(size):
    staying, held_out = split(100, size, seed=0)
    assert (len(staying), len(held_out)) == (100 - size, size)
    assert torch.equal(torch.cat([staying, held_out]).sort().values, torch.arange(100))
    assert torch.equal(staying, staying.sort().values)
    assert torch.equal(held_out, held_out.sort().values)


def test_a_splits_seed_determines_it():
    assert torch.equal(split(100, 30, seed=1)[1], split(100, 30, seed=1)[1])
    assert not torch.equal(split(100, 30, seed=1)[1], split(100, 30, seed=2)[1])


@pytest.mark.parametrize(("n", "batch_size", "batches"), [(50_000, 256, 196), (60_000, 32, 1875), (60_000, 10_000, 6)])
def test_an_epoch_has_the_textbooks_number_of_iterations(n, batch_size, batches):
    loader = _loader(n, batch_size, seed=0)
    sizes = [len(batch) for batch in loader]
    assert len(loader) == len(sizes) == batches
    assert set(sizes[:-1]) == {batch_size}
    assert sizes[-1] == n - batch_size * (batches - 1)


def test_without_a_seed_samples_come_as_they_lie():
    assert torch.cat(list(_loader(10, 4))).tolist() == list(range(100, 110))


def test_with_a_seed_each_sample_comes_once_in_the_epochs_order():
    loader = _loader(10, 4, seed=5, position=lambda: (3, 0))
    visited = torch.cat(list(loader))
    assert torch.equal(visited, 100 + epoch_order(10, 5, 3))


def test_each_epoch_is_shuffled_anew():
    epoch = [0]
    loader = _loader(100, 32, seed=0, position=lambda: (epoch[0], 0))
    first = list(loader)
    assert _same(list(loader), first)
    epoch[0] = 1
    assert not _same(list(loader), first)


@pytest.mark.parametrize("world_size", [1, 3])
@pytest.mark.parametrize("drop_last", [False, True])
def test_resumed_anywhere_it_goes_on_as_if_nothing_had_happened(world_size, drop_last):
    for rank in range(world_size):
        options = {"seed": 1, "rank": rank, "world_size": world_size, "drop_last": drop_last}
        whole = list(_loader(100, 8, position=lambda: (4, 0), **options))
        for done in range(len(whole) + 1):
            rest = list(_loader(100, 8, position=lambda done=done: (4, done), **options))
            assert _same(rest, whole[done:])


def test_the_position_is_asked_for_when_the_first_batch_is():
    position = [(0, 0)]
    loader = _loader(100, 8, seed=1, position=lambda: position[0])
    batches = iter(loader)
    position[0] = (2, 5)
    assert torch.equal(next(batches), 100 + epoch_order(100, 1, 2)[40:48])


@pytest.mark.parametrize("world_size", [1, 2, 3, 4, 5])
def test_processes_together_visit_each_sample_once_in_equally_many_batches(world_size):
    for case in itertools.product([1, 2, 4, 23, 24, 60, 61], [None, 0]):
        n, seed = case
        ranks = [list(_loader(n, 4, seed=seed, rank=rank, world_size=world_size)) for rank in range(world_size)]
        seen = torch.cat([batch for batches in ranks for batch in batches])
        assert sorted(seen.tolist()) == list(range(100, 100 + n)), case
        assert {len(batches) for batches in ranks} == {len(_loader(n, 4, world_size=world_size))}, case
        assert all(len(batch) <= 4 for batches in ranks for batch in batches), case
        for same_step in zip(*ranks, strict=True):  # no process has more than one sample more than another
            sizes = [len(batch) for batch in same_step]
            assert max(sizes) - min(sizes) <= 1, case


def test_processes_share_the_batch_that_one_process_would_have():
    alone = list(_loader(50, 12, seed=3))
    ranks = [list(_loader(50, 4, seed=3, rank=rank, world_size=3)) for rank in range(3)]
    for batch, shares in zip(alone, zip(*ranks, strict=True), strict=True):
        assert torch.equal(torch.cat(shares).sort().values, batch.sort().values)


@pytest.mark.parametrize("world_size", [1, 2, 3])
@pytest.mark.parametrize("n", [2, 24, 29, 35])
def test_drop_last_leaves_only_whole_batches(world_size, n):
    ranks = [
        list(_loader(n, 4, seed=0, rank=rank, world_size=world_size, drop_last=True)) for rank in range(world_size)
    ]
    assert {len(batches) for batches in ranks} == {n // (4 * world_size)}
    assert all(len(batch) == 4 for batches in ranks for batch in batches)
    visited = [sample for batches in ranks for batch in batches for sample in batch.tolist()]
    assert len(set(visited)) == len(visited) == n // (4 * world_size) * 4 * world_size


def test_what_drop_last_leaves_out_differs_between_epochs():
    visited = [torch.cat(list(_loader(9, 4, seed=0, drop_last=True, position=lambda e=e: (e, 0)))) for e in range(20)]
    assert set(torch.cat(visited).tolist()) == set(range(100, 109))
