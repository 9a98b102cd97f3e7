"""Decoding that was interrupted, and a cache that is damaged: only what is not whole is decoded again."""

import errno
import os
import shutil
import signal
import time

import numpy as np
import pytest
import torch
from forked import CONTEXT
from numbered_photos import COUNT, FORM, Interrupted, interrupt, kept, read
from PIL import Image

from dlcore.data.images import decoding, pixel_cache
from dlcore.data.images.image_files import find_pictures
from dlcore.data.images.pixel_cache import decoded
from dlcore.data.images.pixel_files import PixelFiles, PixelFormat
from dlcore.errors import DataError

ANEW = "was cut short, changed or in part removed: it is built again."


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


# Processes


def decode_slowly(photos, place):
    os.environ["XDG_CACHE_HOME"] = str(place / "cache")
    real, seen = decoding.decode_jpeg, []

    def decode(path, *form):
        seen.append(path)
        if len(seen) > 100:
            time.sleep(600)
        return real(path, *form)

    decoding.decode_jpeg, decoding.cores = decode, lambda: 1
    read(photos)


@pytest.mark.process
@pytest.mark.fault(
    "SIGKILL while pictures are decoded",
    "the next start says “decoding goes on: … of … pictures are there from before”; the same pixels",
)
def test_after_a_kill_decoding_goes_on(photos, tmp_path, decodings, capsys):
    process = CONTEXT.Process(target=decode_slowly, args=(photos, tmp_path))
    process.start()
    end = time.monotonic() + 60
    while not any(path.stat().st_size for path in (tmp_path / "cache").rglob("remarks")) and time.monotonic() < end:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.join(60)
    assert not list((tmp_path / "cache").rglob("facts.json"))
    read(photos)
    # The kill may have come before the checksum of the first piece.
    assert len(decodings) in (COUNT - 64, COUNT)
    read(photos)
    assert len(decodings) <= COUNT
    assert len(list((tmp_path / "cache").rglob("pixels"))) == 1


@pytest.mark.process
def test_pictures_of_16_bits_are_the_same_after_an_interruption_in_the_second_pass(tmp_path, monkeypatch):
    for number in range(COUNT):
        path = tmp_path / "deep" / f"class{number % 2}" / f"{number:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8), 1000 + 10 * number, dtype=np.uint16)).save(path)
    form = PixelFormat((8, 8), 1, "crop")
    names = find_pictures(str(tmp_path / "deep")).names
    whole = decoded(tmp_path / "deep", names, form, keep=False)
    assert whole.levels == (1000, 1000 + 10 * (COUNT - 1))
    real = PixelFiles.finish

    def finish(self, files, piece, broken, spans):
        if self.form.levels and piece:
            raise Interrupted
        real(self, files, piece, broken, spans)

    with monkeypatch.context() as patched:
        patched.setattr(PixelFiles, "finish", finish)
        with pytest.raises(DataError, match="Interrupted"):
            decoded(tmp_path / "deep", names, form, keep=True)
    again = decoded(tmp_path / "deep", names, form, keep=True)
    assert again.levels == whole.levels
    assert torch.equal(again.pixels, whole.pixels)
    assert torch.equal(again.moments, whole.moments)
