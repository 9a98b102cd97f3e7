"""ImageFolder as a whole: parts, classes, normalisation, broken files."""

import os
import sys

import numpy as np
import pytest
import torch
from image_files import GREY, labels, ready, write_classes
from PIL import Image

from dlcore.data import ImageFolder
from dlcore.errors import ArgumentError, DataError

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("own_cache")]


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


@pytest.mark.fault(
    "All pictures of a part (val/) are broken",
    "“…: expected pictures in val that can be decoded, got none.”",
)
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
    write_classes(tmp_path / "deep" / "photos" / "photos", {"cats": 2, "dogs": 2})
    with pytest.raises(DataError, match=r"holds the class folders\. Look deeper: --data\.root \S+/deep/photos/photos$"):
        ImageFolder(str(tmp_path / "deep")).facts()
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


def write_deep(root, levels):
    """Grey pictures of 16 bits, of each class one level."""
    for name, level in zip(("暗", "亮"), levels, strict=True):
        (root / name).mkdir(parents=True)
        for number in range(4):
            Image.fromarray(np.full((4, 4), level, dtype=np.uint16)).save(root / name / f"{number}.png")
    return root


def test_twelve_bits_in_sixteen_use_the_range_of_all_pictures_and_others_that_of_the_training(tmp_path, capsys):
    data = ready(write_deep(tmp_path / "deep", (95, 4095)), channels=1)
    assert capsys.readouterr().out == (
        "data: 16-bit pictures: all values lie in 95 to 4,095, which become 0 to 255 (of 0 to 65,535 they would use 16 "
        "of 256 levels).\n"
    )
    assert data.parts["train"].inputs.unique().tolist() == [0, 255]
    kept = data.state_dict()
    assert kept["pictures"]["levels"] == [95, 4095]
    other = ready(write_deep(tmp_path / "other", (2095, 5000)), stage="predict", kept=kept, channels=1)
    assert other.predict_dataloader() is not None
    assert other.parts["test"].inputs.unique().tolist() == [128, 255]
    assert "the training's values lie in 95 to 4,095" in (said := capsys.readouterr().out)
    assert "these pictures hold 2,095 to 5,000: what lies beyond is cut off" in said


def test_what_a_training_on_other_depths_saw_stays(tmp_path, capsys):
    whole = ready(write_deep(tmp_path / "whole", (0, 65535)), channels=1).state_dict()
    narrow = write_deep(tmp_path / "narrow", (257, 2570))
    data = ready(narrow, stage="predict", kept=whole, channels=1)
    data.predict_dataloader()
    assert data.parts["test"].inputs.unique().tolist() == [1, 10]
    assert capsys.readouterr().out == ""


def test_what_is_not_read_is_said(folder, capsys):
    for name in ("cats/a.heic", "cats/b.HEIC", "dogs/c.jxl", "loose.png"):
        (folder / name).touch()
    ready(folder, balanced=True)
    assert capsys.readouterr().out == (
        "data: 3 files are no pictures of a kind that is read here: 2 × .heic, 1 × .jxl.\n"
        "data: 1 picture is outside the class folders and not read: loose.png.\n"
    )


def test_classes_that_a_part_lacks_are_said(tmp_path, capsys):
    write_classes(tmp_path / "root" / "train", {"cats": 4, "dogs": 4})
    write_classes(tmp_path / "root" / "val", {"cats": 2})
    ready(tmp_path / "root")
    assert capsys.readouterr().out == "data: val has no pictures of 'dogs': nothing is measured of them.\n"


@pytest.mark.fault("A link in a picture folder leads nowhere", "“… (it is a broken link). …”, or left out")
def test_a_link_that_leads_nowhere_is_a_broken_file(folder):
    (folder / "cats" / "link.png").symlink_to(folder / "absent.png")
    with pytest.raises(DataError, match=r"1 of 71 files cannot be decoded: cats/link.png \(it is a broken li"):
        ready(folder)
    assert sum(len(part) for part in ready(folder, skip_broken=True).parts.values()) == 70


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_names_that_are_not_utf_8_are_read_and_spelled_out(folder):
    (folder / "cats" / "图 000.png").rename(folder / "cats" / os.fsdecode("狗".encode("gbk") + b".png"))
    names = ready(folder).parts["train"].names
    assert r"cats/\xb9\xb7.png" in names
    "".join(names).encode("utf-8")
