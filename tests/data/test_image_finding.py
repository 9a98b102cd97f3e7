"""What a folder holds is found, and what is wrong with it is said with the remedy."""

import pytest
from image_files import write_classes

from dlcore.data.images.finding import find_pictures
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
        "ROOT/val: expected the class folders of train, got 'dogs' missing and 'Dogs', '鸟' more."
    )


def test_a_part_without_classes_is_said(tmp_path):
    write_classes(tmp_path / "train", {"cats": 1, "dogs": 1})
    write_classes(tmp_path, {"test": 2})
    assert message(tmp_path) == (
        "ROOT/test: expected the 2 class folders of train, got none. Pictures without classes are a root of their own: "
        "predict --data.root ROOT/test."
    )


def test_parts_beside_classes_are_refused(tmp_path):
    write_classes(tmp_path / "train", {"cats": 1, "dogs": 1})
    write_classes(tmp_path, {"cats": 1})
    assert message(tmp_path) == (
        "ROOT: expected the folders train, val and test alone, or class folders alone, got train beside 'cats'. Put "
        "the class folders into train, or take train away."
    )
