"""A training metric that validation emptied, as it is seen from the curves alone."""

import math

import pytest
from made_up_runs import with_optimizer, write_run

from dlcore.diagnosis import diagnose

LOSSES = {"train_loss": [1.0, 0.6, 0.5, 0.45], "val_loss": [1.0, 0.6, 0.5, 0.46]}
WELL = [0.6, 0.8, 0.84, 0.85]


def names(folder, **curves):
    return [each.name for each in diagnose(write_run(folder, with_optimizer("SGD"), **LOSSES, **curves)).faults]


@pytest.mark.parametrize(
    "curves",
    [
        {"train_accuracy": [0.0] * 4, "val_accuracy": WELL},
        {"train_acc": [0.0] * 4, "val_acc": WELL},
        {"train_f1": [0.0, math.nan, 0.0, 0.0], "val_f1": WELL},
        {"train_auroc": [math.nan] * 4, "val_auroc": WELL},
        {"train_mae": [math.nan] * 4, "val_mae": WELL},
        {"train_accuracy": WELL, "val_accuracy": WELL, "train_auroc": [0.0] * 4, "val_auroc": WELL},
    ],
)
def test_values_of_training_that_were_not_measured_are_no_poor_result(curves, tmp_path):
    assert names(tmp_path, **curves) == ["shared_metric"]
    found = diagnose(tmp_path)
    assert found.first.confidence == "likely"
    assert "0%" not in found.summary
    assert not found.poor


@pytest.mark.parametrize(
    "curves",
    [
        {"train_accuracy": WELL, "val_accuracy": WELL},
        {"train_accuracy": [0.0, 0.1, 0.2, 0.5], "val_accuracy": WELL},
        {"train_f1": [0.0] * 4, "val_f1": [0.0, 0.0, 0.01, 0.0]},  # neither has learned a rare class
        {"train_mae": [0.0] * 4, "val_mae": WELL},  # learned by heart
        {"train_f1": [0.0], "val_f1": [0.5]},
    ],
)
def test_other_values_are_taken_as_they_are(curves, tmp_path):
    assert "shared_metric" not in names(tmp_path, **curves)


def test_a_diverged_run_is_not_named_so(tmp_path):
    lost = {"train_loss": [1.0, math.nan, math.nan], "val_loss": [1.0, math.nan, math.nan]}
    lost |= {"train_auroc": [math.nan] * 3, "val_auroc": [0.5, 0.5, 0.5]}
    assert "shared_metric" not in [each.name for each in diagnose(write_run(tmp_path, **lost)).faults]
