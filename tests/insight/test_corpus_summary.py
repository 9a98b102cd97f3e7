"""What is in a corpus, counted by hand, and shown."""

import pytest

from dlcore.cli.show.data import SUBJECT
from dlcore.cli.show.data_tables import show_corpus
from dlcore.cli.show.subject import read_words
from dlcore.data import ChineseCorpus
from dlcore.errors import ArgumentError
from dlcore.insight.corpus_summary import PartSummary, document_words, summarize_corpus


@pytest.fixture
def songs(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "歌.txt").write_text("\n\n".join("月" * (number + 1) + "\n光 ｂ" for number in range(40)))
    data = ChineseCorpus(str(tmp_path / "歌.txt"), level="char", batch_size=2)
    data.setup("fit")
    return data


def test_parts_are_counted(songs):
    train, val, test = summarize_corpus(songs)
    assert test == PartSummary("test", 2, 20 + 40 + 8 + 2, 20 + 40 + 8, 0, (24, 44, 44))
    assert val == PartSummary("val", 1, 21 + 4 + 1, 25, 0, (25, 25, 25))
    assert train.lengths == (5, 23, 43)


def test_words_are_counted(songs):
    counts = dict(zip(songs.vocabulary.words, songs.parts["train"].word_counts(7).tolist(), strict=True))
    assert counts == {"<unk>": 0, "<end>": 37, "月": 820 - 20 - 21 - 40, "\n": 37, " ": 37, "b": 37, "光": 37}


def test_a_document_and_its_cuts(songs):
    assert document_words(songs, "train", 1) == ["月", "月", "\n", "光", " ", "b"]
    with pytest.raises(ArgumentError, match="--index: expected a document of val, 0 to 0, got 1"):
        document_words(songs, "val", 1)


def test_it_is_shown(songs, capsys):
    show_corpus(read_words(SUBJECT, []), songs, "train", 1)
    shown = capsys.readouterr().out
    assert "月|月\n光| |b" in shown
    assert "月 739, line break 37, space 37, b 37, 光 37" in shown
    with pytest.raises(ArgumentError, match="--out: expected data that are drawn"):
        show_corpus(read_words(SUBJECT, ["--out", "a.png"]), songs, "train", 1)
