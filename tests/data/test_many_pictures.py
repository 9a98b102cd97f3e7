"""Very many pictures: little memory for each, and none is read twice."""

import os
import tracemalloc
from types import SimpleNamespace

import torch
from numbered_photos import COUNT, FORM, kept, read

from dlcore.data import ImageFolder
from dlcore.data.images import pixel_cache
from dlcore.data.images.file_names import PIECE, FileNames
from dlcore.data.images.image_files import find_pictures


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
