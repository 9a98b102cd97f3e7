"""What a checkpoint keeps of a folder of pictures, and how others are met with it."""

import pytest
import torch
from image_files import ready, write_classes

from dlcore.errors import DataError

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("own_cache")]


def test_an_evaluation_uses_the_classes_and_the_normalisation_of_the_training(folder, tmp_path):
    trained = ready(folder)
    kept = torch.load(_saved(trained.state_dict(), tmp_path), weights_only=True)
    other = write_classes(tmp_path / "other", {"鸟": 3, "dogs": 2})
    data = ready(other, stage="test", kept=kept)
    assert data.facts()["class_names"] == ["cats", "dogs", "鸟"]
    assert data.facts()["class_counts"] == trained.facts()["class_counts"]
    _, targets = next(iter(data.test_dataloader()))
    assert targets.tolist() == [1, 1, 2, 2, 2]
    assert data.normalization == trained.normalization
    whole, own = ready(folder, stage="test", kept=kept), trained.parts["test"]
    assert len(whole.test_dataloader().indices) == 7
    assert torch.equal(whole.parts["test"].indices, own.indices)


def test_prediction_needs_no_classes_and_knows_the_files(folder, tmp_path):
    kept = ready(folder).state_dict()
    flat = write_classes(tmp_path, {"cats": 3}) / "cats"
    data = ready(flat, stage="predict", kept=kept)
    inputs, targets = next(iter(data.predict_dataloader()))
    assert (len(inputs), targets.tolist()) == (3, [-1, -1, -1])
    assert list(data.parts["test"].names) == ["图 000.png", "图 001.png", "图 002.png"]
    with pytest.raises(DataError, match=r"expected class folders, got none\. Only predict needs none"):
        ready(flat, stage="test", kept=kept).test_dataloader()


def test_foreign_classes_and_changed_folders_are_refused(folder, tmp_path):
    kept = ready(folder).state_dict()
    with pytest.raises(DataError, match=r"which the model was trained on, got others: fish \(missing: dogs, 鸟\)"):
        ready(write_classes(tmp_path / "fish", {"cats": 1, "fish": 1}), stage="test", kept=kept).test_dataloader()
    (folder / "cats" / "图 000.png").unlink()
    with pytest.raises(DataError, match="files that were added or taken away since"):
        ready(folder, stage="test", kept=kept).test_dataloader()
    with pytest.raises(DataError, match="files that were added or taken away since"):
        ready(folder, kept=kept)


def test_a_folder_that_was_moved_is_the_same(folder, tmp_path):
    trained = ready(folder)
    moved = folder.rename(tmp_path / "moved")
    data = ready(moved, stage="test", kept=trained.state_dict())
    assert len(data.test_dataloader().indices) == len(trained.parts["test"]) == 7


def _saved(state, folder):
    torch.save(state, folder / "state")
    return folder / "state"
