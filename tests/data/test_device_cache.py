"""Samples on a device: shown with torch's meta device, which refuses to mix with the CPU as a GPU does."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from dlcore.data.array_data import Residence, Split
from dlcore.data.batches import BatchLoader

META = torch.device("meta")


@pytest.fixture
def part():
    return Split(torch.zeros(10, 4, dtype=torch.uint8), torch.arange(10), torch.arange(8))


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
    other = Split(part.inputs, part.targets, torch.tensor([8, 9]))
    assert place.take(part).inputs is place.take(other).inputs
    assert place.take(Split(part.inputs.clone(), part.targets, part.indices)).inputs.device.type == "cpu"


def test_on_the_cpu_they_stay_where_they_are(part, capsys):
    assert Residence(torch.device("cpu")).take(part) is part
    assert not capsys.readouterr().out


class Transfers(TorchDispatchMode):
    """Counts what goes from one device to another."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func.overloadpacket.__name__ in ("_to_copy", "copy_")
        return func(*args, **(kwargs or {}))


def test_an_epochs_order_goes_to_the_device_once(part, residence):
    """A tensor that goes there by itself, batch by batch, waits for all that the device has to do before."""
    moved = residence(40).take(part)
    loader = BatchLoader(moved.fetch, part.indices, batch_size=2, seed=1, device=META)
    with Transfers() as transfers:
        batches = list(loader)
    assert [inputs.device for inputs, _ in batches] == [META] * 4
    assert transfers.count == 1
