import math

import pytest
import torch
from torch import Tensor
from torchmetrics.functional import mean_absolute_error, mean_squared_error, r2_score
from torchmetrics.functional.classification import (
    binary_accuracy,
    binary_auroc,
    binary_confusion_matrix,
    multiclass_accuracy,
    multiclass_confusion_matrix,
    multiclass_f1_score,
)

from dlcore.nn import Binary, ClassTally, Multiclass, Regression, RegressionTally, Tally, Task

RAGGED = [1, 50, 3, 0, 128, 18]  # sizes of batches
N = sum(RAGGED)


def _classes(num_classes: int, seed: int = 0) -> tuple[Task, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    targets = torch.randint(num_classes, (N,), generator=generator)
    outputs = torch.randn(N, num_classes, generator=generator) + torch.nn.functional.one_hot(targets, num_classes)
    return Multiclass(num_classes), outputs, targets


def _yes_or_no() -> tuple[Task, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    targets = torch.randint(2, (N,), generator=generator)
    return Binary(), torch.randn(N, 1, generator=generator) + targets[:, None] - 0.5, targets


def _numbers(num_outputs: int) -> tuple[Task, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    scales = torch.arange(1, num_outputs + 1) * 10.0
    targets = torch.randn(N, num_outputs, generator=generator) * scales + 3 * scales
    return Regression(num_outputs), targets + torch.randn(N, num_outputs, generator=generator) * 7, targets


def _add(tally: Tally, task: Task, outputs: Tensor, targets: Tensor, sizes: list[int]) -> Tally:
    for some, wanted in zip(outputs.split(sizes), targets.split(sizes), strict=True):
        tally.add(task.loss(some, wanted), some, wanted)
    return tally


def _tally(task: Task, outputs: Tensor, targets: Tensor, sizes: list[int] | None = None) -> Tally:
    return _add(task.tally("cpu"), task, outputs, targets, RAGGED if sizes is None else sizes)


@pytest.mark.parametrize("num_classes", [2, 3, 10])
def test_metrics_of_classes_equal_torchmetrics(num_classes):
    task, outputs, targets = _classes(num_classes)
    tally = _tally(task, outputs, targets)
    metrics = tally.metrics(thorough=True)
    assert metrics["loss"] == pytest.approx(task.loss(outputs.double(), targets).item(), abs=1e-6)
    micro = multiclass_accuracy(outputs, targets, num_classes, average="micro")
    assert metrics["accuracy"] == pytest.approx(micro.item(), abs=1e-6)
    assert metrics["f1"] == pytest.approx(multiclass_f1_score(outputs, targets, num_classes, average="macro").item())
    assert torch.equal(tally.confusion, multiclass_confusion_matrix(outputs, targets, num_classes))


def test_metrics_of_yes_or_no_equal_torchmetrics():
    task, outputs, targets = _yes_or_no()
    tally = _tally(task, outputs, targets)
    probabilities, preds = outputs.sigmoid().flatten(), (outputs > 0).long().flatten()
    metrics = tally.metrics(thorough=True)
    assert metrics["accuracy"] == pytest.approx(binary_accuracy(probabilities, targets).item(), abs=1e-6)
    assert metrics["f1"] == pytest.approx(multiclass_f1_score(preds, targets, 2, average="macro").item())
    assert torch.equal(tally.confusion, binary_confusion_matrix(probabilities, targets))


@pytest.mark.parametrize("num_outputs", [1, 3])
def test_metrics_of_numbers_equal_torchmetrics(num_outputs):
    task, outputs, targets = _numbers(num_outputs)
    metrics = _tally(task, outputs, targets).metrics()
    outputs, targets = outputs.double(), targets.double()
    assert metrics["loss"] == pytest.approx(mean_squared_error(outputs, targets).item(), rel=1e-6)
    assert metrics["mae"] == pytest.approx(mean_absolute_error(outputs, targets).item(), rel=1e-6)
    assert metrics["rmse"] == pytest.approx(mean_squared_error(outputs, targets, squared=False).item(), rel=1e-6)
    assert metrics["r2"] == pytest.approx(r2_score(outputs, targets).item(), rel=1e-6)


def test_accuracy_and_f1_only_when_asked():
    task, outputs, targets = _classes(3)
    assert list(_tally(task, outputs, targets).metrics()) == ["loss", "accuracy"]
    assert list(_tally(task, outputs, targets).metrics(thorough=True)) == ["loss", "accuracy", "f1"]


def test_rows_of_the_confusion_matrix_are_targets_and_columns_predictions():
    tally = ClassTally(3)
    tally.add(torch.tensor(0.0), torch.tensor([[0.0, 9.0, 0.0], [0.0, 0.0, 9.0]]), torch.tensor([0, 2]))
    assert tally.confusion.tolist() == [[0, 1, 0], [0, 0, 0], [0, 0, 1]]


def test_labels_have_the_confusion_matrix_they_come_from():
    task, outputs, targets = _classes(4)
    tally = _tally(task, outputs, targets)
    assert torch.equal(multiclass_confusion_matrix(*tally.labels(), 4), tally.confusion)


EVERY = [_classes(5), _yes_or_no(), _numbers(1), _numbers(3)]
every = pytest.mark.parametrize("case", EVERY, ids=["multiclass", "binary", "regression", "regression_of_3"])


@every
def test_sizes_of_batches_do_not_matter(case):
    metrics = _tally(*case, sizes=[N]).metrics(thorough=True)
    for sizes in (RAGGED, [1] * N, [N - 1, 1]):
        assert _tally(*case, sizes=sizes).metrics(thorough=True) == pytest.approx(metrics, rel=1e-6)


@every
@pytest.mark.parametrize("parts", [[120, 80], [0, 200], [1, 99, 100]])
def test_sums_of_processes_make_the_tally_of_all(case, parts):
    task, outputs, targets = case
    tallies = [
        _tally(task, some, wanted, [len(wanted)])
        for some, wanted in zip(outputs.split(parts), targets.split(parts), strict=True)
    ]
    added = [torch.stack(same).sum(dim=0) for same in zip(*(tally.sums() for tally in tallies), strict=True)]
    joined = task.tally("cpu")
    joined.load_sums(added)
    assert joined.count == N
    assert joined.metrics(thorough=True) == pytest.approx(_tally(*case).metrics(thorough=True), rel=1e-6)


@every
def test_goes_on_from_sums_that_were_kept(case):
    task, outputs, targets = case
    first = _tally(task, outputs[:70], targets[:70], [70])
    resumed = task.tally("cpu")
    resumed.load_sums([total.clone() for total in first.sums()])
    _add(resumed, task, outputs[70:], targets[70:], [130])
    assert resumed.metrics(thorough=True) == pytest.approx(_tally(*case).metrics(thorough=True), rel=1e-6)


@every
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_outputs_are_added_in_full(case, dtype):
    task, outputs, targets = case
    halves = outputs.to(dtype)
    # Twenty times over: in half precision, a count would stop at 2,048.
    metrics = _tally(task, halves.repeat(20, 1), targets.repeat(20, *[1] * (targets.dim() - 1)), [N] * 20).metrics()
    expected = _tally(task, halves.float(), targets).metrics()
    assert metrics.pop("loss") == pytest.approx(
        expected.pop("loss"), rel=0.02
    )  # each batch's loss is in half precision
    assert metrics == pytest.approx(expected, rel=1e-5)


@every
def test_nothing_added_gives_nan_and_no_error(case):
    task, outputs, targets = case
    empty = _tally(task, outputs[:0], targets[:0], [0])
    metrics = empty.metrics(thorough=True)
    assert list(metrics) == list(_tally(*case).metrics(thorough=True))
    assert all(math.isnan(value) for value in metrics.values())
    assert empty.count == 0


def test_an_empty_batchs_loss_of_nan_is_not_added():
    task, outputs, targets = _classes(3)
    assert task.loss(outputs[:0], targets[:0]).isnan()
    assert not math.isnan(_tally(task, outputs, targets, [N, 0]).loss())


def test_nan_outputs_show_in_the_loss_and_leave_the_rest_to_be_read():
    task, outputs, targets = _classes(3)
    outputs[0] = float("nan")
    metrics = _tally(task, outputs, targets).metrics(thorough=True)
    assert math.isnan(metrics["loss"])
    assert 0 <= metrics["accuracy"] <= 1
    assert 0 <= metrics["f1"] <= 1
    task, outputs, targets = _numbers(1)
    outputs[0] = float("nan")
    assert all(math.isnan(value) for value in _tally(task, outputs, targets).metrics().values())


@pytest.mark.parametrize("value", [0.0, 0.1, -3.3, 1e6])
def test_r2_of_equal_targets_is_nan_and_not_made_of_rounding(value):
    tally = RegressionTally()
    for size in (7, 100, 13):
        targets = torch.full((size, 1), value)
        tally.add(torch.tensor(1.0), targets + 1, targets)
    assert math.isnan(tally.metrics()["r2"])
    assert tally.metrics()["mae"] == pytest.approx(1.0, rel=1e-6)


def test_r2_survives_targets_far_from_zero():
    targets = 1e4 + torch.linspace(-1, 1, 101, dtype=torch.float64)[:, None]
    tally = RegressionTally()
    tally.add(torch.tensor(0.25), targets + 0.5, targets)
    assert tally.metrics()["r2"] == pytest.approx(1 - 0.25 / targets.var(unbiased=False).item(), rel=1e-6)


@every
def test_adding_keeps_no_graph_and_changes_no_input(case):
    task, outputs, targets = case
    outputs = outputs.clone().requires_grad_()
    before, wanted = outputs.detach().clone(), targets.clone()
    loss = task.loss(outputs, targets)
    tally = task.tally("cpu")
    tally.add(loss, outputs, targets)
    assert not any(total.requires_grad for total in tally.sums())
    assert torch.equal(outputs, before)
    assert torch.equal(targets, wanted)
    loss.backward()


def test_counts_stay_exact_beyond_what_float32_holds():
    tally = ClassTally(2)
    count = 2**24 + 1
    tally.load_sums([torch.tensor(count), torch.tensor(0.0, dtype=torch.float64), torch.tensor([[count, 0], [0, 0]])])
    assert [int(tally.sums()[0]), tally.count] == [count, count]
    assert tally.metrics()["accuracy"] == 1.0


# Scores of yes or no, and soft targets


def _evaluated(outputs: Tensor, targets: Tensor, sizes: list[int]) -> Tally:
    return _add(Binary().tally("cpu", evaluation=True), Binary(), outputs, targets, sizes)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 50.0], ids=["timid", "usual", "sure"])
def test_auroc_equals_torchmetrics(scale):
    _, outputs, targets = _yes_or_no()
    # Scores that float16 can hold are told apart exactly, and equal ones count half: some are made equal.
    outputs = ((outputs * 8).round() / 8 * scale).half().float()
    tally = _evaluated(outputs, targets, RAGGED)
    ranks = outputs.flatten().unique(return_inverse=True)[1]  # torchmetrics' sigmoid would make sure scores equal
    expected = binary_auroc(ranks / len(ranks), targets)
    assert tally.metrics()["auroc"] == pytest.approx(expected.item(), abs=1e-6)


def test_auroc_of_any_scores_is_near():
    generator = torch.Generator().manual_seed(0)
    targets = torch.randint(2, (5000,), generator=generator)
    outputs = torch.randn(5000, 1, generator=generator) * 3 + targets[:, None]
    expected = binary_auroc(outputs.flatten().sigmoid().double(), targets).item()
    assert _evaluated(outputs, targets, [5000]).metrics()["auroc"] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("scores", "targets", "auroc"),
    [
        ([-2.0, -1.0, 1.0, 2.0], [0, 0, 1, 1], 1.0),
        ([-2.0, -1.0, 1.0, 2.0], [1, 1, 0, 0], 0.0),
        ([0.0, -0.0, 0.0, -0.0], [0, 0, 1, 1], 0.5),
        ([-1e30, 1e-30, 1e30, 1e4], [0, 0, 1, 1], 1.0),
        ([1.0, 2.0], [1, 1], math.nan),
    ],
)
def test_auroc_is_the_share_of_pairs_in_order(scores, targets, auroc):
    tally = _evaluated(torch.tensor(scores)[:, None], torch.tensor(targets), [len(targets)])
    assert tally.metrics()["auroc"] == pytest.approx(auroc, nan_ok=True)


def test_sums_of_processes_make_auroc_of_all():
    _, outputs, targets = _yes_or_no()
    first, second = _evaluated(outputs[:50], targets[:50], [50]), _evaluated(outputs[50:], targets[50:], [150])
    joined = Binary().tally("cpu", evaluation=True)
    joined.load_sums([one + other for one, other in zip(first.sums(), second.sums(), strict=True)])
    assert joined.metrics(thorough=True) == pytest.approx(_evaluated(outputs, targets, RAGGED).metrics(thorough=True))


def test_training_counts_no_scores():
    assert "auroc" not in _tally(*_yes_or_no()).metrics(thorough=True)


def test_soft_targets_are_counted_as_the_likeliest_class():
    task, outputs, targets = _classes(4)
    one_hot = torch.nn.functional.one_hot(targets, 4)
    soft = 0.6 * one_hot + 0.1
    for given in (one_hot, soft):
        tally = _add(task.tally("cpu"), task, outputs, given, RAGGED)
        assert torch.equal(tally.confusion, _tally(task, outputs, targets).confusion)
    _, outputs, targets = _yes_or_no()
    soft = 0.2 + 0.6 * targets
    tally = _add(Binary().tally("cpu"), Binary(), outputs, soft, RAGGED)
    assert torch.equal(tally.confusion, _tally(Binary(), outputs, targets).confusion)


def test_batches_that_wait_are_counted_once_whatever_kind_their_targets_are():
    tally = ClassTally(2)
    scores = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    likely = torch.tensor([[0.9, 0.1], [0.8, 0.2]])  # of class 0, both
    for targets in (torch.tensor([1, 1]), likely, torch.tensor([0, 0])):
        tally.add(torch.tensor(1.0), scores, targets)
    wanted = [[2, 2], [1, 1]]
    assert tally.confusion.tolist() == wanted
    assert tally.confusion.tolist() == wanted
    count, _, matrix = tally.sums()
    assert (count, matrix.tolist()) == (6, wanted)
    tally.load_sums([count * 2, torch.tensor(12.0), matrix * 2])
    assert tally.confusion.tolist() == [[4, 4], [2, 2]]
    tally.add(torch.tensor(1.0), scores, torch.tensor([1, 1]))
    assert tally.confusion.tolist() == [[4, 4], [3, 3]]
