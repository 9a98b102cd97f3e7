"""Damaged, swapped, empty or missing pictures and tables: one line that names the file, the place and the remedy."""

from __future__ import annotations

import gzip
import os
import random

import pytest
from forked_command import FIT, command

from dlcore.data import FashionMNIST, ImageFolder
from dlcore.data.fashion_mnist import FILES, SYSTEM_FOLDER
from dlcore.errors import ArgumentError, DataError

ROWS = "".join(f"{number / 10},{number * 7 % 13},{'yes' if number % 2 else 'no'}\n" for number in range(100))


# FashionMNIST


@pytest.fixture
def clothing(tmp_path):
    """A copy of the real files, unpacked."""
    folder = tmp_path / "clothing"
    folder.mkdir()
    for name in FILES:
        packed = SYSTEM_FOLDER / f"{name}.gz"
        if not packed.is_file():
            pytest.skip("needs the real FashionMNIST files")
        if name.startswith("t10k"):
            (folder / name).write_bytes(gzip.decompress(packed.read_bytes()))
        else:
            (folder / f"{name}.gz").symlink_to(packed)
    return folder


def swap(folder):
    images, labels = folder / "t10k-images-idx3-ubyte", folder / "t10k-labels-idx1-ubyte"
    images.rename(folder / "other")
    labels.rename(images)
    (folder / "other").rename(labels)


def replace_by_folder(folder):
    (folder / "t10k-images-idx3-ubyte").unlink()
    (folder / "t10k-images-idx3-ubyte").mkdir()


def wrong_magic(folder):
    path = folder / "t10k-images-idx3-ubyte"
    path.write_bytes(b"\x01" + path.read_bytes()[1:])


def cut_file(folder):
    path = folder / "t10k-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:1_000_000])


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("harm", "error", "said"),
    [
        pytest.param(
            cut_file,
            DataError,
            r"1,000,000 bytes\). The file is damaged or not the right one",
            marks=pytest.mark.fault(
                "A file of FashionMNIST is cut short",
                "“…/t10k-images-idx3-ubyte: expected content with SHA-256 …”",
            ),
        ),
        pytest.param(
            swap,
            DataError,
            "The file is damaged or not the right one",
            marks=pytest.mark.fault("FashionMNIST's labels lie in the place of its pictures", "the same"),
        ),
        pytest.param(
            wrong_magic,
            DataError,
            "expected content with SHA-256",
            marks=pytest.mark.fault("A file of FashionMNIST begins with wrong bytes", "the same"),
        ),
        pytest.param(
            lambda folder: (folder / "t10k-labels-idx1-ubyte").write_bytes(b""),
            DataError,
            r"\(0 bytes\)",
            marks=pytest.mark.fault("A file of FashionMNIST is empty", "the same, with (0 bytes)"),
        ),
        pytest.param(
            replace_by_folder,
            ArgumentError,
            "root: expected a folder with train-images-idx3-ubyte",
            marks=pytest.mark.fault(
                "A folder lies in the place of a file of FashionMNIST", "“data.root: expected a folder with …”"
            ),
        ),
    ],
)
def test_damaged_files_of_clothing(clothing, harm, error, said):
    harm(clothing)
    with pytest.raises(error, match=said):
        FashionMNIST(root=str(clothing), offline_sample=True).setup("fit")


# Tables


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(
            f"a,b,sick\n{ROWS}1,2\n",
            "numbers.csv, line 102: expected 3 values, as in the first line, got 2.",
            marks=pytest.mark.fault("A line of a table lacks a cell", "“FILE, line 102: expected 3 values … got 2.”"),
        ),
        pytest.param(
            f'a,b,sick\n{ROWS}"1,2,yes\n3,4,no\n',
            "numbers.csv, line 103: expected 3 values",
            marks=pytest.mark.fault("A quote in a table is never closed", "the same"),
        ),
        pytest.param(
            f"a,b,sick\n{ROWS}1,2,\n",
            "target 'sick': expected a value in each row, got none in 1 row (row 101). Ways: leave such rows out",
            marks=pytest.mark.fault("A target is missing in a table", "“…: expected a value in each row, got none …”"),
        ),
        pytest.param(
            "",
            "numbers.csv: expected rows of values, got an empty file.",
            marks=pytest.mark.fault("An empty table", "that"),
        ),
        pytest.param(
            "a,b,sick\n",
            "numbers.csv: expected at least two rows, got a single line.",
            marks=pytest.mark.fault("A table with a header alone", "“…: expected at least two rows …”"),
        ),
        pytest.param(
            f"a,b,ill\n{ROWS}",
            "Unknown column (in data.target): 'sick'. There are: a, b, ill.",
            marks=pytest.mark.fault("A table without the target's column", "“Unknown column (in data.target): …”"),
        ),
        pytest.param(
            random.Random(0).randbytes(5000),
            "numbers.csv: expected a CSV file, got a binary one.",
            marks=pytest.mark.fault("A program's file in the place of a table", "“…: expected a CSV file, got …”"),
        ),
    ],
)
def test_damaged_tables(work, content, said):
    (work / "numbers.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    command(work, *FIT).check(2, said)


@pytest.mark.fault("The table is removed while a run trains on it", "nothing: it has been read")
def test_a_table_that_vanishes(work):
    command(work, *FIT, at_step=(5, os.unlink, "numbers.csv")).check(0, "12 steps in all")


@pytest.mark.fault("Class names with quotes, tabs, emoji and markup", "all works; they are shown as they are")
def test_odd_names_of_classes(work):
    text = (
        (work / "numbers.csv")
        .read_text()
        .replace("yes", '"a ""b"" [red]|\t\U0001f600"')
        .replace("no\n", '"健康, <b>"\n')
    )
    (work / "numbers.csv").write_text(text, encoding="utf-8")
    command(work, *FIT).check(0, "12 steps in all")
    command(work, "test", "--ckpt_path=last").check(0)
    command(work, "predict", "--ckpt_path=last").check(0)
    assert "健康, <b>" in next(work.rglob("predictions.csv")).read_text(encoding="utf-8")


# Pictures


@pytest.fixture
def photos(tmp_path, monkeypatch):
    from PIL import Image

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in "ab":
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(12):
            Image.new("RGB", (20, 20), (number * 20, 0, 0)).save(tmp_path / f"photos/{name}/{number}.png")
    return tmp_path / "photos"


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        pytest.param(
            lambda folder: (folder / "a/1.png").write_bytes(b"x" * 100),
            "1 of 24 files cannot be decoded: a/1.png .its content is no picture",
            marks=pytest.mark.fault("A picture is broken", "“…: 1 of 24 files cannot be decoded: a/1.png (…)”"),
        ),
        pytest.param(
            lambda folder: (folder / "a/1.png").write_bytes(b""),
            r"1 of 24 files cannot be decoded: a/1.png \(it is empty\)",
            marks=pytest.mark.fault("A picture is a file of no bytes", "the same: (it is empty)"),
        ),
        pytest.param(
            lambda folder: [path.unlink() for path in (folder / "a").iterdir()],
            "photos/a: expected pictures .* in each class folder, got nothing",
            marks=pytest.mark.fault("A class folder is empty", "“…/a: expected pictures … in each class folder …”"),
        ),
        pytest.param(
            lambda folder: [path.rename(path.with_suffix(".doc")) for path in folder.rglob("*.png")],
            "got only others: 12 × .doc",
            marks=pytest.mark.fault("A folder of files that are no pictures", "the same: got only others: 12 × .doc"),
        ),
        pytest.param(
            lambda folder: [path.write_bytes(b"x") for path in (folder / "a").iterdir()],
            "12 of 24 files cannot be decoded",
            marks=pytest.mark.fault("All pictures of a class are broken", "“…: 12 of 24 files cannot be decoded: …”"),
        ),
    ],
)
def test_damaged_pictures(photos, harm, said):
    harm(photos)
    with pytest.raises(DataError, match=said):
        ImageFolder(str(photos), size=16).setup("fit")


@pytest.mark.fault(
    "All pictures of a class are broken, and broken ones are left out (--data.skip_broken true)",
    "“photos: expected pictures of each class that can be decoded, got none of: a.”",
)
def test_a_class_without_a_whole_picture(photos):
    for path in (photos / "a").iterdir():
        path.write_bytes(b"x")
    with pytest.raises(
        DataError, match=r"photos: expected pictures of each class that can be decoded, got none of: a\."
    ):
        ImageFolder(str(photos), size=16, skip_broken=True).setup("fit")
