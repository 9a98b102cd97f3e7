"""What dlcore keeps is the user's alone, and what others leave in shared places is not read."""

import os
import stat
import sys
import tempfile
from pathlib import Path

import pytest

import dlcore
from dlcore.cache import cache_folder, open_cache
from dlcore.data import drawn_clothing
from dlcore.data.images import circles
from dlcore.text.dictionary import Dictionary
from dlcore.text.segmentation import Segmenter
from dlcore.text.word_tables import WordTables

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has other rights")
SENTENCE = "北京冬奥的进度条已经过半"


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def wide(workplace, monkeypatch):
    """A working folder of a user who lets others into what he makes."""
    before = os.umask(0)
    yield workplace
    os.umask(before)


def test_the_cache_is_the_users_alone(wide, monkeypatch):
    monkeypatch.setattr(circles, "COUNTS", {"train": 4, "val": 2, "test": 2})
    circles.circles_folder()
    WordTables.of(Dictionary("明月 5\n".encode()))
    assert mode(cache_folder()) == 0o700
    assert {mode(path) for path in cache_folder().iterdir()} == {0o700}


@pytest.mark.fault("the cache folder lets others in", "nothing: it is closed")
def test_a_cache_that_was_open_is_closed(wide):
    cache_folder().mkdir(parents=True, mode=0o777)
    assert mode(cache_folder()) == 0o777
    open_cache(cache_folder() / "words")
    assert mode(cache_folder()) == 0o700


@pytest.mark.fault(
    "the cache folder belongs to another user", "it belongs to another user; choose a folder of your own"
)
def test_the_cache_of_another_user_is_not_used(workplace, monkeypatch):
    cache_folder().mkdir(parents=True)
    monkeypatch.setattr(os, "getuid", lambda: 54_321)
    with pytest.raises(
        PermissionError, match="it belongs to another user; choose a folder of your own: XDG_CACHE_HOME"
    ):
        open_cache(cache_folder() / "words")


@pytest.mark.fault("another user's tables of words in a shared cache", "nothing: they are built again")
def test_tables_of_another_user_are_not_read(workplace, monkeypatch):
    dictionary = Dictionary("明月 5\n春风 3\n".encode())
    right = list(WordTables.of(dictionary).weights)
    (kept,) = (cache_folder() / "words").rglob("more.json")
    kept.write_text('{"unknown": "0x1p+10", "force_split": []}')
    assert WordTables.of(dictionary).unknown == 2.0**10  # it is believed, so it must be the user's own
    monkeypatch.setattr(os, "getuid", lambda: 54_321)
    tables = WordTables.of(dictionary)
    assert tables.unknown != 2.0**10
    assert list(tables.weights) == right


@pytest.mark.fault("a hostile jieba.cache in the shared temporary folder", "nothing: it is never read")
def test_jiebas_own_cache_is_neither_read_nor_written(workplace, monkeypatch):
    import marshal

    shared = workplace / "shared_tmp"
    shared.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(shared))
    words = {SENTENCE[start:end]: 10**9 for start in range(9) for end in range(start + 2, 10)}
    (shared / "jieba.cache").write_bytes(marshal.dumps((words, 10**9)))
    (shared / "jieba.cache").chmod(0o666)
    planted = (shared / "jieba.cache").stat()
    os.utime(shared / "jieba.cache", (planted.st_atime + 10**6, planted.st_mtime + 10**6))  # newer than any dictionary
    cut = list(Segmenter(Dictionary()).cut(SENTENCE))
    assert "".join(cut) == SENTENCE
    assert "冬奥的进度条" not in cut
    assert "北京" in cut
    assert [path.name for path in shared.iterdir()] == ["jieba.cache"]
    assert (shared / "jieba.cache").stat().st_size == planted.st_size


def test_nothing_has_a_name_in_the_temporary_folder_that_others_can_guess():
    for path in Path(dlcore.__file__).parent.rglob("*.py"):
        text = path.read_text("utf-8")
        assert "gettempdir" not in text, path
        assert "mktemp(" not in text, path
        assert '"/tmp' not in text, path


def test_the_sample_needs_no_file():
    """The drawn clothing is made in memory: there is nothing that somebody else could have put there."""
    assert drawn_clothing.draw_clothing(2, 0)[0].shape == (2, 28, 28)
