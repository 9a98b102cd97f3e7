"""A validation set that was prepared otherwise than the training set, or that has other classes, is found."""

import pytest
import torch
from test_data_checks import changed

from dlcore.insight import check_training
from dlcore.insight.preflight import Verdict, cost

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers")
EVEN = torch.arange(640) % 10


def worst(result):
    """What is said of the worst finding."""
    return max(result.findings, key=lambda finding: finding.verdict).seen


def pictures(count, seed):
    """Dark pictures with some bright points, from 0 to 1."""
    return torch.rand(count, 4, generator=torch.Generator().manual_seed(seed)) ** 4


@pytest.mark.parametrize(
    ("prepare", "verdict"),
    [
        (lambda x: 1 - x, Verdict.WARNING),
        (lambda x: 255 * x, Verdict.FAILED),
        (lambda x: (255 * x).to(torch.uint8), Verdict.FAILED),
        (lambda x: (x - 0.2) / 0.25, Verdict.WARNING),
        (lambda x: x.flip(1), Verdict.OK),
        (lambda x: x + 0.02, Verdict.OK),
    ],
)
def test_inputs_that_were_prepared_otherwise_are_found(prepare, verdict, look, plain_net, plain_data):
    labels = EVEN[:200]
    data = plain_data((pictures(640, 0), EVEN), (prepare(pictures(200, 1)), labels), shuffle=True)
    result = look("validation", plain_net(), data)
    assert result.verdict is verdict
    assert result.numbers["train_mean"] == pytest.approx(0.2, abs=0.03)
    if verdict is not Verdict.OK:
        assert worst(result).startswith("inputs unlike those of training: mean ")
        assert "; in training: mean " in worst(result)


def test_validation_inputs_that_are_no_numbers_fail(look, plain_net, plain_data):
    broken = pictures(200, 1)
    broken[7, 2] = torch.nan
    result = look("validation", plain_net(), plain_data((pictures(640, 0), EVEN), (broken, EVEN[:200])))
    assert result.verdict is Verdict.FAILED
    assert worst(result) == "some inputs are NaN or infinite, in training none"


def test_one_sample_proves_nothing(look, plain_net, plain_data):
    data = plain_data((pictures(640, 0), EVEN), (255 * torch.ones(1, 4), EVEN[:1]), shuffle=True)
    assert look("validation", plain_net(), data).verdict is Verdict.OK


def test_classes_that_come_one_after_the_other_are_no_difference(look, plain_net, plain_data):
    """Validation sets are often sorted: their first batch is not like the training."""
    classes = EVEN.sort().values
    inputs = classes[:, None] + torch.zeros(640, 4)
    data = plain_data((inputs[EVEN.argsort().argsort()], EVEN), (inputs, classes), shuffle=True)
    assert look("validation", plain_net(), data).verdict is Verdict.OK


@pytest.mark.parametrize(
    ("train", "found"),
    [
        ((torch.arange(640) % 32 == 0).long(), True),  # 97% of class 0
        (torch.arange(640) % 2, False),
        ((torch.arange(640) % 5 < 2).long(), False),  # 60%
    ],
)
def test_other_shares_of_the_classes_are_found(train, found, look, plain_net, plain_data):
    inputs = torch.randn(640, 4, generator=torch.Generator().manual_seed(0))
    result = look("validation", plain_net(), plain_data((inputs, train), (inputs[:200], torch.arange(200) % 2)))
    assert result.verdict is (Verdict.WARNING if found else Verdict.OK)
    if found:
        assert result.numbers["distance"] == pytest.approx(0.47, abs=0.01)
        assert "class 0 is 97% of the training and 50% of the validation" in worst(result)


def test_a_sampler_that_evens_the_classes_makes_up_for_it(look, plain_net, plain_data):
    train = (torch.arange(640) % 32 == 0).long()
    weights = torch.where(train == 1, 31.0, 1.0)
    torch.manual_seed(0)
    inputs = torch.randn(640, 4)
    sampler = torch.utils.data.WeightedRandomSampler(weights, 640)
    data = plain_data((inputs, train), (inputs[:200], torch.arange(200) % 2), sampler=sampler)
    assert look("validation", plain_net(), data).verdict is Verdict.OK


def test_few_samples_prove_nothing(look, plain_net, plain_data):
    few = plain_data(torch.tensor([0, 0, 0, 1]), torch.tensor([1, 1, 0]))
    assert look("validation", plain_net(), few).verdict is Verdict.OK


def test_data_in_memory_are_compared_too(look, tiny_data, make_model):
    def darker(old):
        return torch.cat([old[:103], 5 + old[103:]])

    def other(old):
        return torch.cat([(torch.arange(103) % 34 == 0).long(), torch.arange(100) % 2])

    assert look("validation").verdict is Verdict.OK
    result = look("validation", data=changed(tiny_data(), darker))
    assert worst(result).startswith("inputs unlike those of training: mean ")
    binary = make_model(task="binary", num_classes=2)
    result = look("validation", binary, changed(tiny_data(task="binary"), targets=other))
    assert "class 0 is 96% of the training and 5" in worst(result)


def test_without_validation_there_is_nothing_to_compare(look):
    assert look("validation", limit_val_batches=0).verdict is Verdict.NOT_APPLICABLE


def test_all_checks_of_somebody_elses_module_tell_of_it(plain_net, plain_data, make_trainer, monkeypatch):
    monkeypatch.setattr(cost, "_SECONDS", 0.1)
    torch.manual_seed(0)
    data = plain_data((pictures(640, 0), EVEN), (255 * pictures(200, 1), EVEN[:200]), shuffle=True)
    assert check_training(plain_net(), data, make_trainer(max_epochs=20)).failed == ["validation"]
