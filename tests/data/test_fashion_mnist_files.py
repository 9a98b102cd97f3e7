"""The files themselves, where the system's package has put them."""

import pytest
import torch

from dlcore.data import FashionMNIST, fashion_mnist

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(
        not fashion_mnist.SYSTEM_FOLDER.is_dir(),
        reason=f"no {fashion_mnist.SYSTEM_FOLDER} (Debian and Ubuntu: apt-get install {fashion_mnist.SYSTEM_PACKAGE})",
    ),
]


@pytest.fixture(scope="module")
def real() -> FashionMNIST:
    data = FashionMNIST(root=str(fashion_mnist.SYSTEM_FOLDER))
    data.setup()
    return data


def test_has_60000_and_10000_pictures_of_28_by_28(real):
    train, val, test = (real.parts[name] for name in ("train", "val", "test"))
    assert (len(train), len(val), len(test)) == (55_000, 5_000, 10_000)
    assert (train.inputs.shape, train.inputs.dtype) == ((60_000, 28, 28), torch.uint8)
    assert test.inputs.shape == (10_000, 28, 28)


def test_classes_are_balanced(real):
    assert real.parts["train"].targets.bincount().tolist() == [6000] * 10
    assert real.parts["test"].targets.bincount().tolist() == [1000] * 10


def test_first_labels_are_the_known_ones(real):
    assert real.parts["test"].targets[:10].tolist() == [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]
    assert real.parts["train"].targets[:10].tolist() == [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]


def test_pixels_have_the_known_mean_and_deviation(real):
    pixels = real.transform(real.parts["train"].inputs)
    assert pixels.mean().item() == pytest.approx(0.2860, abs=5e-5)
    assert pixels.std().item() == pytest.approx(0.3530, abs=5e-5)
    assert (pixels.min(), pixels.max()) == (0, 1)


def test_validation_samples_come_from_all_classes_and_train_no_more(real):
    train, val = real.parts["train"], real.parts["val"]
    assert set(train.indices.tolist()).isdisjoint(val.indices.tolist())
    counts = val.targets[val.indices].bincount(minlength=10)
    assert counts.min() > 400  # of 500 expected, five standard deviations below
    assert counts.max() < 600


def test_batches_pair_pictures_with_their_labels(real):
    train, loader = real.parts["train"], real.train_dataloader()
    inputs, targets = next(iter(loader))
    assert (inputs.shape, targets.shape) == ((256, 28, 28), (256,))
    for k, index in enumerate(loader.order(0)[:256].tolist()):
        assert torch.equal(inputs[k], train.inputs[index])
        assert targets[k] == train.targets[index]
