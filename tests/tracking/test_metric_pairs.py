"""Metrics of modules that name them in their own way are read as train/X, val/X and test/X."""

import pytest

from dlcore.tracking.metric_pairs import aliases, as_logged, canonical_name, read_as_pairs


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("val/accuracy", "val/accuracy"),
        ("train/loss_step", "train/loss_step"),
        ("val/top5_accuracy", "val/top5_accuracy"),
        ("val/loss/dataloader_idx_1", "val/loss/dataloader_idx_1"),
        ("val_loss", "val/loss"),
        ("val_loss/dataloader_idx_1", "val/loss/dataloader_idx_1"),
        ("val_acc", "val/accuracy"),
        ("valid/f1", "val/f1"),
        ("validation_accuracy", "val/accuracy"),
        ("training-loss", "train/loss"),
        ("train_loss_epoch", "train/loss"),
        ("train_loss_step", "train/loss_step"),
        ("Loss/train", "train/loss"),
        ("acc_val", "val/accuracy"),
        ("trainLoss", "train/loss"),
        ("val/MulticlassAccuracy", "val/accuracy"),
        ("val_BinaryF1Score", "val/f1"),
        ("test_acc", "test/accuracy"),
        ("val_损失", "val/loss"),
        ("验证准确率", "val/accuracy"),
        ("训练/光泽", "train/光泽"),
        ("val_dice", "val/dice"),
        ("lr", "lr"),
        ("lr-Adam", "lr-Adam"),
        ("train", "train"),
        ("value_loss", "value_loss"),
        ("epoch", "epoch"),
    ],
)
def test_a_name_is_part_and_quantity(name, canonical):
    assert canonical_name(name) == canonical


def test_a_canonical_name_stays_and_the_first_of_two_is_taken():
    assert aliases(["val/loss", "val_loss"]) == {}
    assert aliases(["valid_acc", "val_acc", "train_acc"]) == {
        "val/accuracy": "valid_acc",
        "train/accuracy": "train_acc",
    }
    assert as_logged("val/accuracy", ["valid_acc", "lr"]) == "valid_acc"
    assert as_logged("val/accuracy", ["val/accuracy"]) == "val/accuracy"


def test_without_a_part_it_is_the_training_of_what_is_validated():
    assert aliases(["acc", "val_acc", "lr", "temperature"]) == {"train/accuracy": "acc", "val/accuracy": "val_acc"}
    assert aliases(["loss"]) == {"train/loss": "loss"}
    assert aliases(["value_loss", "lr"]) == {}


def test_epochs_counted_from_zero_are_epochs_done():
    columns = {
        "step": [1.0, 3.0, 5.0, 7.0, 9.0],
        "epoch": [0.0, 0.0, 1.0, 1.0, 2.0],
        "val_loss": [None, 3.0, None, 2.0, 1.0],
    }
    read = read_as_pairs(columns)
    assert read["epoch"] == [0.5, 1.0, 1.5, 2.0, 2.5]
    assert read["val/loss"] == read["val_loss"] == columns["val_loss"]
    done = columns | {"epoch": [0.5, 1.0, 1.5, 2.0, 2.5]}
    assert read_as_pairs(done)["epoch"] == done["epoch"]


def test_a_training_metric_of_steps_has_means_of_epochs():
    columns = {
        "step": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        "epoch": [0.25, 0.5, 0.75, 1.25, 1.5, 2.0],
        "train_loss": [6.0, 5.0, 4.0, 3.0, 2.0, 1.0],
    }
    read = read_as_pairs(columns)
    assert read["train/loss_step"] == columns["train_loss"]
    assert read["train/loss"] == [None, None, 5.0, None, None, 2.0]
    by_epoch = {"step": [3.0, 6.0], "epoch": [1.0, 2.0], "train_loss": [5.0, 2.0]}
    assert "train/loss_step" not in read_as_pairs(by_epoch)
