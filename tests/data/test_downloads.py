import threading
import time
from pathlib import Path

import pytest

from dlcore.cache import cache_folder
from dlcore.data.downloads import download


def test_the_cache_lies_where_the_user_wants_it(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "缓存"))
    assert cache_folder() == tmp_path / "缓存" / "dlcore"


@pytest.mark.parametrize("value", [None, ""])
def test_the_cache_lies_in_the_home_folder_unless_said_otherwise(monkeypatch, value):
    if value is None:
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    else:
        monkeypatch.setenv("XDG_CACHE_HOME", value)
    assert cache_folder() == Path.home() / ".cache" / "dlcore"


def _fill(folder: Path) -> None:
    (folder / "inner").mkdir()
    (folder / "inner" / "wanted").write_text("new")
    (folder / "inner" / "packed").write_text("not wanted")


def test_keeps_the_named_files_and_nothing_else(tmp_path):
    root = tmp_path / "root"
    download(_fill, root, [Path("inner/wanted")], patience=10)
    assert [path.relative_to(root) for path in root.rglob("*") if path.is_file()] == [Path("inner/wanted")]
    assert [path.name for path in root.iterdir()] == ["inner"]


def test_replaces_what_was_there(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "wanted").write_text("old")
    download(_fill, tmp_path, [Path("inner/wanted")], patience=10)
    assert (tmp_path / "inner" / "wanted").read_text() == "new"


def test_the_files_are_not_seen_before_they_are_whole(tmp_path):
    seen = []

    def fill(folder: Path) -> None:
        _fill(folder)
        seen.append((tmp_path / "inner" / "wanted").exists())

    download(fill, tmp_path, [Path("inner/wanted")], patience=10)
    assert seen == [False]


def test_fills_a_folder_on_the_file_system_that_keeps_the_files(tmp_path):
    folders = []
    download(folders.append, tmp_path, [], patience=10)
    assert folders[0].parent == tmp_path


def test_what_goes_wrong_is_passed_on_and_nothing_is_kept(tmp_path):
    def fill(folder: Path) -> None:
        _fill(folder)
        raise OSError("the line is cut")

    with pytest.raises(OSError, match="the line is cut"):
        download(fill, tmp_path, [Path("inner/wanted")], patience=10)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.fault(
    "A download stands still",
    "“nothing came for 20 seconds”; no half file",
)
def test_gives_up_when_nothing_comes(tmp_path):
    silence = threading.Event()

    def fill(folder: Path) -> None:
        _fill(folder)
        silence.wait(60)

    with pytest.raises(TimeoutError, match=r"^nothing came for 0\.1 seconds$"):
        download(fill, tmp_path, [Path("inner/wanted")], patience=0.1)
    silence.set()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.fault(
    "A download is very slow",
    "nothing: it is waited for as long as something comes",
)
def test_waits_for_as_long_as_something_comes(tmp_path):
    def fill(folder: Path) -> None:
        end = time.monotonic() + 2.5
        with (folder / "wanted").open("wb") as file:
            while time.monotonic() < end:
                file.write(b"some")
                file.flush()
                time.sleep(0.01)

    download(fill, tmp_path, ["wanted"], patience=1.0)
    assert (tmp_path / "wanted").stat().st_size > 0
