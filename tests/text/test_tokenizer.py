"""Any text becomes numbers, as the training text did; a checkpoint alone is enough."""

import pytest
import torch

from dlcore.errors import DataError
from dlcore.text import UNKNOWN, Tokenizer, Vocabulary
from dlcore.text.dictionary import Dictionary
from dlcore.text.segmentation import Segmenter

WORDS = ["，", "明月", "\n", "a", "几时", "有", "明", "月", "时", "进度条"]


@pytest.fixture
def tokenizer(make_segmenter):
    return Tokenizer(Vocabulary(WORDS), make_segmenter())


def words_of(tokenizer, ids):
    return [tokenizer.vocabulary.words[number] for number in ids]


def test_words_are_looked_up_and_others_split(tokenizer):
    assert words_of(tokenizer, tokenizer.encode("明月几时有，\n有时")) == [
        *("明月", "几时", "有", "，", "\n", "有", "时"),
    ]


def test_words_that_are_not_split_are_unknown(make_segmenter):
    tokenizer = Tokenizer(Vocabulary(WORDS), make_segmenter(), split=False)
    assert tokenizer.encode("有时") == [UNKNOWN]
    assert tokenizer.encode("有，时") == [tokenizer.vocabulary.id(word) for word in "有，时"]


def test_a_text_that_is_a_word_stays_one(make_segmenter):
    tokenizer = Tokenizer(Vocabulary(["有时时有", "有", "时"]), make_segmenter())
    assert words_of(tokenizer, tokenizer.encode("有时时有")) == ["有时时有"]
    assert words_of(tokenizer, tokenizer.encode("有时时有有")) == ["有", "时", "时", "有", "有"]


@pytest.mark.parametrize(
    "prompt", ["", "🙂👩\u200d👧", "GPT-4 is 100%", "憂鬱的臺灣烏龜", "明月" * 1000, "\x00\ud800", "𠮷"]
)
def test_any_prompt_works(tokenizer, prompt):
    ids = tokenizer.encode(prompt)
    assert all(0 <= number < len(tokenizer.vocabulary) for number in ids)
    assert len(ids) == (1000 if "明月" in prompt else len(ids))
    assert bool(ids) == bool(prompt)


def test_text_is_normalised_first(tokenizer):
    assert tokenizer.encode("明月\r\n\u3000ａ") == tokenizer.encode("明月\n a")


def test_there_and_back(tokenizer):
    text = "明月几时有，\n明月a"
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.encode("明龘")[1] == UNKNOWN


@pytest.mark.parametrize("split", [True, False])
@pytest.mark.parametrize("hmm", [True, False])
@pytest.mark.parametrize("own", [True, False])
def test_a_checkpoint_alone_is_enough(make_segmenter, shared_cache, tmp_path, split, hmm, own):
    dictionary = Dictionary("明月 5\n月几 99\n甲乙 7\n".encode(), "几时有 3\n".encode(), "我的.txt") if own else None
    before = Tokenizer(Vocabulary([*WORDS, "几时有"]), make_segmenter(dictionary, hmm), split, 1.5)
    torch.save(before.state(), tmp_path / "state")
    after = Tokenizer.from_state(torch.load(tmp_path / "state", weights_only=True))
    text = "明月几时有，把酒问青天。月几明，甲乙a1b2🙂进度条"
    assert after.encode(text) == before.encode(text)
    assert after.segmenter.cut(text) == before.segmenter.cut(text)
    assert after.state() == before.state()
    assert (after.unknown_characters, after.split) == (1.5, split)


def test_a_tokenizer_of_characters(tmp_path):
    before = Tokenizer(Vocabulary(["明", "月"]), Segmenter(None))
    after = Tokenizer.from_state(before.state())
    assert after.encode("明月明") == [2, 3, 2]


def test_another_version_of_jiebas_dictionary_is_noticed(tokenizer, monkeypatch):
    state = tokenizer.state()
    monkeypatch.setattr("dlcore.text.dictionary.jieba_words", lambda: b"another 1\n")
    with pytest.raises(DataError, match=r"got that of another version\. Install jieba==0\.42\.1"):
        Tokenizer.from_state(state)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("甲乙 5\n丙\n", r"词\.txt, line 2: expected a word, a space and its frequency"),
        ("甲乙 x\n", "line 1: expected a word"),
        ("甲乙 -3\n", "line 1: expected a word"),
        ("甲乙 0\n", "expected words with frequencies, got none"),
        ("", "expected words with frequencies, got none"),
        (b"\xff\xfe", "line 1: expected UTF-8"),
    ],
)
def test_dictionaries_that_are_none(tmp_path, content, message):
    path = tmp_path / "词.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=message):
        Dictionary.of_files(str(path), None)


def test_dictionaries_of_files(tmp_path):
    (tmp_path / "大.txt").write_bytes("\ufeff甲乙 5 n\r\n丙 3\r\n".encode())
    (tmp_path / "我.txt").write_bytes("丙丁\r\n".encode())
    (tmp_path / "坏.txt").write_bytes("丙丁".encode("gbk"))
    made = Dictionary.of_files(str(tmp_path / "大.txt"), str(tmp_path / "我.txt"))
    assert Segmenter(made).cut("甲乙丙丁") == ["甲乙", "丙丁"]
    with pytest.raises(DataError, match=r"坏\.txt, line 1: expected UTF-8"):
        Dictionary.of_files(None, str(tmp_path / "坏.txt"))
    for words in ((str(tmp_path / "none"), None), (None, str(tmp_path / "none"))):
        with pytest.raises(ValueError, match="expected a file of words"):
            Dictionary.of_files(*words)
