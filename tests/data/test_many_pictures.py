"""Very many pictures: little memory for each, none read twice, an interrupted decoding goes on."""

import errno
import os
import shutil
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from dlcore.data import ImageFolder
from dlcore.data.images import decoding, pixel_cache
from dlcore.data.images.file_names import PIECE, FileNames
from dlcore.data.images.image_files import find_pictures
from dlcore.data.images.pixel_cache import decoded
from dlcore.data.images.pixel_files import PixelFiles, PixelFormat
from dlcore.errors import DataError

pytestmark = pytest.mark.usefixtures("own_cache")

FORM = PixelFormat((8, 8), 3, "crop")
COUNT = 150  # pictures: three pieces of 64
ANEW = "was cut short, changed or in part removed: it is built again."


@pytest.fixture
def photos(tmp_path):
    """JPEG files of one grey each, in two classes: that of a picture is its number."""
    for number in range(COUNT):
        path = tmp_path / "photos" / f"class{number * 2 // COUNT}" / f"{number:03}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8, 3), number, dtype=np.uint8)).save(path, quality=95)
    return tmp_path / "photos"


@pytest.fixture
def decodings(monkeypatch):
    """The files that were decoded."""
    seen = []
    real = decoding.decode_jpeg
    monkeypatch.setattr(decoding, "decode_jpeg", lambda path, *form: seen.append(path) or real(path, *form))
    return seen


def read(photos):
    """Find and decode the pictures; check that each has the pixels of its file."""
    names = find_pictures(str(photos)).names
    found = decoded(photos, names, FORM, keep=True)
    numbers = torch.arange(COUNT)
    assert (found.pixels.long() - numbers[:, None, None, None]).abs().max() <= 1
    assert torch.equal(found.moments[:, 0], found.pixels.long().sum((2, 3)))
    assert torch.equal(found.moments[:, 1], (found.pixels.long() ** 2).sum((2, 3)))
    return found


def kept(tmp_path, name):
    (path,) = (tmp_path / "cache").rglob(name)
    return path


# What a start costs


def test_names_of_pictures_take_their_bytes_and_nine_more(tmp_path):
    for name in ("class0", "class1"):
        (tmp_path / name).mkdir()
        for number in range(300):
            (tmp_path / name / f"{number:07}.jpg").touch()
    found = find_pictures(str(tmp_path))
    assert found.names.nbytes <= 601 * (len("class0/0000000.jpg") + 9)
    assert found.names[-1] == "class1/0000299.jpg"


def test_the_look_for_changes_takes_the_same_memory_for_any_number(tmp_path, monkeypatch):
    state = SimpleNamespace(st_size=1, st_mtime_ns=2)

    def peak(count):
        names = FileNames(f"class0/{number:07}.jpg" for number in range(count))
        with monkeypatch.context() as patched:
            patched.setattr(pixel_cache.os, "stat", lambda path: state)
            tracemalloc.start()
            pixel_cache._state_of(tmp_path, names, FORM)
            most = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        return most

    peak(10)  # imports
    assert peak(10 * PIECE) < 1.5 * peak(2 * PIECE)


def test_a_second_start_asks_for_the_state_of_each_picture_once_and_reads_none(photos, decodings, monkeypatch):
    first = ImageFolder(str(photos), size=8)
    first.setup("fit")
    assert len(decodings) == COUNT
    for path in photos.rglob("*.jpg"):  # other content, which nobody is to see
        state = path.stat()
        path.write_bytes(b"x" * state.st_size)
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    asked = []
    real = os.stat
    monkeypatch.setattr(
        os,
        "stat",
        lambda path, **how: (
            asked.append(os.fspath(path) if isinstance(path, str | os.PathLike) else path) or real(path, **how)
        ),
    )
    second = ImageFolder(str(photos), size=8)
    second.facts()
    second.setup("fit")
    second.state_dict()
    next(iter(second.train_dataloader()))
    files = [path for path in asked if str(path).endswith(".jpg")]
    assert len(files) == len(set(files)) == COUNT
    assert len(decodings) == COUNT
    assert torch.equal(second.parts["train"].inputs, first.parts["train"].inputs)


def test_pixels_and_moments_are_mapped_from_files_and_not_kept_in_memory(photos, tmp_path):
    found = read(photos)
    for name, values in (("pixels", found.pixels), ("moments", found.moments)):
        size = kept(tmp_path, name).stat().st_size
        assert size == values.nbytes
        with kept(tmp_path, name).open("r+b") as file:
            file.write(bytes([77] * size))
        assert values.flatten()[-1] in (77, int.from_bytes(bytes([77] * 8)))


# Interruptions


class Interrupted(BaseException):
    """As KeyboardInterrupt."""


def interrupt(monkeypatch, photos, after):
    """Decode, and be interrupted after so many pictures; with one thread, so that their order is known."""
    real, seen = decoding.decode_jpeg, []

    def decode(path, *form):
        seen.append(path)
        if len(seen) > after:
            raise Interrupted
        return real(path, *form)

    with monkeypatch.context() as patched:
        patched.setattr(decoding, "decode_jpeg", decode)
        patched.setattr(decoding, "cores", lambda: 1)
        with pytest.raises(DataError, match="Interrupted"):
            read(photos)


@pytest.mark.fault(
    "Decoding a folder of pictures is interrupted or killed; then the same again",
    "“decoding goes on: … of … pictures are there from before”; the same pixels",
)
def test_an_interrupted_decoding_goes_on(photos, tmp_path, monkeypatch, decodings, capsys):
    interrupt(monkeypatch, photos, after=100)
    assert not list((tmp_path / "cache").rglob("facts.json"))
    decodings.clear()
    read(photos)
    assert len(decodings) == COUNT - 64
    assert capsys.readouterr().out == "data: decoding goes on: 64 of 150 pictures are there from before.\n"
    read(photos)
    assert len(decodings) == COUNT - 64
    assert len(list((tmp_path / "cache").rglob("pixels"))) == 1


def harm_pixels(path):
    with (path / "pixels").open("r+b") as file:
        file.seek(1000)
        file.write(b"\0\0\0")


def harm_remarks(path):
    with (path / "remarks").open("a") as file:
        file.write('[1, [[64, "it')


def harm_size(path):
    os.truncate(path / "pixels", 5000)


@pytest.mark.parametrize(
    ("harm", "left"),
    [
        pytest.param(
            harm_pixels,
            COUNT,
            marks=pytest.mark.fault(
                "A machine loses its power while it decodes pictures: a piece has not reached the disk",
                "the piece has another checksum, and is decoded again",
            ),
        ),
        (harm_remarks, COUNT - 64),
        (harm_size, COUNT),
    ],
)
def test_what_is_not_whole_of_an_interrupted_decoding_is_done_again(
    photos, tmp_path, monkeypatch, decodings, harm, left
):
    interrupt(monkeypatch, photos, after=100)
    decodings.clear()
    harm(kept(tmp_path, "pixels").parent)
    assert read(photos).broken == {}
    assert len(decodings) == left


@pytest.mark.fault(
    "Pictures change between an interrupted decoding and the next start",
    "all are decoded again; what was left is cleared away",
)
def test_an_interrupted_decoding_of_other_files_is_not_gone_on_with(photos, tmp_path, monkeypatch, decodings, capsys):
    interrupt(monkeypatch, photos, after=100)
    decodings.clear()
    path = photos / "class0" / "000.jpg"
    os.utime(path, ns=(1, 1))
    read(photos)
    assert len(decodings) == COUNT
    assert "goes on" not in capsys.readouterr().out
    assert len(list((tmp_path / "cache").rglob("pixels"))) == 1


def test_a_file_that_was_broken_in_a_piece_that_is_done_again_is_broken_no_more(tmp_path):
    files = PixelFiles(tmp_path, 100, FORM)
    assert files.create() == 0
    with files.opened() as opened:
        files.finish(opened, 0, [[3, "it is empty"]], [])
        files.finish(opened, 1, [[64, "it is empty"]], [[5, 9], [3, 4]])
        files.finish(opened, 0, [], [])
    assert files.create() == 100
    assert files.remarks().broken == {64: "it is empty"}
    assert files.remarks().span == (3, 9)


# Damage


def test_of_a_damaged_cache_only_what_is_damaged_is_decoded_again(photos, tmp_path, decodings, capsys):
    before = read(photos)
    decodings.clear()
    with kept(tmp_path, "pixels").open("r+b") as file:
        file.seek(100 * FORM.row_bytes)
        file.write(b"\1\2\3")
    os.utime(kept(tmp_path, "pixels"), ns=(1, 1))
    read(photos)
    assert len(decodings) == 64
    assert ANEW in capsys.readouterr().err
    read(photos)
    assert len(decodings) == 64
    assert capsys.readouterr().err == ""
    assert before.pixels.shape == (COUNT, 3, 8, 8)


def test_of_many_pieces_some_are_checked_at_each_start(tmp_path, monkeypatch):
    files = PixelFiles(tmp_path, 64 * 1000, FORM)
    checked = []
    monkeypatch.setattr(PixelFiles, "finished", lambda self, opened, piece: checked.append(piece) or True)
    monkeypatch.setattr(pixel_cache, "is_whole", lambda folder, stamps: True)
    files.create()
    content = '{"broken": {}, "span": null, "levels": null, "stamps": {}}'
    (tmp_path / "facts.json").write_text(f"{content}\n{pixel_cache.hash_of([content])}\n")
    pixel_cache._open(tmp_path, files.count, FORM)
    assert len(checked) == 64
    assert (checked[0], checked[-1]) == (0, 999)


# A full disk


@pytest.mark.fault(
    "The disk becomes full in the middle of decoding pictures",
    "“Decoded pictures cannot be kept (… No space left on device). Choose another cache folder by …”; nothing is left",
)
def test_a_disk_that_becomes_full_is_one_line_and_nothing_is_left(photos, tmp_path, monkeypatch):
    real = PixelFiles.write

    def write(self, files, name, row, values):
        if row:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(self, files, name, row, values)

    monkeypatch.setattr(PixelFiles, "write", write)
    with pytest.raises(DataError) as caught:
        read(photos)
    assert str(caught.value) == (
        "Decoded pictures cannot be kept ([Errno 28] No space left on device). Choose another cache folder by the "
        "environment variable XDG_CACHE_HOME, or --data.cache false."
    )
    assert list((tmp_path / "cache").rglob("pixels")) == []


def test_only_the_room_that_is_still_needed_is_asked_for(photos, tmp_path, monkeypatch):
    interrupt(monkeypatch, photos, after=100)
    there = sum(path.stat().st_blocks * 512 for path in kept(tmp_path, "pixels").parent.iterdir())
    needed = COUNT * (FORM.row_bytes + 48) + 24
    real = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(pixel_cache.shutil, "disk_usage", lambda path: real._replace(free=needed - there))
    read(photos)
