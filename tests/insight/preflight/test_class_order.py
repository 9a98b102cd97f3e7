"""Batches of few classes are told from batches that are drawn at random, whoever made the loader."""

from functools import partial

import pytest
import torch
from torch.utils.data import BatchSampler, DataLoader, IterableDataset, WeightedRandomSampler

from dlcore.data.batches import BatchLoader
from dlcore.insight import check_training
from dlcore.insight.preflight import Verdict, cost

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers", "ignore:.*has `shuffle=True`")
TEN = torch.arange(640) // 64  # sorted: 64 of each


def mixed(classes, seed=1):
    return classes[torch.randperm(len(classes), generator=torch.Generator().manual_seed(seed))]


def blocks(size):
    """Pieces of one class each, in random order."""
    return mixed(torch.arange(640 // size) % 10).repeat_interleave(size)


@pytest.mark.parametrize(("classes", "of_batch"), [(TEN, 1), (blocks(16), 2), (blocks(8), 4)])
def test_sorted_classes_and_blocks_are_found(classes, of_batch, look, plain_net, plain_data):
    result = look("order", plain_net(), plain_data(classes))
    assert result.verdict is (Verdict.FAILED if of_batch == 1 else Verdict.WARNING)
    # 10·(1 - 0.9³²) = 9.66
    assert result.numbers["by_chance"] == pytest.approx(9.66, abs=0.01)
    assert of_batch * 0.8 <= result.numbers["classes"] <= of_batch
    assert result.findings[0].remedies == ("shuffle the training samples: DataLoader(..., shuffle=True)",)


@pytest.mark.parametrize(
    ("classes", "settings"),
    [
        (TEN, {"shuffle": True}),
        (mixed(TEN), {}),
        (blocks(2), {}),
        (mixed((torch.arange(640) >= 620).long()), {}),  # 3% of one class
        (torch.zeros(640).long(), {}),
        (TEN, {"batch_size": 1}),
        (TEN[:40], {"batch_size": 40}),
        (TEN, {"sampler": WeightedRandomSampler(torch.ones(640), 640)}),
    ],
)
def test_no_other_order_is(classes, settings, look, plain_net, plain_data):
    torch.manual_seed(0)
    result = look("order", plain_net(), plain_data(classes, **settings))
    assert result.verdict in (Verdict.OK, Verdict.NOT_APPLICABLE)


def test_two_sorted_classes_are_found_though_the_first_batches_have_one_only(look, plain_net, plain_data):
    classes = (torch.arange(20_000) >= 10_000).float()[:, None]  # as BCEWithLogitsLoss takes them
    result = look("order", plain_net(), plain_data((torch.zeros(20_000, 4), classes), shuffle=False))
    assert result.verdict is Verdict.FAILED
    assert result.numbers["classes"] == 1


def test_a_flag_is_the_remedy_where_there_is_one(look, make_model, plain_data):
    class Shuffling(type(plain_data(TEN))):
        def __init__(self, shuffle: bool = False):
            super().__init__(
                (torch.zeros(640, 4), torch.arange(640) % 3), (torch.zeros(9, 4), TEN[:9]), shuffle=shuffle
            )

    data = Shuffling()
    assert look("order", make_model(), data).verdict is Verdict.OK
    data.train.tensors = (torch.zeros(640, 4), TEN // 4)  # 0 0 0 ... 1 1 1 ... 2 2 2 ...
    finding = look("order", make_model(), data).findings[0]
    assert finding.remedies == ("--data.shuffle true",)


def test_data_in_memory_that_are_not_shuffled_are_found(look, make_model, tiny_data):
    data = tiny_data()
    assert look("order", make_model(), data).verdict is Verdict.OK
    train = data.parts["train"]
    by_class = train.indices[train.targets[train.indices].argsort()]
    data.train_dataloader = lambda: BatchLoader(train.fetch, by_class, 16)
    result = look("order", make_model(), data)
    assert result.verdict >= Verdict.WARNING
    assert result.numbers["classes"] < 1.5


class Stream(IterableDataset):
    """Samples that come one after another, of an unknown number."""

    def __init__(self, classes):
        self.classes = classes

    def __iter__(self):
        return iter([(torch.zeros(4), label) for label in self.classes])


@pytest.mark.parametrize(("classes", "verdict"), [(TEN, Verdict.FAILED), (mixed(TEN), Verdict.OK)])
def test_a_stream_is_judged_by_what_comes_first(classes, verdict, look, plain_net, plain_data):
    data = plain_data(TEN)
    data.train_dataloader = partial(DataLoader, Stream(classes), batch_size=32)
    assert look("order", plain_net(), data, max_steps=20).verdict is verdict


def test_batches_that_are_composed_on_purpose_are_not_warned_of(look, plain_net, plain_data):
    class OfOneClass(BatchSampler):
        """For a loss that compares samples of a class."""

    sampler = OfOneClass(range(640), 32, False)
    result = look("order", plain_net(), plain_data(TEN, batch_sampler=sampler))
    assert result.verdict is Verdict.OK
    assert "OfOneClass" in result.findings[0].seen


def test_what_has_no_classes_is_skipped(look, make_model, tiny_data, plain_net, plain_data):
    regression = make_model(task="regression", num_classes=1)
    assert look("order", regression, tiny_data(task="regression")).verdict is Verdict.NOT_APPLICABLE
    numbers = (torch.zeros(640, 4), torch.linspace(0, 1, 640))
    assert look("order", plain_net(), plain_data(numbers)).verdict is Verdict.NOT_APPLICABLE


def test_all_checks_of_somebody_elses_module_tell_of_sorted_classes(plain_net, plain_data, make_trainer, monkeypatch):
    monkeypatch.setattr(cost, "_SECONDS", 0.1)
    torch.manual_seed(0)
    report = check_training(plain_net(), plain_data(TEN), make_trainer(max_epochs=20))
    assert report.failed == ["order"]
    report = check_training(plain_net(), plain_data(TEN, shuffle=True), make_trainer(max_epochs=20))
    assert (report.failed, report.warnings) == ([], [])
