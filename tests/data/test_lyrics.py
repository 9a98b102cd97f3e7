"""The built-in Chinese corpus: whole songs, enough of them, each once, in clean text."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

import dlcore

FOLDER = Path(dlcore.__file__).parent / "data" / "lyrics"
FILES = sorted(FOLDER.glob("*.txt"))
HAN = re.compile("[\u4e00-\u9fff]")
PUNCTUATION = "，。！？：；、“”‘’（）《》…—"


def songs_of(path: Path) -> list[list[str]]:
    """The lines of each song; the first is its title."""
    return [song.split("\n") for song in path.read_text(encoding="utf-8").rstrip("\n").split("\n\n")]


@pytest.fixture(scope="module")
def songs() -> list[list[str]]:
    return [song for path in FILES for song in songs_of(path)]


def test_there_are_enough_songs_and_characters(songs: list[list[str]]) -> None:
    assert len(FILES) >= 10
    assert len(songs) >= 200
    assert sum(len(HAN.findall(path.read_text(encoding="utf-8"))) for path in FILES) >= 38_000


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_is_clean_text(path: Path) -> None:
    content = path.read_bytes()
    assert not content.startswith(b"\xef\xbb\xbf")
    text = content.decode()
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert "\n\n\n" not in text
    assert all(line == line.strip() for line in text.split("\n"))
    assert sorted({char for char in text if not HAN.match(char) and char not in PUNCTUATION + "\n"}) == []


def test_a_song_has_a_short_title_and_at_least_four_lines(songs: list[list[str]]) -> None:
    for title, *lines in songs:
        assert HAN.findall(title) == list(title)
        assert 1 <= len(title) <= 12
        assert len(lines) >= 4, title
        assert all(lines), title
        assert max(map(len, lines)) <= 40, title


def test_no_song_and_no_title_comes_twice(songs: list[list[str]]) -> None:
    assert Counter(title for title, *_ in songs).most_common(1)[0][1] == 1
    assert Counter(tuple(lines) for _, *lines in songs).most_common(1)[0][1] == 1


def test_songs_do_not_share_their_lines(songs: list[list[str]]) -> None:
    counts = Counter(line for _, *lines in songs for line in set(lines))
    assert counts.most_common(1)[0][1] <= 4


def test_the_readme_gives_the_true_counts(songs: list[list[str]]) -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    characters = sum(len(HAN.findall(path.read_text(encoding="utf-8"))) for path in FILES)
    assert f"{len(songs)} short songs" in readme
    assert f"{characters:,} Chinese characters" in readme
    assert re.findall(r"`(\w+\.txt)`", readme) == [path.name for path in FILES]
