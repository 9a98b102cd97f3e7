"""Files of data that are damaged, swapped, empty or gone: one line that names the file, the place and the remedy."""

from __future__ import annotations

import gzip
import os
import random

import pytest
from forked_command import FIT, command

from dlcore.data import FashionMNIST, ImageFolder
from dlcore.data.fashion_mnist import FILES, SYSTEM_FOLDER
from dlcore.errors import ArgumentError, DataError
from dlcore.text.corpus import Corpus

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


# Text

LINES = "春风又绿江南岸\n" * 100


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(
            "é".encode("latin-1") * 500 + b"\xff",
            "bytes that are neither: not UTF-8 at byte 0, not GB18030 at byte 500",
            marks=pytest.mark.fault("A text is neither UTF-8 nor GB18030", "“FILE: … not UTF-8 at byte 0, …”"),
        ),
        pytest.param(
            LINES.encode() + LINES.encode("gbk") + LINES.encode(),
            "expected UTF-8, got bytes that are not, at byte 2,200",
            marks=pytest.mark.fault("Two encodings in one text", "“FILE: expected UTF-8, got bytes that are not …”"),
        ),
        pytest.param(
            b"",
            "expected text, got an empty file",
            marks=pytest.mark.fault("An empty text", "“FILE: expected text, got an empty file.”"),
        ),
        pytest.param(
            LINES.encode() + b"\0",
            "expected text, got a NUL byte at byte 2,200",
            marks=pytest.mark.fault("NUL bytes in a text", "“FILE: expected text, got a NUL byte at byte 2,200 …”"),
        ),
    ],
)
def test_damaged_texts(tmp_path, monkeypatch, content, said):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "poems.txt").write_bytes(content)
    with pytest.raises(DataError, match=said):
        Corpus.find(str(tmp_path / "poems.txt"))


TEXT = (
    *("fit", "-c", "rnn_lyrics", "--data.root=poems.txt", "--data.level=char", "--trainer.max_epochs=1"),
    *("--trainer.accelerator=cpu", "--model.embedding_dim=8", "--model.hidden_size=8", "--text_samples=off"),
)


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        pytest.param(
            " \n\n \t\n" * 100,
            2,
            "poems.txt: expected text, got blank lines only.",
            marks=pytest.mark.fault("A text of blanks alone", "“FILE: expected text, got blank lines only.”"),
        ),
        pytest.param(
            "春风又绿江南岸明月何时照我还" * 3000,
            0,
            "done",
            marks=pytest.mark.fault("A text of one gigantic line", "it is cut into pieces and learned"),
        ),
        pytest.param(
            "\ufeff" + LINES, 0, "done", marks=pytest.mark.fault("A byte order mark before a text", "it is left out")
        ),
    ],
)
def test_odd_texts(work, content, code, said):
    (work / "poems.txt").write_text(content, encoding="utf-8")
    command(work, *TEXT).check(code, said)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        pytest.param(
            lambda path: path.write_text(path.read_text(encoding="utf-8") + "\n\n又一首新的诗。\n", encoding="utf-8"),
            "poems.txt: expected the text of the training, got text that was changed since or another one",
            marks=pytest.mark.fault(
                "A text grows between start and resume",
                "“FILE: expected the text of the training, got …”",
            ),
        ),
        pytest.param(
            lambda path: path.unlink(),
            "data.root: expected a text file, a folder or a pattern, got 'poems.txt'.",
            marks=pytest.mark.fault("A text is gone when the run goes on", "“data.root: expected a text file …”"),
        ),
    ],
)
def test_texts_that_change(work, harm, said):
    (work / "poems.txt").write_text("\n\n".join([LINES[:80]] * 60), encoding="utf-8")
    command(work, *TEXT).check(0)
    harm(work / "poems.txt")
    command(work, "fit", "--ckpt_path=last", "--trainer.max_epochs=2").check(2, said)
