"""What is said of data that are pictures, on data whose every number is known."""

import pytest
import torch

from dlcore.data.array_data import ArrayData, Split
from dlcore.errors import ArgumentError, FitError
from dlcore.insight import picture_data


class Known(ArrayData):
    """Picture n has the value n everywhere; classes a, a, b, a, a, b, …; 9 train, 3 validate, none tests."""

    augments = True

    def __init__(self, form=(1, 2, 3), dtype=torch.uint8):
        super().__init__(4, 4, False)
        self.form, self.dtype = form, dtype

    def load(self):
        pictures = torch.arange(12, dtype=self.dtype).view(12, *(1 for _ in self.form)).expand(12, *self.form)
        targets = torch.tensor([0, 0, 1] * 4)
        parts = torch.arange(12).split([9, 3, 0])
        return {n: Split(pictures, targets, i) for n, i in zip(("train", "val", "test"), parts, strict=True)}

    def transform(self, inputs):
        return inputs.float().view(-1, 1, 2, 3) / 2 - 1

    def facts(self):
        return {"image_shape": (1, 2, 3), "class_names": ["a", "b"], "source": "made up"}


@pytest.fixture
def data():
    known = Known()
    known.setup()
    return known


def test_the_summary(data):
    summary = picture_data.summarize_pictures(data)
    assert summary.sizes == {"train": 9, "val": 3, "test": 0}
    assert summary.counts == {"train": [6, 3], "val": [2, 1], "test": [0, 0]}
    assert summary.imbalance == 2
    assert (summary.stored.dtype, summary.stored.low, summary.stored.high) == ("uint8", 0, 8)
    assert summary.stored.mean == [4]
    assert summary.stored.std == pytest.approx([(60 / 9) ** 0.5])
    assert (summary.given.dtype, summary.given.low, summary.given.high) == ("float32", -1, 3)
    assert summary.given.mean == [1]
    assert (summary.measured, summary.source, summary.image_shape) == (9, "made up", (1, 2, 3))


def test_chunks_give_the_same_values(data, monkeypatch):
    whole = picture_data.summarize_pictures(data)
    monkeypatch.setattr(picture_data, "_CHUNK_VALUES", 12)
    parts = picture_data.summarize_pictures(data)
    assert parts.stored == whole.stored
    assert parts.given == whole.given


def test_an_empty_class_is_infinitely_smaller(data):
    data.parts["train"].targets.zero_()
    assert picture_data.summarize_pictures(data).imbalance == float("inf")


def test_rows_are_classes_and_their_samples_are_spread(data):
    rows = picture_data.samples_by_class(data, "train", each=3, classes=2)
    assert [row[:, 0, 0, 0].tolist() for row in rows] == [[0, 3, 7], [2, 5, 8]]
    assert [len(row) for row in picture_data.samples_by_class(data, "test", each=3, classes=2)] == [0, 0]


@pytest.mark.parametrize("form", [(1, 2, 3), (2, 3), (2, 3, 1)])
def test_pictures_may_be_stored_with_channels_first_last_or_none(form):
    data = Known(form)
    data.setup()
    pictures, targets = picture_data.stored_pictures(data, "val", torch.tensor([1]))
    assert pictures.shape == (1, 1, 2, 3)
    assert (pictures.unique().tolist(), targets.tolist()) == ([10], [0])


def test_other_shapes_than_the_facts_say_are_named():
    data = Known((5, 5))
    data.setup()
    with pytest.raises(
        FitError, match=r"data: expected pictures of the shape that facts give, \(1, 2, 3\), got \(5, 5\)"
    ):
        picture_data.stored_pictures(data, "train", torch.tensor([0]))


def test_numbers_become_bytes_from_least_to_greatest():
    assert picture_data.as_bytes(torch.tensor([-1.0, 0, 1])).tolist() == [0, 128, 255]
    assert picture_data.as_bytes(torch.zeros(2)).tolist() == [0, 0]


@pytest.mark.parametrize(("part", "index"), [("train", 9), ("val", 3), ("test", 0), ("train", -1)])
def test_a_sample_that_there_is_not_is_refused(part, index, data):
    with pytest.raises(
        ArgumentError, match=f"--index: expected a whole number from 0 to .*, as {part} has, got {index}"
    ):
        picture_data.check_sample(data, part, index)


def test_augmentation_is_asked_with_samples_and_epochs(data):
    asked = []

    def augment(inputs, targets, samples, epoch):
        asked.append((inputs[:, 0, 0, 0].tolist(), targets.tolist(), samples.tolist(), epoch))
        return data.transform(inputs - 2 * (epoch + 1)), targets

    data.augment = augment
    forms = picture_data.augmented(data, torch.tensor([4, 8]), epochs=2)
    assert asked == [([4, 8], [0, 1], [4, 8], 0), ([4, 8], [0, 1], [4, 8], 1)]
    # Of the unchanged pictures 4 is the darkest and 8 the lightest.
    assert [form[:, 0, 0, 0].tolist() for form in forms] == [[0, 0, 0], [255, 128, 0]]


def test_augmented_pictures_have_the_colours_before_they_were_normalised(data, monkeypatch):
    facts = {**data.facts(), "normalization": {"mean": [0.5], "std": [0.1]}}
    monkeypatch.setattr(data, "facts", lambda: facts)
    data.transform = lambda inputs: (inputs.float() / 10 - 0.5) / 0.1
    data.augment = lambda inputs, targets, samples, epoch: (data.transform(inputs) + 1, targets)
    (form,) = picture_data.augmented(data, torch.tensor([4]), epochs=1)
    assert form[:, 0, 0, 0].tolist() == [102, 128]


def test_without_augmentation_or_with_one_that_does_nothing_there_is_nothing_to_show(data):
    data.augment = lambda inputs, targets, samples, epoch: (data.transform(inputs), targets)
    assert picture_data.augmented(data, torch.tensor([0]), 2) is None
    data.augment, data.augments = None, False
    assert picture_data.augmented(data, torch.tensor([0]), 2) is None


def test_data_that_are_no_pictures_have_no_shape(tiny_data):
    assert picture_data.image_shape(tiny_data()) is None
