"""Names of very many files take little memory, and read like a list."""

import os

import pytest

from dlcore.cache import hash_of
from dlcore.data.images.file_names import PIECE, FileNames

NAMES = ["cats/图 000.png", "b", os.fsdecode(b"dogs/\xb9\xb7.png"), "dogs/a.jpg"]


def test_they_read_like_a_list():
    names = FileNames(NAMES)
    assert list(names) == NAMES
    assert names == NAMES
    assert names != NAMES[1:]
    assert names != [*NAMES[:3], "dogs/b.jpg"]
    assert [names[place] for place in (0, -1, 2)] == [NAMES[0], NAMES[3], NAMES[2]]
    assert (names[1:3], names[3:1], names[::2], names[-2:]) == (NAMES[1:3], [], NAMES[::2], NAMES[-2:])
    assert (len(names), len(FileNames()), list(FileNames())) == (4, 0, [])
    with pytest.raises(IndexError):
        names[4]


def test_more_than_a_piece_are_appended_in_turn():
    expected = [f"class{number % 7}/{number}.jpg" for number in range(2 * PIECE + 3)]
    names = FileNames(expected[:5])
    names.extend(iter(expected[5:]))
    assert names == expected
    assert names[PIECE - 1 : PIECE + 2] == expected[PIECE - 1 : PIECE + 2]


def test_for_reading_bytes_that_are_no_text_are_spelled_out():
    shown = FileNames(NAMES).decoded()
    assert shown[2] == r"dogs/\xb9\xb7.png"
    assert list(shown) == [NAMES[0], "b", r"dogs/\xb9\xb7.png", "dogs/a.jpg"]


def test_the_hash_is_that_of_the_lines():
    assert FileNames(NAMES).hash == hash_of(NAMES)


def test_a_name_takes_its_bytes_and_nine_more():
    names = FileNames(f"class0/{number:07}.jpg" for number in range(10_000))
    assert names.nbytes <= 10_001 * (len("class0/0000000.jpg") + 9)
