"""Dictionaries of the user's own: each line is used, or named by its number; jieba's state changes nothing."""

import pytest

from dlcore.errors import ArgumentError, DataError
from dlcore.text.dictionary import Dictionary, quiet_jieba


@pytest.fixture
def read(tmp_path):
    """Read a file of words; it is the user's, or stands for jieba's."""

    def read(content, instead=False):
        path = tmp_path / "词.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return Dictionary.of_files(str(path) if instead else None, None if instead else str(path))

    return read


@pytest.mark.parametrize(
    "line",
    [
        "明月\t5",
        "明月,5",
        "明月，5",
        "明月  5",
        "明月 5.5",
        "明月 5 N",
        "明月 n 5",
        "明月 -5",
        "明月、东风",
        "New York",
    ],
)
def test_a_line_of_another_form_is_refused_with_its_number(read, line):
    with pytest.raises(DataError, match=r"词\.txt, line 4: expected a word.* one space between .*, got '" + line[:2]):
        read(f"春风\n\n东风 5 n\n{line}\n秋风\n")


def test_every_form_of_jieba_is_taken(read):
    content = "\ufeff  春风  \r\n东风 5\r\n\r\n西风 nz\n南风 0 n\n中国C++ 3\n"
    assert read(content).user.decode() == "春风\n东风 5\n西风 nz\n南风 0 n\n中国C++ 3\n"


def test_words_are_normalised_as_the_text_is(read, own_cache, make_segmenter):
    dictionary = read("Ｔ恤衫厂　５\n")
    assert dictionary.user.decode() == "T恤衫厂 5\n"
    assert make_segmenter(read("Ｔ恤衫厂\n")).cut("他在T恤衫厂") == ["他", "在", "T恤衫厂"]
    assert read("Ｔ恤 5\n", instead=True).content.decode() == "T恤 5\n"


def test_words_that_can_never_be_cut_are_told(read):
    assert read("李·白 5\n明月\n二〇二〇\n*号 n\n𠮷野家\nGPT-4\n").never_cut() == ["李·白", "二〇二〇", "*号", "𠮷野家"]
    assert read("明月 5\n李·白 5\n", instead=True).never_cut() == ["李·白"]
    assert Dictionary().never_cut() == []


@pytest.mark.parametrize("instead", [False, True])
def test_files_without_words_or_of_another_encoding(read, instead):
    with pytest.raises(DataError, match=r"词\.txt: expected words.*, got none"):
        read("\n \n", instead)
    with pytest.raises(DataError, match=r"词\.txt, line 3: expected UTF-8, got "):
        read("东风 5\n\n".encode() + "明月 5\n".encode("gb18030"), instead)
    argument = "dictionary" if instead else "user_dict"
    with pytest.raises(ArgumentError, match=f"{argument}: expected a file of words, got 'gone.txt'"):
        Dictionary.of_files(*(("gone.txt", None) if instead else (None, "gone.txt")))


def test_what_jieba_read_elsewhere_in_the_process_changes_nothing(monkeypatch):
    split = quiet_jieba().finalseg.Force_Split_Words
    monkeypatch.setattr(quiet_jieba().finalseg, "Force_Split_Words", split | {"杭研", "大厦"})
    assert Dictionary("网易 5\n".encode(), "杭研 0\n".encode()).read()[2] == ["杭研"]
    assert quiet_jieba().finalseg.Force_Split_Words == split | {"杭研", "大厦"}
    assert Dictionary("网易 5\n".encode()).read()[2] == []
