"""Shared by the tests of data: made-up files in FashionMNIST's format, few and small."""

import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest
from corpus_poems import POEMS
from image_files import COUNTS, write_classes
from numbered_photos import write_numbered
from table_samples import ROWS

from dlcore.data import fashion_mnist
from dlcore.data.images import decoding


def idx_bytes(values: np.ndarray) -> bytes:
    """The content of an IDX file of unsigned bytes."""
    return struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape) + values.astype(np.uint8).tobytes()


class MadeUpFiles:
    """The four files, with 120 and 40 pictures."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.train_images, self.test_images = (rng.integers(0, 256, (n, 28, 28), np.uint8) for n in (120, 40))
        self.train_labels, self.test_labels = (rng.permutation(np.arange(n) % 10) for n in (120, 40))
        arrays = (self.train_images, self.train_labels, self.test_images, self.test_labels)
        self.contents = {name: idx_bytes(array) for name, array in zip(fashion_mnist.FILES, arrays, strict=True)}
        self.checksums = {name: hashlib.sha256(content).hexdigest() for name, content in self.contents.items()}
        self.packed = {f"{name}.gz": gzip.compress(content, mtime=0) for name, content in self.contents.items()}

    def put(self, folder: Path, *, packed: bool = True) -> Path:
        """Write the four files into a folder, which is made where it does not exist."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in (self.packed if packed else self.contents).items():
            (folder / name).write_bytes(content)
        return folder


@pytest.fixture(scope="session")
def _made_up_files() -> MadeUpFiles:
    return MadeUpFiles()


@pytest.fixture
def made_up_files(_made_up_files, monkeypatch, tmp_path) -> MadeUpFiles:
    """The files, which FashionMNIST takes for the real ones; no others are on this machine, and no network answers."""
    monkeypatch.setattr(fashion_mnist, "FILES", _made_up_files.checksums)
    monkeypatch.setattr(fashion_mnist, "SYSTEM_FOLDER", tmp_path / "system")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def no_network(*args):
        raise OSError("no network in tests")

    monkeypatch.setattr(fashion_mnist, "download", no_network)
    return _made_up_files


# Tables


@pytest.fixture
def csv_file(tmp_path):
    """Writes a CSV file; gives its path."""

    def write(text, name="数据.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_text(text, encoding=encoding)
        return str(path)

    return write


@pytest.fixture
def colours(csv_file):
    """Forty rows: a number, another, a name, and a target of two classes."""
    return csv_file("\n".join(["编号,长度,颜色,结果", *ROWS]) + "\n")


# Pictures


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """A cache folder of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path, own_cache):
    """Seventy pictures of three classes, one of which has a Chinese name."""
    return write_classes(tmp_path / "图片", COUNTS)


@pytest.fixture
def photos(tmp_path, own_cache):
    """The folder of `numbered_photos`."""
    return write_numbered(tmp_path / "photos")


@pytest.fixture
def decodings(monkeypatch):
    """The files that are decoded from now on, if they are JPEG files."""
    seen = []
    real = decoding.decode_jpeg
    monkeypatch.setattr(decoding, "decode_jpeg", lambda path, *form: seen.append(path) or real(path, *form))
    return seen


# Text


@pytest.fixture
def poems(tmp_path, monkeypatch, word_tables):
    """The path of a file with sixty poems; a cache folder of the test's own, which has the dictionary's tables."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "cache" / "dlcore").mkdir(parents=True)
    (tmp_path / "cache" / "dlcore" / "words").symlink_to(word_tables / "dlcore" / "words")
    path = tmp_path / "诗词.txt"
    path.write_text("\n\n".join(POEMS), encoding="utf-8")
    return str(path)


@pytest.fixture
def table(tmp_path):
    """Write a table; give its path."""

    def write(lines, name="评论.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes("\n".join(lines).encode(encoding))
        return str(path)

    return write
