from scripted_networks import VOCABULARY, CharacterTokenizer

from dlcore.text import END, UNKNOWN
from dlcore.text.tokenizer import read_prompt


class TextbookTokenizer(CharacterTokenizer):
    """Cuts at blanks, and knows a word or does not."""

    def encode(self, text):
        return [self.vocabulary.id(word) for word in text.split()]


def ids(*words):
    return (END, *(VOCABULARY.id(word) for word in words))


def test_an_empty_prompt_is_the_beginning_of_a_text():
    assert read_prompt("", CharacterTokenizer()).ids == (END,)


def test_known_words_are_looked_up():
    prompt = read_prompt("明月，A", CharacterTokenizer())
    assert (prompt.ids, prompt.unknown) == (ids("明月", "，", "A"), "")


def test_unknown_characters_are_named_once_and_kept_in_the_text():
    prompt = read_prompt("龘明🙂龘B", CharacterTokenizer())
    assert prompt.ids == (END, UNKNOWN, VOCABULARY.id("明"), UNKNOWN, UNKNOWN, UNKNOWN)
    assert prompt.unknown == "龘🙂B"
    assert prompt.text == "龘明🙂龘B"


def test_a_character_that_is_known_only_within_a_word_is_not_named():
    assert read_prompt("不知道龘", CharacterTokenizer()).unknown == "龘"


def test_an_unknown_word_falls_to_its_characters():
    prompt = read_prompt("明月 秋月龘 春", TextbookTokenizer())
    assert prompt.ids == (*ids("明月"), UNKNOWN, *ids("秋", "月")[1:], UNKNOWN, UNKNOWN, *ids("春")[1:])
    assert read_prompt("秋月", TextbookTokenizer()).ids == ids("秋", "月")


def test_an_empty_line_is_the_end_of_a_document():
    ids = read_prompt("明\n \n月\n\n\n", CharacterTokenizer()).ids
    assert ids == (END, VOCABULARY.id("明"), END, VOCABULARY.id("月"), END)
    assert read_prompt("明\n月", CharacterTokenizer()).ids.count(END) == 1
