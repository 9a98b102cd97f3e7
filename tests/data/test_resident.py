"""Samples on a device: shown with torch's meta device, which refuses to mix with the CPU as a GPU does."""

import pytest
import torch

from dlcore.data.array_data import Part
from dlcore.data.resident import Residence

META = torch.device("meta")


@pytest.fixture
def part():
    return Part(torch.zeros(10, 4, dtype=torch.uint8), torch.arange(10), torch.arange(8))


@pytest.fixture
def residence(monkeypatch):
    def make(free):
        made = Residence(META)
        made._free = free
        return made

    return make


def test_batches_are_gathered_where_the_samples_are(part, residence):
    moved = residence(40).take(part)
    inputs, targets = moved.fetch(torch.tensor([3, 1]))
    assert (inputs.device, targets.device) == (META, META)
    assert (inputs.shape, inputs.dtype, targets.shape) == ((2, 4), torch.uint8, (2,))
    assert moved.indices.device.type == "cpu"  # an order is made there, the same on every machine


def test_samples_that_do_not_fit_stay_and_it_is_said(part, residence, capsys):
    full = residence(39)
    assert full.take(part) is part
    assert full.take(part) is part
    assert capsys.readouterr().out.count("samples stay in the computer's memory and travel a batch at a time") == 1


def test_parts_of_the_same_samples_share_one_copy(part, residence):
    place = residence(79)  # room for one
    other = Part(part.inputs, part.targets, torch.tensor([8, 9]))
    assert place.take(part).inputs is place.take(other).inputs
    assert place.take(Part(part.inputs.clone(), part.targets, part.indices)).inputs.device.type == "cpu"


def test_on_the_cpu_they_stay_where_they_are(part, capsys):
    assert Residence(torch.device("cpu")).take(part) is part
    assert not capsys.readouterr().out
