"""An entry of the cache is built once, whole, by one process at a time."""

import threading
import time

import pytest

from dlcore.cache import cached_entry, locked


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "dlcore" / "things" / "a"


def read(folder):
    return (folder / "text").read_text() if (folder / "text").is_file() else None


def beside(place):
    return sorted(path.name for path in place.parent.iterdir())


def test_what_waits_for_another_process_says_so(place, capsys):
    place.parent.mkdir(parents=True)
    found = []
    with locked(place.parent / "lock"):
        waits = threading.Thread(
            target=lambda: found.append(cached_entry(place, read, lambda folder: (folder / "text").write_text("new")))
        )
        waits.start()
        end = time.monotonic() + 60
        said = ""
        while not said and time.monotonic() < end:
            said = capsys.readouterr().err
            time.sleep(0.01)
        assert found == []
    waits.join(60)
    assert found == ["new"]
    assert said == f"dlcore: another process is making {place}: this one waits.\n"


def cut_short(folder):
    (folder / "begun").write_text("half")
    raise KeyboardInterrupt


def test_what_was_interrupted_goes_on_where_that_is_possible(place):
    with pytest.raises(KeyboardInterrupt):
        cached_entry(place, read, cut_short, goes_on=True)
    assert not place.exists()

    def go_on(folder):
        (folder / "text").write_text((folder / "begun").read_text() + " and whole")

    assert cached_entry(place, read, go_on, goes_on=True) == "half and whole"
    assert beside(place) == ["a", "lock"]


def test_elsewhere_nothing_is_left_of_it(place):
    with pytest.raises(KeyboardInterrupt):
        cached_entry(place, read, cut_short)
    assert beside(place) == ["lock"]


def test_the_unfinished_entry_of_other_data_is_deleted(place):
    with pytest.raises(KeyboardInterrupt):
        cached_entry(place, read, cut_short, goes_on=True)
    other = place.with_name("b")
    assert cached_entry(other, read, lambda folder: (folder / "text").write_text("b"), goes_on=True) == "b"
    assert beside(place) == ["b", "lock"]


def test_on_a_full_disk_nothing_is_left_of_it(place):
    def fill(folder):
        (folder / "begun").write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        cached_entry(place, read, fill, goes_on=True)
    assert beside(place) == ["lock"]


def test_an_entry_that_cannot_be_read_back_is_an_error(place):
    with pytest.raises(OSError, match="cannot be read after it was written"):
        cached_entry(place, read, lambda folder: None)
