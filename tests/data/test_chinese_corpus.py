"""ChineseCorpus as a whole: facts, parts, batches, what is said."""

import math
from collections import Counter
from pathlib import Path

import pytest
import torch
from corpus_poems import POEMS, corpus

from dlcore.data import ChineseCorpus
from dlcore.data.chinese_corpus import _LYRICS
from dlcore.errors import ArgumentError
from dlcore.text import NO_TARGET


def test_what_a_model_may_ask_for(poems, capsys):
    facts = corpus(poems).facts()
    characters = set("".join(POEMS))
    assert facts["vocab_size"] <= len(characters) + 2
    assert facts["source"] == poems
    assert (facts["train_documents"], facts["val_documents"], facts["test_documents"]) == (55, 2, 3)
    assert facts["test_tokens"] == sum(len(POEMS[number]) + 1 for number in (19, 39, 59))
    assert facts["test_characters"] == facts["test_tokens"] - 3
    assert all(isinstance(value, int | str) for value in facts.values())
    assert "data: UTF-8 text, documents: 55 train, 2 val, 3 test;" in capsys.readouterr().out


def test_the_entropy_of_words(poems):
    data = corpus(poems)
    data.setup("fit")
    counts = Counter(data.parts["train"].tokens.tolist())
    total = sum(counts.values())
    assert data.unigram_entropy == pytest.approx(-sum(n / total * math.log(n / total) for n in counts.values()))
    assert data.unigram_entropy < math.log(len(data.vocabulary))


def test_words_by_jieba(poems):
    data = corpus(poems, level="word")
    assert "明月" in data.vocabulary
    assert "\n" in data.vocabulary
    assert data.tokenizer.decode(data.parts["test"].document(0).tolist()) == POEMS[19]


def test_characters_of_targets_are_added_on_the_device(poems):
    data = corpus(poems, level="word")
    data.setup("fit")
    words = data.vocabulary.words
    for batch in [*data.train_dataloader(), *data.val_dataloader()]:
        moved = data.on_after_batch_transfer(batch, 0)
        assert moved.characters.dtype == torch.float32
        expected = [
            0 if target in (NO_TARGET, 1) else 1 if target == 0 else len(words[target])
            for target in batch.targets.flatten().tolist()
        ]
        assert moved.characters.flatten().tolist() == expected
    assert data.on_after_batch_transfer("other", 0) == "other"


def test_an_evaluation_charges_all_characters(poems):
    data = corpus(poems, level="word")
    facts = data.facts()
    batches = [data.on_after_batch_transfer(batch, 0) for batch in data.test_dataloader()]
    assert sum(int((batch.targets != NO_TARGET).sum()) for batch in batches) == facts["test_tokens"]
    assert sum(float(batch.characters.sum()) for batch in batches) == facts["test_characters"]


def test_parts_that_are_empty_are_others(poems):
    data = corpus(poems, val_size=0)
    data.setup("fit")
    assert data.parts["val"] is data.parts["test"]
    data = corpus(poems, test_size=0, val_size=7)
    data.setup("fit")
    assert data.parts["test"] is data.parts["val"]
    assert data.parts["val"].documents == 7
    data = corpus(poems, test_size=0, val_size=0)
    data.setup("fit")
    assert data.parts["test"] is data.parts["val"] is data.parts["train"]


@pytest.mark.skipif(not list(_LYRICS.glob("*.txt")), reason="needs the lyrics")
def test_the_builtin_lyrics(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    data = ChineseCorpus(builtin="lyrics", level="char", batch_size=2)
    assert data.facts()["source"] == "lyrics, written for dlcore"
    assert len(data.train_dataloader()) > 0


def test_gb18030_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "旧.txt").write_bytes("\r\n\r\n".join(POEMS).replace("\n", "\r\n").encode("gb18030"))
    data = corpus(str(tmp_path / "旧.txt"))
    data.facts()
    assert "data: GB18030 text" in capsys.readouterr().out
    assert data.tokenizer.decode(data.parts["test"].document(0).tolist()) == POEMS[19]


def test_an_encoding_is_taken_at_ones_word(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "古.txt").write_bytes("\n\n".join(POEMS).replace("几时", "幾時").encode("utf-16"))
    data = corpus(str(tmp_path / "古.txt"), encoding="UTF-16")
    data.facts()
    assert "data: UTF-16 text, documents: 55 train, 2 val, 3 test" in capsys.readouterr().out
    assert data.tokenizer.decode(data.parts["test"].document(0).tolist()) == POEMS[19].replace("几时", "幾時")


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"root": "absent.txt"}, ArgumentError, "root: expected a text file, a folder or a pattern, got 'absent.txt'"),
        ({"root": None}, ArgumentError, r"root: expected a text file or a folder, got nothing\. .*builtin lyrics"),
        ({"root": []}, ArgumentError, "root: expected at least one file"),
        ({"builtin": "songs"}, ArgumentError, "builtin: expected lyrics, got 'songs'"),
        ({"documents": "line"}, ArgumentError, "documents: expected blank_line or file or none, got 'line'"),
        ({"level": "letter"}, ArgumentError, "level: expected word or char"),
        ({"rare": "drop"}, ArgumentError, "rare: expected split or unknown"),
        ({"min_freq": 0}, ArgumentError, "min_freq: expected a whole number at least 1, got 0"),
        ({"sequence_length": 0}, ArgumentError, "sequence_length: expected a whole number at least 1"),
        (
            {"batch_size": 10**6},
            ArgumentError,
            r"batch_size: expected a batch that .* tokens can fill .* smaller",
        ),
        ({"test_size": 60}, ArgumentError, "test_size: expected at most 59 of 60 documents, got 60"),
        ({"val_size": 1.5}, ArgumentError, "val_size: expected a share"),
        ({"user_dict": "none.txt", "level": "word"}, ArgumentError, "user_dict: expected a file of words"),
        ({"user_dict": "none.txt"}, ArgumentError, "user_dict: expected nothing where level is char, got 'none.txt'"),
        ({"dictionary": "none.txt"}, ArgumentError, r"dictionary: expected nothing .*\(--data.dictionary null\)"),
        ({"hmm": True}, ArgumentError, r"hmm: expected nothing .*\(--data.hmm false\), or set --data.level word"),
        ({"encoding": "gb2313"}, ArgumentError, r"encoding: expected the name of an encoding .*, got 'gb2313'"),
        ({"encoding": "rot13"}, ArgumentError, "encoding: expected the name of an encoding"),
        (
            {"root": None, "builtin": "lyrics", "encoding": "gbk"},
            ArgumentError,
            "encoding: expected nothing with built",
        ),
        ({"max_words": 9}, ArgumentError, "max_words: expected nothing where .* or set --data.rare unknown"),
    ],
)
def test_bad_settings_name_argument_and_remedy(poems, settings, error, message):
    with pytest.raises(error, match=message):
        corpus(**{"root": poems, **settings}).train_dataloader()


def test_most_words_are_most_characters_where_rare_ones_are_unknown(poems):
    assert len(corpus(poems, max_words=5, rare="unknown").vocabulary) == 2 + 5


def test_a_file_that_is_named_twice_is_read_once(poems, capsys):
    once, twice = corpus(poems), corpus([poems, str(Path(poems).parent / "*.txt")])
    once.setup("fit")
    twice.setup("fit")
    assert twice.parts["train"].documents == once.parts["train"].documents
    assert "data: 1 file was named more than once, and is read once" in capsys.readouterr().out


def test_a_text_too_short_to_hold_anything_out_is_told_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "短.txt").write_text("春眠不觉晓\n", encoding="utf-8")
    with pytest.raises(ArgumentError, match="The text is too short to hold some of it out: give more, or"):
        ChineseCorpus(str(tmp_path / "短.txt")).facts()
    ChineseCorpus(str(tmp_path / "短.txt"), val_size=0, test_size=0, min_freq=1).facts()
    assert "nothing is held out" in capsys.readouterr().out
