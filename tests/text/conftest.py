"""What the tests of text share."""

from pathlib import Path

import pytest
from store_texts import CHARACTERS, RULES

from dlcore.text.corpus import Corpus, token_store
from dlcore.text.dictionary import Dictionary
from dlcore.text.segmentation import Segmenter
from dlcore.text.word_tables import WordTables


@pytest.fixture(scope="session")
def jieba_tables(word_tables) -> WordTables:
    """The tables of jieba's dictionary."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(word_tables))
        return WordTables.of(Dictionary())


@pytest.fixture
def shared_cache(word_tables, monkeypatch) -> None:
    """A cache folder that has these tables."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(word_tables))


@pytest.fixture
def own_cache(tmp_path, monkeypatch) -> Path:
    """An empty cache folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "缓存"))
    return tmp_path / "缓存" / "dlcore"


@pytest.fixture
def make_segmenter(jieba_tables):
    """A segmenter by jieba's dictionary, or another one."""

    def make(dictionary: Dictionary | None = None, hmm: bool = False) -> Segmenter:
        made = Segmenter(dictionary or Dictionary(), hmm)
        if dictionary is None:
            made.__dict__["tables"] = jieba_tables
        return made

    return make


@pytest.fixture
def store_of(tmp_path, own_cache):
    """The store of a text."""

    def make(text, segmenter=CHARACTERS, rules=RULES, processes=1, name="诗.txt"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return token_store(Corpus.find(str(path)), segmenter, rules, processes)

    return make
