"""Pictures are decoded once, kept as bytes, and never met when they are old; many processes may start at once."""

import os
import time

import pytest
import torch
from forked import CONTEXT
from image_files import write_classes
from PIL import Image

from dlcore.data.images import decoding, pixel_cache
from dlcore.data.images.pixel_cache import decoded
from dlcore.data.images.pixel_files import PixelFormat
from dlcore.errors import DataError

pytestmark = pytest.mark.process

FORM = PixelFormat((4, 4), 3, "crop")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two hundred pictures, more than one share of a process, and a cache folder of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return write_classes(tmp_path / "pictures", {"cats": 130, "鸟": 70})


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.*"))


@pytest.fixture
def count_decodings(monkeypatch):
    """How often a folder was decoded."""
    calls = []
    real = pixel_cache.decode_files
    monkeypatch.setattr(pixel_cache, "decode_files", lambda *arguments: calls.append(1) or real(*arguments))
    return calls


def test_pixels_are_those_of_the_files_in_order(folder):
    check_pixels(decoded(folder, names(folder), FORM, keep=True))


def check_pixels(found):
    expected = [40 + n % 30 for n in range(130)] + [220 + n % 30 for n in range(70)]
    assert found.pixels.dtype == torch.uint8
    assert found.pixels.shape == (200, 3, 4, 4)
    assert torch.equal(
        found.pixels, torch.tensor(expected, dtype=torch.uint8)[:, None, None, None].expand(200, 3, 4, 4)
    )
    levels = torch.tensor(expected)
    assert torch.equal(found.moments, torch.stack([levels, levels**2], 1)[:, :, None].expand(-1, -1, 3) * 16)
    assert found.broken == {}


def test_they_are_decoded_once(folder, count_decodings):
    first = decoded(folder, names(folder), FORM, keep=True)
    again = decoded(folder, names(folder), FORM, keep=True)
    assert len(count_decodings) == 1
    assert torch.equal(first.pixels, again.pixels)
    assert torch.equal(first.moments, again.moments)


@pytest.mark.parametrize(
    "form", [PixelFormat((4, 5), 3, "crop"), PixelFormat((4, 4), 1, "crop"), PixelFormat((4, 4), 3, "pad")]
)
def test_another_form_is_decoded_beside_the_first(folder, count_decodings, form):
    for wanted in (FORM, form, FORM):
        assert decoded(folder, names(folder), wanted, keep=True).pixels.shape[1:] == (wanted.channels, *wanted.size)
    assert len(count_decodings) == 2


def test_a_changed_file_is_noticed_and_the_old_pixels_go(folder, count_decodings, tmp_path):
    decoded(folder, names(folder), FORM, keep=True)
    path = folder / names(folder)[3]
    Image.new("RGB", (8, 8), (1, 2, 3)).save(path)
    found = decoded(folder, names(folder), FORM, keep=True)
    assert found.pixels[3, :, 0, 0].tolist() == [1, 2, 3]
    # The same size, another time; then one file less.
    os.utime(path, ns=(1, 1))
    decoded(folder, names(folder), FORM, keep=True)
    decoded(folder, names(folder)[1:], FORM, keep=True)
    assert len(count_decodings) == 4
    assert len(list((tmp_path / "cache").rglob("pixels"))) == 1


def test_broken_files_are_kept_as_broken(folder, count_decodings):
    (folder / names(folder)[199]).write_bytes(b"")
    (folder / names(folder)[64]).write_bytes(b"text")
    for _ in range(2):
        found = decoded(folder, names(folder), FORM, keep=True)
        assert found.broken == {64: "its content is no picture of a kind that is read here", 199: "it is empty"}
        assert found.pixels[64].sum() == 0
        assert found.moments[64].sum() == 0
    assert len(count_decodings) == 1


def test_without_a_cache_nothing_stays(folder, tmp_path, monkeypatch, count_decodings):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", None)
    found = decoded(folder, names(folder), FORM, keep=False)
    assert found.pixels[:, 0, 0, 0].tolist() == [40 + n % 30 for n in range(130)] + [220 + n % 30 for n in range(70)]
    assert list((tmp_path / "temporary").iterdir()) == []
    assert not (tmp_path / "cache").exists()
    assert decoded(folder, names(folder), FORM, keep=False).pixels.shape == found.pixels.shape
    assert len(count_decodings) == 2


def test_pixels_are_mapped_not_read(folder, tmp_path):
    found = decoded(folder, names(folder), FORM, keep=True)
    (path,) = (tmp_path / "cache").rglob("pixels")
    with path.open("r+b") as file:
        file.write(bytes([77]))
    assert found.pixels[0, 0, 0, 0] == 77


def decode_when_told(folder, place, number):
    """Of a process of its own: how often it decoded, and the sum that it got, into ``place/answer.number``."""
    os.environ["XDG_CACHE_HOME"] = str(place / "cache")
    calls, real = [], pixel_cache.decode_files
    pixel_cache.decode_files = lambda *arguments: calls.append(1) or real(*arguments)
    chosen = names(folder)
    (place / f"ready.{number}").touch()
    while not (place / "go").exists():
        pass
    total = int(decoded(folder, chosen, FORM, keep=True).pixels.sum())
    (place / f"answer.{number}").write_text(f"{len(calls)} {total}")


@pytest.mark.fault(
    "Three processes need the same decoded pictures at once",
    "one decodes, the others wait",
)
def test_of_several_processes_at_once_one_decodes_and_the_others_wait(folder, tmp_path):
    processes = [CONTEXT.Process(target=decode_when_told, args=(folder, tmp_path, number)) for number in range(3)]
    for process in processes:
        process.start()
    end = time.monotonic() + 60
    while len(list(tmp_path.glob("ready.*"))) < 3 and time.monotonic() < end:
        time.sleep(0.01)
    (tmp_path / "go").touch()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    answers = [path.read_text() for path in tmp_path.glob("answer.*")]
    total = int(decoded(folder, names(folder), FORM, keep=True).pixels.sum())
    assert sorted(answers) == [f"0 {total}", f"0 {total}", f"1 {total}"]


@pytest.mark.fault(
    "A process was killed while it decoded pictures",
    "its leavings are cleared away, the pictures decoded again",
)
def test_what_a_killed_process_left_is_cleared_away(folder, tmp_path):
    decoded(folder, names(folder), FORM, keep=True)
    (place,) = (tmp_path / "cache").rglob("pixels")
    left = place.parent.parent / "part-dead"
    left.mkdir()
    os.utime(left, (1, 1))
    decoded(folder, names(folder)[1:], FORM, keep=True)
    assert not left.exists()


def test_too_little_room_is_said_before_anything_is_written(folder, monkeypatch):
    from collections import namedtuple

    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(pixel_cache.shutil, "disk_usage", lambda path: usage(0, 0, 100))
    with pytest.raises(DataError, match=r"expected 0\.0 GB of room for 200 decoded pictures, got 0\.0 GB\. Choose"):
        decoded(folder, names(folder), FORM, keep=True)


@pytest.mark.fault(
    "The cache of decoded pictures cannot be written",
    "“Decoded pictures cannot be kept (…). Choose another cache folder …”",
)
def test_a_cache_folder_that_cannot_be_written_is_said(folder, tmp_path):
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(DataError, match=r"cannot be kept .* XDG_CACHE_HOME, or --data\.cache false"):
        decoded(folder, names(folder), FORM, keep=True)


@pytest.mark.fault(
    "A process that decodes dies",
    "“… a process that decodes was ended. Start again: it goes on.”",
)
def test_a_process_that_dies_while_decoding_is_an_error_and_the_next_start_goes_on(folder, tmp_path, monkeypatch):
    program = tmp_path / "dies.py"
    program.write_text("import sys; sys.stdin.readline(); sys.stdin.readline()")
    with monkeypatch.context() as patched:
        patched.setattr(decoding.decoder, "__file__", str(program))
        with pytest.raises(DataError, match="a process that decodes was ended"):
            decoded(folder, names(folder), FORM, keep=True)
    assert list((tmp_path / "cache").rglob("facts.json")) == []
    check_pixels(decoded(folder, names(folder), FORM, keep=True))
