"""What a folder holds is found, and what is wrong with it is said with the remedy."""

import errno
import os
import sys

import pytest
from image_files import write_classes

from dlcore.data.images.image_files import find_pictures
from dlcore.errors import ArgumentError, DataError


def message(root):
    with pytest.raises((ArgumentError, DataError)) as caught:
        find_pictures(str(root))
    text = str(caught.value)
    assert "\n" not in text
    return text.replace(str(root), "ROOT")


def test_class_folders_are_classes_and_what_is_below_them_counts(tmp_path):
    write_classes(tmp_path, {"鸟": 2, "cats": 1})
    (tmp_path / "cats" / "deep").mkdir()
    (tmp_path / "cats" / "deep" / "B.JPEG").touch()
    for name in ("notes.txt", ".hidden.png"):
        (tmp_path / "cats" / name).touch()
    (tmp_path / ".git").mkdir()
    found = find_pictures(str(tmp_path))
    assert found.class_names == ["cats", "鸟"]
    assert found.names == ["cats/图 000.png", "cats/deep/B.JPEG", "鸟/图 000.png", "鸟/图 001.png"]
    assert found.targets == [0, 0, 1, 1]
    assert found.parts == {}
    assert found.ignored == {".txt": 1}


def test_train_val_and_test_are_parts(tmp_path):
    for part, count in (("train", 3), ("valid", 2), ("test", 1)):
        write_classes(tmp_path / part, {"cats": count, "dogs": count})
    found = find_pictures(str(tmp_path))
    assert found.class_names == ["cats", "dogs"]
    assert found.parts == {"train": range(6), "val": range(6, 10), "test": range(10, 12)}
    assert found.targets == [0] * 3 + [1] * 3 + [0, 0, 1, 1] + [0, 1]


def test_a_class_may_be_called_train(tmp_path):
    write_classes(tmp_path, {"train": 1, "bus": 1})
    assert find_pictures(str(tmp_path)).class_names == ["bus", "train"]


def test_a_flat_folder_has_pictures_without_classes(tmp_path):
    write_classes(tmp_path, {"cats": 2})
    found = find_pictures(str(tmp_path / "cats"))
    assert found.class_names == []
    assert found.names == ["图 000.png", "图 001.png"]
    assert found.targets == [-1, -1]


def test_links_are_followed_but_not_in_circles(tmp_path):
    write_classes(tmp_path / "elsewhere", {"cats": 1})
    root = write_classes(tmp_path / "root", {"dogs": 1})
    (root / "cats").symlink_to(tmp_path / "elsewhere" / "cats")
    (root / "dogs" / "again").symlink_to(root / "dogs")
    assert find_pictures(str(root)).names == ["cats/图 000.png", "dogs/图 000.png"]


def test_a_missing_root_is_said(tmp_path):
    assert message(tmp_path / "absent") == (
        "root: expected a folder with a folder of pictures for each class, got 'ROOT'. There is nothing of that name."
    )
    (tmp_path / "file").touch()
    assert message(tmp_path / "file").endswith("There is a file of that name.")


def test_no_classes_and_no_pictures_are_said(tmp_path):
    (tmp_path / "a.csv").touch()
    assert message(tmp_path) == (
        "ROOT: expected a folder of pictures (.jpg, .png, .webp, .bmp, .gif, .tif, …) for each class, got only others: "
        "1 × .csv."
    )


def test_an_empty_class_is_named(tmp_path):
    write_classes(tmp_path, {"cats": 1, "dogs": 0})
    (tmp_path / "dogs" / "a.heic").touch()
    assert message(tmp_path) == (
        "ROOT/dogs: expected pictures (.jpg, .png, .webp, .bmp, .gif, .tif, …) in each class folder, got only others: "
        "1 × .heic. Put pictures there, or take the folder away."
    )


def test_parts_with_different_classes_are_said_with_the_difference(tmp_path):
    write_classes(tmp_path / "train", {"cats": 1, "dogs": 1})
    write_classes(tmp_path / "val", {"cats": 1, "Dogs": 1, "鸟": 1})
    assert message(tmp_path) == (
        "ROOT/val: expected the class folders of train, got 'dogs' missing and 'Dogs', '鸟' more. Give them the same "
        "names, or take the others out of val."
    )


def test_a_part_without_classes_is_said(tmp_path):
    write_classes(tmp_path / "train", {"cats": 1, "dogs": 1})
    write_classes(tmp_path, {"test": 2})
    assert message(tmp_path) == (
        "ROOT/test: expected the 2 class folders of train, got none. Pictures without classes are a root of their own: "
        f"move test out of {tmp_path.name} for a training; then predict --data.root with its new place."
    )


def test_parts_beside_classes_are_refused(tmp_path):
    write_classes(tmp_path / "train", {"cats": 1, "dogs": 1})
    write_classes(tmp_path, {"cats": 1})
    assert message(tmp_path) == (
        "ROOT: expected the folders train, val and test alone, or class folders alone, got train and 'cats'. Put "
        "the class folders into a folder train, or take train away."
    )


@pytest.mark.parametrize(
    ("folders", "parts"),
    [
        (("Training", "Testing"), ["train", "test"]),
        (("TRAIN", "Validation", "testing"), ["train", "val", "test"]),
        (("training_set", "dev", "TestData"), ["train", "val", "test"]),
        (("训练集", "验证集", "测试"), ["train", "val", "test"]),
    ],
)
def test_parts_are_known_by_their_usual_names_in_any_case(tmp_path, folders, parts):
    for folder in folders:
        write_classes(tmp_path / folder, {"cats": 2, "dogs": 1})
    found = find_pictures(str(tmp_path))
    assert found.class_names == ["cats", "dogs"]
    assert found.parts == {part: range(number * 3, number * 3 + 3) for number, part in enumerate(parts)}


def test_two_folders_for_one_part_are_refused(tmp_path):
    for folder in ("train", "Testing", "test"):
        write_classes(tmp_path / folder, {"cats": 1, "dogs": 1})
    assert message(tmp_path) == (
        "ROOT: expected one folder for each part, got 'Testing', 'test', which both mean test. Put their pictures "
        "together, or take one away."
    )


def test_parts_without_a_training_are_refused(tmp_path):
    for folder in ("Validation", "Testing"):
        write_classes(tmp_path / folder, {"cats": 1, "dogs": 1})
    assert message(tmp_path) == (
        "ROOT: expected a folder train next to 'Testing', 'Validation', got none. To evaluate on one of them: "
        "--data.root ROOT/Validation"
    )


def test_parts_that_hold_no_classes_are_not_taken_for_classes(tmp_path):
    write_classes(tmp_path, {"Train": 2, "Test": 2})
    assert message(tmp_path) == (
        "ROOT: expected class folders in 'Test', 'Train', which are parts and no classes, got none. Only predict needs "
        "no classes, of a folder that holds the pictures: --data.root ROOT/Train"
    )


def test_folders_that_hold_the_same_folders_are_no_classes(tmp_path):
    for folder in ("fold_a", "fold_b"):
        write_classes(tmp_path / "folds" / folder, {"cats": 1, "dogs": 1})
        write_classes(tmp_path / "parts" / folder, {"Train": 1, "Val": 1})
        write_classes(tmp_path / "named" / "train" / folder, {"cats": 1, "dogs": 1})
    write_classes(tmp_path / "folds" / "fold_b", {"birds": 1})
    assert message(tmp_path / "folds") == (
        "ROOT: expected class folders, got 'fold_a', 'fold_b', which hold the same folders: 'cats', 'dogs'. If these "
        "are the classes, call the folders above them train, val and test, or choose one: --data.root ROOT/fold_a. If "
        "they are not, put all pictures of a class into one folder."
    )
    assert message(tmp_path / "parts").endswith("Put the parts on top: Train/fold_a, Train/fold_b, …")
    assert "--data.root ROOT/train/fold_a" in message(tmp_path / "named")


def test_one_folder_of_the_same_name_in_each_class_is_of_the_class(tmp_path):
    for name in ("cats", "dogs"):
        write_classes(tmp_path / name, {"images": 2})
    assert find_pictures(str(tmp_path)).class_names == ["cats", "dogs"]


def test_val_and_test_may_lack_a_class_and_it_is_known(tmp_path):
    write_classes(tmp_path / "train", {"cats": 1, "dogs": 1, "鸟": 1})
    write_classes(tmp_path / "val", {"cats": 1, "dogs": 0})
    found = find_pictures(str(tmp_path))
    assert found.without == {"val": ["dogs", "鸟"]}
    assert found.parts == {"train": range(3), "val": range(3, 4)}
    write_classes(tmp_path / "test", {"cats": 0})
    assert message(tmp_path).startswith("ROOT/test: expected pictures (.jpg")


def test_an_empty_training_class_is_to_be_taken_from_every_part(tmp_path):
    write_classes(tmp_path / "train", {"cats": 1, "dogs": 0})
    write_classes(tmp_path / "val", {"cats": 1, "dogs": 1})
    assert message(tmp_path).endswith("Put pictures there, or take the folder away, from the other parts too.")


def test_what_is_not_read_is_counted(tmp_path):
    write_classes(tmp_path, {"cats": 1, "dogs": 1})
    for name in ("cats/a.HEIC", "cats/b.heic", "dogs/c.jxl", "README", "loose.jpg", "desktop.ini", "dogs/Thumbs.DB"):
        (tmp_path / name).touch()
    (tmp_path / "birds").symlink_to(tmp_path / "absent")
    (tmp_path / "__MACOSX").mkdir()
    found = find_pictures(str(tmp_path))
    assert found.ignored == {".heic": 2, ".jxl": 1, "no ending": 1, "broken link": 1}
    assert found.beside == ["loose.jpg"]
    assert found.class_names == ["cats", "dogs"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_name_that_is_not_utf_8_is_spelled_out(tmp_path):
    write_classes(tmp_path, {"cats": 1, os.fsdecode("狗".encode("gbk")): 1})
    found = find_pictures(str(tmp_path))
    assert found.class_names == ["cats", r"\xb9\xb7"]
    assert (tmp_path / found.names[1]).is_file()


def test_a_folder_that_cannot_be_read_is_an_error(tmp_path, monkeypatch):
    write_classes(tmp_path, {"cats": 1, "dogs": 1})
    scandir = os.scandir

    def refuse(path):
        if os.fspath(path).endswith("dogs"):
            raise PermissionError(errno.EACCES, "Permission denied", os.fspath(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert message(tmp_path).startswith("ROOT/dogs: expected a folder that may be read: Permission denied.")
