"""ImageFolder from end to end: parts, classes, normalisation, broken files, what a checkpoint keeps."""

import numpy as np
import pytest
import torch
from image_files import GREY, write_classes

from dlcore.data import ImageFolder
from dlcore.data.images import circles
from dlcore.errors import ArgumentError, DataError

COUNTS = {"cats": 40, "dogs": 20, "鸟": 10}


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path):
    """Seventy pictures of three classes, one of which has a Chinese name."""
    return write_classes(tmp_path / "图片", COUNTS)


def ready(root, stage="fit", kept=None, **arguments):
    """The data, read."""
    data = ImageFolder(str(root), **{"size": 4, "batch_size": 8} | arguments)
    data.expect(None, kept)
    data.facts()
    data.setup(stage)
    return data


def labels(data, part):
    return np.bincount(data.parts[part].targets[data.parts[part].indices], minlength=3).tolist()


def test_facts_are_known_before_anything_is_decoded(folder, tmp_path):
    data = ImageFolder(str(folder), size=(4, 6), channels=1, val_size=7, test_size=0.1)
    facts = data.facts()
    assert facts["tasks"] == ["multiclass"]
    assert (facts["image_shape"], facts["in_features"], facts["num_classes"]) == ((1, 4, 6), 24, 3)
    assert facts["class_names"] == ["cats", "dogs", "鸟"]
    assert facts["class_counts"] == [32, 16, 8]
    assert facts["normalization"] is None
    assert not (tmp_path / "cache").exists()


def test_two_classes_can_be_learned_as_yes_or_no(tmp_path):
    root = write_classes(tmp_path / "two", {"cats": 5, "dogs": 5})
    assert ImageFolder(str(root)).facts()["tasks"] == ["multiclass", "binary"]


def test_parts_are_stratified_disjoint_and_determined_by_the_seed(folder):
    data = ready(folder, val_size=0.2, test_size=7)
    assert [labels(data, part) for part in ("train", "val", "test")] == [[28, 14, 7], [8, 4, 2], [4, 2, 1]]
    everything = torch.cat([part.indices for part in data.parts.values()])
    assert sorted(everything.tolist()) == list(range(70))
    same, other = ready(folder, val_size=0.2, test_size=7), ready(folder, val_size=0.2, test_size=7, split_seed=1)
    assert torch.equal(data.parts["val"].indices, same.parts["val"].indices)
    assert not torch.equal(data.parts["val"].indices, other.parts["val"].indices)


def test_folders_of_their_own_are_the_parts_and_what_has_none_is_cut(tmp_path):
    for part, count in (("train", 20), ("test", 5)):
        write_classes(tmp_path / "root" / part, {"cats": count, "dogs": count})
    data = ready(tmp_path / "root")
    assert [len(data.parts[part]) for part in ("train", "val", "test")] == [36, 4, 10]
    names = data.parts["test"].names
    assert {names[index].split("/")[0] for index in data.parts["test"].indices} == {"test"}
    assert {names[index].split("/")[0] for index in data.parts["val"].indices} == {"train"}


def test_without_a_part_the_other_stands_in(folder):
    data = ready(folder, val_size=0)
    assert torch.equal(data.parts["val"].indices, data.parts["test"].indices)
    assert len(data.parts["test"]) == 7


def test_a_batch_has_the_pictures_of_its_samples_normalised_by_the_training_part(folder):
    data = ready(folder, channels=1)
    part = data.parts["train"]
    pixels = part.inputs[part.indices].double() / 255
    assert data.normalization.mean == pytest.approx([float(pixels.mean())])
    assert data.normalization.std == pytest.approx([float(pixels.std(correction=0))])
    batches = [data.on_after_batch_transfer(batch, 0) for batch in data.train_dataloader()]
    inputs, targets = (torch.cat(values) for values in zip(*batches, strict=True))
    assert (inputs.shape, inputs.dtype, targets.dtype) == ((56, 1, 4, 4), torch.float32, torch.int64)
    assert abs(float(inputs.mean())) < 1e-5
    assert float(inputs.std(correction=0)) == pytest.approx(1, abs=1e-5)
    greys = (inputs * data.normalization.std[0] + data.normalization.mean[0])[:, 0, 0, 0] * 255
    expected = torch.tensor([list(GREY.values())[target] for target in targets])
    assert ((greys - expected > -0.5) & (greys - expected < 30.5)).all()


@pytest.mark.parametrize(
    ("value", "mean", "std"),
    [
        ("none", (0, 0, 0), (1, 1, 1)),
        ([[0.5] * 3, [0.25] * 3], (0.5,) * 3, (0.25,) * 3),
        ("imagenet", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ],
)
def test_normalisation_may_be_given(folder, value, mean, std):
    data = ready(folder, normalize=value)
    assert data.facts()["normalization"] == {"mean": list(mean), "std": list(std)}


def test_pictures_of_one_level_have_a_deviation(tmp_path):
    root = write_classes(tmp_path / "flat", {"a": 1, "b": 1})
    data = ready(root, val_size=0, test_size=0)
    inputs, _ = data.on_after_batch_transfer(next(iter(data.train_dataloader())), 0)
    torch.testing.assert_close(inputs, torch.zeros_like(inputs), atol=1e-4, rtol=0)


def test_balanced_epochs_have_each_class_equally_often(folder):
    data = ready(folder, balanced=True, val_size=0, test_size=0)
    loader = data.train_dataloader()
    orders = [loader.order(epoch) for epoch in range(3)]
    for order in orders:
        assert len(order) == len(loader.indices) == 70
        assert sorted(np.bincount(data.parts["train"].targets[order]).tolist()) == [23, 23, 24]
    birds = orders[0][data.parts["train"].targets[orders[0]] == 2]
    assert set(np.bincount(birds)[60:].tolist()) == {2, 3}  # ten pictures, each two or three times
    assert not torch.equal(orders[0], orders[1])
    assert torch.equal(orders[2], ready(folder, balanced=True, val_size=0, test_size=0).train_dataloader().order(2))
    assert len(torch.cat(orders).unique()) > 60  # of the large class others in each epoch
    assert sum(len(batch[1]) for batch in loader) == 70


def test_unequal_classes_are_told_unless_they_are_balanced(folder, capsys):
    ready(folder)
    assert capsys.readouterr().out == (
        "data: classes differ in size: 32 training pictures of cats, 8 of 鸟. --data.balanced true shows each class "
        "equally often.\n"
    )
    ready(folder, balanced=True)
    assert capsys.readouterr().out == ""


def test_broken_files_are_an_error_that_names_them_or_left_out(folder, capsys):
    (folder / "cats" / "图 003.png").write_bytes(b"")
    (folder / "dogs" / "a.jpg").write_text("text")
    with pytest.raises(DataError) as caught:
        ready(folder)
    assert str(caught.value) == (
        f"{folder}: 2 of 71 files cannot be decoded: cats/图 003.png (it is empty); dogs/a.jpg (its content is no "
        "picture of a kind that is read here). Repair or remove them, or leave them out: --data.skip_broken true."
    )
    data = ready(folder, skip_broken=True)
    assert "data: 2 of 71 files cannot be decoded: cats/图 003.png (it is empty); dogs/a.jpg" in capsys.readouterr().out
    visited = torch.cat([part.indices for part in data.parts.values()])
    assert len(visited) == 69
    assert not {"cats/图 003.png", "dogs/a.jpg"} & {data.parts["train"].names[index] for index in visited}
    assert sum(data.facts()["class_counts"]) == len(data.parts["train"])


def test_a_part_of_broken_files_only_is_said(tmp_path):
    for part in ("train", "val"):
        write_classes(tmp_path / "root" / part, {"cats": 4, "dogs": 4})
    for path in (tmp_path / "root" / "val").rglob("*.png"):
        path.write_bytes(b"")
    with pytest.raises(DataError, match="expected pictures in val that can be decoded, got none"):
        ready(tmp_path / "root", skip_broken=True)


def test_a_single_class_is_refused_with_the_remedy(tmp_path):
    write_classes(tmp_path / "one", {"cats": 2})
    with pytest.raises(DataError, match="expected at least two class folders, got one: 'cats'"):
        ImageFolder(str(tmp_path / "one")).facts()
    with pytest.raises(DataError, match="got 2 pictures in no folder of their own"):
        ImageFolder(str(tmp_path / "one" / "cats")).facts()


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({"size": 0}, "size"),
        ({"size": (4, 4, 4)}, "size"),
        ({"channels": 2}, "channels"),
        ({"resize": "stretch"}, "resize"),
        ({"normalize": "mean"}, "normalize"),
        ({"normalize": [[0.5], [0.5]]}, "normalize"),
        ({"normalize": [[0.5] * 3, [0.0] * 3]}, "normalize"),
        ({"normalize": "imagenet", "channels": 1}, "normalize"),
        ({"builtin": "squares"}, "builtin"),
        ({"flip": 2}, "flip"),
    ],
)
def test_wrong_arguments_are_named(tmp_path, arguments, argument):
    with pytest.raises(ArgumentError, match=f"^{argument}: expected"):
        ImageFolder(str(tmp_path), **arguments)


def test_neither_root_nor_builtin_is_refused():
    with pytest.raises(ArgumentError, match=r"^root: expected a folder, got nothing\. .*--data\.builtin circles"):
        ImageFolder()


# What a checkpoint keeps


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
    with pytest.raises(DataError, match=r"expected class folders, got none\. Only predict can do without"):
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


# Changes by chance


def test_training_batches_are_changed_by_seed_epoch_and_sample_and_others_never(folder):
    changes = {"flip": 0.5, "crop": 0.3, "color": 0.4}
    data, again = (ready(folder, **changes, batch_size=size) for size in (8, 3))
    again.order_seed = data.order_seed
    seen = []
    for one in (data, again):
        batches = list(one.train_dataloader())
        numbers = torch.cat([batch[2] for batch in batches])
        inputs = torch.cat([one.on_after_batch_transfer(batch, 0)[0] for batch in batches])
        seen.append(inputs[numbers.argsort()])
    torch.testing.assert_close(*seen)
    batch = next(iter(data.val_dataloader()))
    assert len(batch) == 2
    assert torch.equal(data.on_after_batch_transfer(batch, 0)[0], data.transform(batch[0]))
    data.trainer = type("Trainer", (), {"current_epoch": 1, "precision_plugin": torch.nn.Identity()})()
    data.trainer.precision_plugin.convert_input = lambda inputs: inputs
    batch = batches[0]
    there = data.on_after_batch_transfer(batch, 0)[0]
    data.trainer.current_epoch = 2
    assert not torch.allclose(there, data.on_after_batch_transfer(batch, 0)[0], atol=0.1)


def test_mixing_gives_shares_of_the_classes(folder):
    data = ready(folder, mixup=0.5)
    _, targets = data.on_after_batch_transfer(next(iter(data.train_dataloader())), 0)
    assert targets.shape == (8, 3)
    torch.testing.assert_close(targets.sum(1), torch.ones(8))


# The built-in pictures


@pytest.fixture
def few_circles(monkeypatch):
    monkeypatch.setattr(circles, "COUNTS", {"train": 40, "val": 10, "test": 20})


def test_circles_are_drawn_once_as_files_and_read_as_any_folder(few_circles, monkeypatch, tmp_path):
    data = ImageFolder(builtin="circles", size=48)
    data.setup("fit")
    assert data.facts()["class_names"] == ["circle", "no circle"]
    assert [len(data.parts[part]) for part in ("train", "val", "test")] == [40, 10, 20]
    assert len(list((tmp_path / "cache" / "dlcore" / "circles").rglob("*.png"))) == 70
    assert labels(data, "train")[:2] == [20, 20]
    monkeypatch.setattr(circles, "write_circles", None)
    assert ImageFolder(builtin="circles").facts()["source"] == "circles, drawn by dlcore"


def test_root_beats_builtin(folder):
    assert ImageFolder(str(folder), builtin="circles").facts()["class_names"] == ["cats", "dogs", "鸟"]


def test_neither_colour_nor_brightness_tells_whether_there_is_a_circle():
    with_circle = np.arange(2000) % 2 == 0
    pictures = circles.draw_circles(with_circle, 7).reshape(2000, -1, 3).astype(float) / 255
    assert np.array_equal(circles.draw_circles(with_circle[:250], 3, 1), circles.draw_circles(with_circle[:250], 3, 1))
    figures = np.concatenate([pictures.mean(1), pictures.std(1), pictures.min(1), pictures.max(1)], axis=1)
    gap = figures[with_circle].mean(0) - figures[~with_circle].mean(0)
    error = figures.std(0) * np.sqrt(2 / 1000)
    assert (np.abs(gap) < 3.5 * error).all()


def test_the_same_picture_with_and_without_a_circle_differs_in_one_shape_of_one_area():
    yes, no = (circles.draw_circles(np.full(100, flag), 9).astype(int) for flag in (True, False))
    differs = np.abs(yes - no).max(-1) > 12
    assert (differs.sum((1, 2)) > 10).all()
    rows, columns = differs.any(2).sum(1), differs.any(1).sum(1)
    assert max(rows.max(), columns.max()) < 36  # one place, not the whole picture
