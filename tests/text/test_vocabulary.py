"""Words and their numbers."""

import pytest

from dlcore.text import END, UNKNOWN, Vocabulary


def test_words_have_numbers_after_the_special_ones():
    vocabulary = Vocabulary(["\n", "明月", "的"])
    assert len(vocabulary) == 5
    assert [vocabulary.id(word) for word in ("\n", "明月", "的", "清风")] == [2, 3, 4, UNKNOWN]
    assert "明月" in vocabulary
    assert "<end>" not in vocabulary


def test_a_word_of_the_text_is_never_taken_for_a_special_one():
    assert Vocabulary(["<unk>", "<end>"]).id("<end>") == 3


def test_text_and_characters():
    vocabulary = Vocabulary(["\n", "明月"])
    assert vocabulary.text([3, 2, UNKNOWN, END]) == "明月\n□\n\n"
    assert vocabulary.characters(unknown=1.5) == [1.5, 0.0, 1.0, 2.0]


def test_a_word_twice_is_refused():
    with pytest.raises(ValueError, match="twice"):
        Vocabulary(["的", "的"])
