"""Samples of several processes, made here for each: what differs is found, and chance is not."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from dlcore.callbacks import process_data
from dlcore.callbacks.process_data import ProcessData, ProcessSample, compare, in_words, sample_of

ROWS = 16


def batches(seed, scale=1.0, classes=10, first=0, size=ROWS, shift=0.0):
    """Eight batches of pictures with classes ``first`` to ``first + classes - 1``."""
    draw = torch.Generator().manual_seed(seed)
    return [
        (
            scale * (shift + torch.rand(size, 1, 8, 8, generator=draw)),
            first + torch.randint(classes, (size,), generator=draw),
        )
        for _ in range(8)
    ]


def found(*processes):
    samples = [sample_of(each, ROWS) for each in processes]
    packed = [ProcessSample.unpack(each.pack()) for each in samples]
    return compare(packed)


@pytest.mark.parametrize("processes", [2, 3, 8])
def test_parts_of_the_same_data_are_well(processes):
    for seed in range(0, 400, 20):
        assert found(*(batches(seed + rank) for rank in range(processes))) == {}


@pytest.mark.parametrize("size", [1, 3])
def test_a_few_samples_differ_by_chance(size):
    for seed in range(0, 400, 20):
        assert found(batches(seed, size=size), batches(seed + 1, size=size)) == {}


def test_pixels_to_255_in_one_process():
    said = found(batches(0), batches(1, scale=255), batches(2))
    assert set(said) == {"inputs"}
    assert said["inputs"]["process"] == 1
    assert said["inputs"]["mean"] == pytest.approx(127, rel=0.1)
    assert said["inputs"]["others_std"] == pytest.approx(0.29, rel=0.1)
    assert "Process 1 has inputs of another mean or scale" in in_words(said)


def test_brighter_pictures_in_one_process():
    assert set(found(batches(0), batches(1, shift=0.5))) == {"inputs"}


def test_each_process_has_classes_of_its_own():
    said = found(batches(0, classes=5), batches(1, classes=5, first=5))
    assert set(said) == {"classes"}
    assert abs(said["classes"]["share"] - said["classes"]["others_share"]) > 0.1
    assert "other shares of the classes" in in_words(said)


def test_the_same_samples_in_two_of_three():
    assert found(batches(0), batches(1), batches(0)) == {"same": [0, 2]}
    # Augmentation changes the pictures, but not the order of their classes.
    assert found(batches(0), [(torch.rand_like(inputs), labels) for inputs, labels in batches(0)]) == {"same": [0, 1]}
    tokens = [(torch.arange(40).view(2, 20), torch.arange(40).view(2, 20))]
    assert found(tokens, tokens) == {"same": [0, 1]}


@pytest.mark.parametrize(
    "batch",
    [
        (torch.zeros(16, 4), torch.zeros(16)),  # all alike, and no classes
        (torch.zeros(16, 4), torch.zeros(16, dtype=torch.long)),
        (None, None),
        (torch.tensor([[1.0]]), torch.tensor([1])),  # the only sample
        (torch.full((16, 4), torch.nan), None),
    ],
)
def test_batches_that_say_nothing(batch):
    assert found([batch], [batch]) == {}


@pytest.mark.parametrize(("world", "replicas", "opens"), [(1, 1, False), (2, 2, True), (4, 2, False), (2, None, False)])
def test_it_looks_only_where_each_process_has_a_part_of_the_data(world, replicas, opens):
    shares = {} if replicas is None else {"num_replicas": replicas, "rank": 0}
    trainer = SimpleNamespace(world_size=world, strategy=SimpleNamespace(distributed_sampler_kwargs=shares))
    assert ProcessData(trainer).is_open is opens


@pytest.mark.parametrize(
    ("batch", "same"),
    [
        ({"image": torch.rand(4, 2), "label": torch.arange(4)}, True),
        (torch.rand(4, 2), True),
        ("text", False),
        (None, False),
        ([], False),
        ([torch.rand(()), 3], False),
        ([torch.eye(4).to_sparse(), torch.arange(4)], False),
    ],
)
def test_any_batch_can_be_compared(batch, same, monkeypatch):
    monkeypatch.setattr(process_data, "of_all_processes", lambda trainer, numbers, device: [numbers, numbers])
    trainer = SimpleNamespace(
        world_size=2, strategy=SimpleNamespace(distributed_sampler_kwargs={"num_replicas": 2}), num_training_batches=1
    )
    model = SimpleNamespace(device=torch.device("cpu"))
    assert ProcessData(trainer).add(trainer, model, batch, 0) == ({"same": [0, 1]} if same else {})


def test_numbers_survive_packing():
    sample = sample_of(batches(0), ROWS)
    again = ProcessSample.unpack(sample.pack())
    for name in ("digests", "means", "stds", "classes"):
        np.testing.assert_array_equal(getattr(sample, name), getattr(again, name))
