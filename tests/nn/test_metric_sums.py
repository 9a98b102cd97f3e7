"""The sums that dlcore's own metrics are made of: exact, and NaN of nothing."""

import copy
import math
import warnings

import pytest
import torch

from dlcore.nn.metrics import LanguageModelMetrics, MeanLoss, RegressionErrors, sum_dtype

METRICS = [MeanLoss(), RegressionErrors(2), LanguageModelMetrics()]
of_any_kind = pytest.mark.parametrize("metric", METRICS, ids=lambda metric: type(metric).__name__)


@of_any_kind
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_sums_of_a_network_in_half_precision_stay_exact(metric, dtype):
    # As precisions bf16-true and 16-true do.
    network = torch.nn.ModuleList([torch.nn.Linear(1, 1), copy.deepcopy(metric)]).to(dtype)
    assert network[0].weight.dtype == dtype
    for _ in range(2):
        kinds = {state.dtype for state in network[1].metric_state.values()}
        assert kinds <= {sum_dtype(), torch.int64}
        network[1].reset()


@of_any_kind
def test_nothing_added_gives_nan(metric):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The ``compute`` method of metric")
        found = metric.compute()
    values = found if isinstance(found, dict) else {"loss": found}
    assert {name for name, value in values.items() if not value.isnan()} <= {"count"}
    assert values.get("count", 0) == 0


@pytest.mark.parametrize("weight", [0, torch.tensor(0.0)], ids=["number", "tensor"])
def test_an_empty_batchs_loss_of_nan_is_not_added(weight):
    metric = MeanLoss()
    metric.update(torch.tensor(math.nan), weight)
    assert metric.compute().isnan()
    metric.update(torch.tensor(3.0), weight + 2)
    assert metric.compute() == 3


@pytest.mark.parametrize("value", [0.0, 0.1, -3.3, 1e6])
def test_r2_of_equal_targets_is_nan_and_not_made_of_rounding(value):
    metric = RegressionErrors()
    for size in (7, 100, 13):
        targets = torch.full((size, 1), value)
        metric.update(targets + 1, targets)
    assert metric.compute()["r2"].isnan()
    assert metric.compute()["mae"].item() == pytest.approx(1.0, rel=1e-6)


def test_r2_survives_targets_far_from_zero():
    targets = 1e4 + torch.linspace(-1, 1, 101, dtype=torch.float64)[:, None]
    metric = RegressionErrors()
    metric.update(targets + 0.5, targets)
    assert metric.compute()["r2"].item() == pytest.approx(1 - 0.25 / targets.var(unbiased=False).item(), rel=1e-6)
