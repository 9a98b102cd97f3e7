import pytest

from dlcore.tracking.metric_names import gap, is_greater, is_share, main_metric


@pytest.mark.parametrize(
    ("name", "greater", "share"),
    [
        ("val/accuracy", True, True),
        ("train/accuracy_step", False, False),
        ("top5_accuracy", True, True),
        ("val/auroc", True, True),
        ("f1", True, True),
        ("precision", True, True),
        ("val/r2", True, False),
        ("val/loss", False, False),
        ("val/rmse", False, False),
    ],
)
def test_what_is_better_the_greater_and_what_is_a_share(name, greater, share):
    assert (is_greater(name), is_share(name)) == (greater, share)


@pytest.mark.parametrize(
    ("names", "best"),
    [
        (["loss", "accuracy", "f1"], "accuracy"),
        (["loss", "accuracy", "perplexity", "bits_per_character"], "bits_per_character"),
        (["loss", "rmse", "mae", "r2"], "r2"),
        (["loss", "rmse", "mae", "loss_step"], "mae"),
        (["loss", "penalty"], "loss"),
        ([], "loss"),
    ],
)
def test_the_metric_that_tells_most(names, best):
    assert main_metric(names) == best


@pytest.mark.parametrize(
    ("metric", "train", "val", "worse"),
    [("accuracy", 0.9, 0.8, 0.1), ("loss", 0.25, 0.75, 0.5), ("r2", 0.5, 0.6, -0.1), ("rmse", 2.0, 1.0, -1.0)],
)
def test_a_gap_is_above_zero_where_validation_is_worse(metric, train, val, worse):
    assert gap(metric, train, val) == pytest.approx(worse)
