"""The columns of TensorBoard's HPARAMS: what tells runs apart, and not every default."""

from dlcore.runs import prepare
from dlcore.runs.run_record import hyperparameters
from dlcore.tracking.hparams import columns


def shown(*words):
    return columns(hyperparameters(prepare("fit", *words).config_dump, "circles"))


def test_what_was_set_is_shown_with_learning_rate_and_batch_size(workplace):
    found = shown("-c", "cnn_circles", "--model.optimizer=Adam", "--model.dropout=0.25")
    assert (found["model"], found["model.optimizer"], found["data"]) == ("CNN", "Adam", "ImageFolder")
    assert {"model.optimizer.lr", "data.batch_size", "seed_everything", "trainer.max_epochs"} <= set(found)
    assert (found["model.dropout"], found["data.source"]) == (0.25, "circles")


def test_what_a_class_has_by_default_is_not(workplace):
    found = shown("-c", "cnn_circles", "--model.dropout=0")
    assert "model.dropout" not in found
    assert "model.optimizer.betas" not in found
    assert "trainer.precision" not in found
    assert "data.builtin" not in found  # data.source says it
    assert len(found) < 25


def test_a_class_that_cannot_be_found_keeps_all_its_arguments():
    model = {"class_path": "absent.Model", "init_args": {"size": 3}}
    assert columns(hyperparameters({"model": model}, "")) == {"model": "Model", "model.size": 3, "data.source": ""}
