"""Metrics of tasks: equal to torchmetrics' functions, whatever the sizes of batches and the number of processes."""

from itertools import chain

import pytest
import torch
from torch import Tensor
from torchmetrics import MetricCollection
from torchmetrics.functional import mean_absolute_error, mean_squared_error, r2_score
from torchmetrics.functional.classification import (
    binary_accuracy,
    binary_confusion_matrix,
    multiclass_accuracy,
    multiclass_confusion_matrix,
    multiclass_f1_score,
)

from dlcore.nn import Binary, Multiclass, Regression, Task

RAGGED = [1, 50, 3, 128, 18]  # sizes of batches
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


def _add(metrics: MetricCollection, task: Task, outputs: Tensor, targets: Tensor, sizes: list[int]) -> MetricCollection:
    for some, wanted in zip(outputs.split(sizes), targets.split(sizes), strict=True):
        metrics.update(**task.metric_inputs(task.loss(some, wanted), some, wanted))
    return metrics


def _all_of(task: Task) -> MetricCollection:
    return task.metrics("", evaluation=True, thorough=True)


def _added(task: Task, outputs: Tensor, targets: Tensor, sizes: list[int] | None = None) -> MetricCollection:
    return _add(_all_of(task), task, outputs, targets, RAGGED if sizes is None else sizes)


def _values(metrics: MetricCollection) -> dict[str, float]:
    """All numbers by name; those of the confusion matrix as well."""
    return {
        f"{name} {place}": number
        for name, value in metrics.compute().items()
        for place, number in enumerate(value.flatten().tolist())
    }


def _joined(task: Task, parts: list[MetricCollection]) -> MetricCollection:
    """The metrics of all parts, put together as torchmetrics does it with those of processes."""
    whole = _all_of(task)
    for name, metric in whole.items():
        for state, reduce_fx in metric._reductions.items():
            values = [getattr(part[name], state) for part in parts]
            together = list(chain(*values)) if isinstance(values[0], list) else reduce_fx(torch.stack(values))
            setattr(metric, state, together)
        metric._update_count = 1
    return whole


@pytest.mark.parametrize("num_classes", [2, 3, 10])
def test_metrics_of_classes_equal_torchmetrics(num_classes):
    task, outputs, targets = _classes(num_classes)
    metrics = _added(task, outputs, targets).compute()
    assert metrics["loss"].item() == pytest.approx(task.loss(outputs.double(), targets).item(), abs=1e-6)
    micro = multiclass_accuracy(outputs, targets, num_classes, average="micro")
    assert metrics["accuracy"].item() == pytest.approx(micro.item(), abs=1e-6)
    macro = multiclass_f1_score(outputs, targets, num_classes, average="macro")
    assert metrics["f1"].item() == pytest.approx(macro.item())
    assert torch.equal(metrics["confusion_matrix"], multiclass_confusion_matrix(outputs, targets, num_classes))


def test_metrics_of_yes_or_no_equal_torchmetrics():
    task, outputs, targets = _yes_or_no()
    metrics = _added(task, outputs, targets).compute()
    probabilities, preds = outputs.sigmoid().flatten(), (outputs > 0).long().flatten()
    assert metrics["accuracy"].item() == pytest.approx(binary_accuracy(probabilities, targets).item(), abs=1e-6)
    assert metrics["f1"].item() == pytest.approx(multiclass_f1_score(preds, targets, 2, average="macro").item())
    assert torch.equal(metrics["confusion_matrix"], binary_confusion_matrix(probabilities, targets))


@pytest.mark.parametrize("num_outputs", [1, 3])
def test_metrics_of_numbers_equal_torchmetrics(num_outputs):
    task, outputs, targets = _numbers(num_outputs)
    metrics = _added(task, outputs, targets).compute()
    outputs, targets = outputs.double(), targets.double()
    assert metrics["loss"].item() == pytest.approx(mean_squared_error(outputs, targets).item(), rel=1e-6)
    assert metrics["mae"].item() == pytest.approx(mean_absolute_error(outputs, targets).item(), rel=1e-6)
    assert metrics["rmse"].item() == pytest.approx(mean_squared_error(outputs, targets, squared=False).item(), rel=1e-6)
    assert metrics["r2"].item() == pytest.approx(r2_score(outputs, targets).item(), rel=1e-6)
    assert metrics["count"] == N


@pytest.mark.parametrize(
    ("task", "training", "evaluation", "thorough"),
    [
        (Multiclass(3), {"loss", "accuracy"}, {"confusion_matrix"}, {"f1"}),
        (Binary(), {"loss", "accuracy"}, {"confusion_matrix", "auroc"}, {"f1"}),
        (Regression(2), {"loss", "mae", "rmse", "r2", "count"}, set(), set()),
    ],
    ids=["multiclass", "binary", "regression"],
)
def test_what_costs_more_is_there_only_when_asked(task, training, evaluation, thorough):
    outputs = torch.randn(4, task.out_features)
    targets = outputs if isinstance(task, Regression) else torch.tensor([0, 1, 1, 0])
    wanted = training
    for part, settings, more in (
        ("train/", {}, set()),
        ("val/", {"evaluation": True}, evaluation),
        ("test/", {"evaluation": True, "thorough": True}, thorough),
    ):
        wanted = wanted | more
        metrics = _add(task.metrics(part, **settings), task, outputs, targets, [4])
        assert set(metrics.compute()) == {part + name for name in wanted}


def test_rows_of_the_confusion_matrix_are_targets_and_columns_predictions():
    scores = torch.tensor([[0.0, 9.0, 0.0], [0.0, 0.0, 9.0]])
    metrics = _added(Multiclass(3), scores, torch.tensor([0, 2]), [2])
    assert metrics["confusion_matrix"].compute().tolist() == [[0, 1, 0], [0, 0, 0], [0, 0, 1]]


EVERY = [_classes(5), _yes_or_no(), _numbers(1), _numbers(3)]
every = pytest.mark.parametrize("case", EVERY, ids=["multiclass", "binary", "regression", "regression_of_3"])


@every
def test_sizes_of_batches_do_not_matter(case):
    values = _values(_added(*case, sizes=[N]))
    for sizes in (RAGGED, [1] * N, [N - 1, 1]):
        assert _values(_added(*case, sizes=sizes)) == pytest.approx(values, rel=1e-6)


@every
@pytest.mark.parametrize("parts", [[120, 80], [0, 200], [1, 99, 100]])
def test_sums_of_processes_make_the_metrics_of_all(case, parts):
    task, outputs, targets = case
    metrics = [
        _added(task, some, wanted, [len(wanted)]) if len(wanted) else _all_of(task)
        for some, wanted in zip(outputs.split(parts), targets.split(parts), strict=True)
    ]
    assert _values(_joined(task, metrics)) == pytest.approx(_values(_added(*case)), rel=1e-6)


@every
def test_goes_on_from_sums_that_were_kept(case):
    task, outputs, targets = case
    first = _added(task, outputs[:70], targets[:70], [70])
    resumed = _add(_joined(task, [first]), task, outputs[70:], targets[70:], [130])
    assert _values(resumed) == pytest.approx(_values(_added(*case)), rel=1e-6)


@every
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_outputs_are_added_in_full(case, dtype):
    task, outputs, targets = case
    halves = outputs.to(dtype)
    # Twenty times over: in half precision, a count would stop at 2,048.
    repeated = targets.repeat(20, *[1] * (targets.dim() - 1))
    metrics = _values(_added(task, halves.repeat(20, 1), repeated, [N] * 20))
    for name, once in _values(_added(task, halves.float(), targets)).items():
        times = 20 if name.startswith(("count", "confusion_matrix")) else 1
        rel = 0.02 if name.startswith("loss") else 1e-5  # each batch's loss is in half precision
        assert metrics[name] == pytest.approx(once * times, rel=rel), name


def test_an_empty_batch_of_numbers_is_nothing():
    task, outputs, targets = _numbers(3)
    assert _values(_added(task, outputs, targets, [N, 0])) == _values(_added(task, outputs, targets, [N]))


def test_nan_outputs_show_in_the_loss_and_leave_the_rest_to_be_read():
    task, outputs, targets = _classes(3)
    outputs[0] = float("nan")
    metrics = _added(task, outputs, targets).compute()
    assert metrics["loss"].isnan()
    assert 0 <= metrics["accuracy"] <= 1
    assert 0 <= metrics["f1"] <= 1
    task, outputs, targets = _numbers(1)
    outputs[0] = float("nan")
    metrics = _added(task, outputs, targets).compute()
    assert {name for name, value in metrics.items() if not value.isnan()} == {"count"}


@every
def test_adding_keeps_no_graph_and_changes_no_input(case):
    task, outputs, targets = case
    outputs = outputs.clone().requires_grad_()
    before, wanted = outputs.detach().clone(), targets.clone()
    loss = task.loss(outputs, targets)
    metrics = _all_of(task)
    metrics.update(**task.metric_inputs(loss, outputs, targets))
    for metric in metrics.values():
        for state in metric.metric_state.values():
            assert not any(part.requires_grad for part in (state if isinstance(state, list) else [state]))
    assert torch.equal(outputs, before)
    assert torch.equal(targets, wanted)
    loss.backward()


def test_counts_stay_exact_beyond_what_float32_holds():
    sample = Multiclass(2), torch.tensor([[1.0, 0.0]]), torch.tensor([0]), [1]
    metrics = _added(*sample)
    metrics["confusion_matrix"].confmat[0, 0] += 2**24
    metrics["accuracy"].tp += 2**24
    _add(metrics, *sample)
    found = metrics.compute()
    assert found["confusion_matrix"].tolist() == [[2**24 + 2, 0], [0, 0]]
    assert metrics["accuracy"].tp.sum() == 2**24 + 2
    assert found["accuracy"] == 1


def test_soft_targets_are_counted_as_the_likeliest_class():
    task, outputs, targets = _classes(4)
    one_hot = torch.nn.functional.one_hot(targets, 4)
    wanted = _added(task, outputs, targets)["confusion_matrix"].compute()
    for given in (one_hot, 0.6 * one_hot + 0.1):
        assert torch.equal(_added(task, outputs, given)["confusion_matrix"].compute(), wanted)
    task, outputs, targets = _yes_or_no()
    wanted = _added(task, outputs, targets)["confusion_matrix"].compute()
    assert torch.equal(_added(task, outputs, 0.2 + 0.6 * targets)["confusion_matrix"].compute(), wanted)


def test_batches_are_counted_whatever_kind_their_targets_are():
    task, metrics = Multiclass(2), _all_of(Multiclass(2))
    scores = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    likely = torch.tensor([[0.9, 0.1], [0.8, 0.2]])  # of class 0, both
    for targets in (torch.tensor([1, 1]), likely, torch.tensor([0, 0])):
        _add(metrics, task, scores, targets, [2])
    assert metrics["confusion_matrix"].compute().tolist() == [[2, 2], [1, 1]]
