"""The area under the ROC curve: the share of pairs of a yes and a no whose scores are in order."""

import math
import warnings

import pytest
import torch
from torchmetrics.functional.classification import binary_auroc

from dlcore.nn import Binary
from dlcore.nn.metrics import ScoreAUROC


def _yes_or_no(count=200):
    generator = torch.Generator().manual_seed(0)
    targets = torch.randint(2, (count,), generator=generator)
    return torch.randn(count, 1, generator=generator) + targets[:, None] - 0.5, targets


def _auroc(outputs, targets, sizes=None):
    task = Binary()
    metrics = task.metrics("", evaluation=True)
    sizes = sizes or [len(targets)]
    for some, wanted in zip(outputs.split(sizes), targets.split(sizes), strict=True):
        metrics.update(**task.metric_inputs(task.loss(some, wanted), some, wanted))
    return metrics.compute()["auroc"].item()


@pytest.mark.parametrize("scale", [1e-3, 1.0, 50.0], ids=["timid", "usual", "sure"])
def test_auroc_equals_torchmetrics(scale):
    outputs, targets = _yes_or_no()
    outputs = (outputs * 8).round() / 8 * scale  # so that some are equal, which count half
    ranks = outputs.flatten().unique(return_inverse=True)[1]  # torchmetrics' sigmoid would make sure scores equal
    expected = binary_auroc(ranks / len(ranks), targets).item()
    assert _auroc(outputs, targets, [1, 50, 3, 128, 18]) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_auroc_of_low_precision_is_that_of_the_same_scores(dtype):
    outputs, targets = _yes_or_no()
    outputs = outputs.to(dtype)
    assert _auroc(outputs, targets) == pytest.approx(_auroc(outputs.float(), targets), abs=1e-6)


def test_auroc_of_any_scores_is_near():
    generator = torch.Generator().manual_seed(0)
    targets = torch.randint(2, (5000,), generator=generator)
    outputs = torch.randn(5000, 1, generator=generator) * 3 + targets[:, None]
    expected = binary_auroc(outputs.flatten().sigmoid().double(), targets).item()
    assert _auroc(outputs, targets) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("scores", "targets", "auroc"),
    [
        ([-2.0, -1.0, 1.0, 2.0], [0, 0, 1, 1], 1.0),
        ([-2.0, -1.0, 1.0, 2.0], [1, 1, 0, 0], 0.0),
        ([0.0, -0.0, 0.0, -0.0], [0, 0, 1, 1], 0.5),
        ([-1e30, 1e-30, 1e30, 1e4], [0, 0, 1, 1], 1.0),
        ([20.0, 30.0, 40.0], [0, 1, 1], 1.0),
        ([1.0, 2.0], [1, 1], math.nan),
    ],
)
def test_auroc_is_the_share_of_pairs_in_order(scores, targets, auroc):
    assert _auroc(torch.tensor(scores)[:, None], torch.tensor(targets)) == pytest.approx(auroc, nan_ok=True)


def test_auroc_of_nothing_is_nan():
    metric = ScoreAUROC(validate_args=False)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The ``compute`` method of metric")
        assert metric.compute().isnan()
    metric.reset()
    metric.update(torch.zeros(0), torch.zeros(0, dtype=torch.int64))
    assert metric.compute().isnan()
