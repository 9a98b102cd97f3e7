"""A corpus becomes numbers on disk: the right ones, once, whole or not at all."""

from collections import Counter

import numpy as np
import pytest
from store_texts import RULES, WORDS, poems

from dlcore.errors import DataError
from dlcore.text import END, UNKNOWN
from dlcore.text import corpus as corpus_module
from dlcore.text.dictionary import Dictionary
from dlcore.text.segmentation import Segmenter
from dlcore.text.store_building import Rules
from dlcore.text.token_store import part_of_each


def documents_of(store, part):
    chosen = store.part(part)
    words = ["<unk>", "<end>", *store.words]
    assert (chosen.tokens[chosen.offsets[1:].astype(int) - 1] == END).all()
    return ["".join(words[number] for number in chosen.document(place)) for place in range(chosen.documents)]


def test_documents_go_to_their_parts(store_of):
    texts = [f"第{number}首\n明月几时有" for number in range(45)]
    store = store_of("\n\n".join(texts))
    assert documents_of(store, "test") == [texts[19], texts[39]]
    assert documents_of(store, "val") == [texts[20], texts[41]]
    assert documents_of(store, "train") == [text for number, text in enumerate(texts) if number not in (19, 20, 39, 41)]
    assert store.meta["parts"]["test"] == {"documents": 2, "tokens": 22, "characters": 20, "unknown": 0}
    assert not store.meta["pieces"]


@pytest.mark.process
@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("split", [True, False])
def test_words_and_numbers_are_those_of_a_plain_count(store_of, make_segmenter, split, processes):
    texts = poems(200)
    texts[3] += "独"
    texts[19] += "外"
    rules = Rules("blank_line", 150, split, 0.05, 0.05)
    segmenter = make_segmenter(WORDS)
    store = store_of("\n\n".join(texts), segmenter, rules, processes)
    cut = [segmenter.cut(text) for text in texts]
    parts = part_of_each(200, 0.05, 0.05)
    counts = Counter(word for words, part in zip(cut, parts, strict=True) if part == 0 for word in words)
    if split:
        for word, count in list(counts.items()):
            if len(word) > 1 and count < 150:
                del counts[word]
                counts.update({sign: count * word.count(sign) for sign in set(word)})
        kept = [word for word, count in counts.items() if count >= 2]
    else:
        kept = [word for word, count in counts.items() if count >= 150]
    assert set(kept) < set(counts)  # some are rare
    assert store.words == sorted(kept, key=lambda word: (-counts[word], word))
    number_of = {word: number for number, word in enumerate(store.words, 2)}
    for place, name in enumerate(("train", "val", "test")):
        expected, characters = [], 0
        for words, part in zip(cut, parts, strict=True):
            if part == place:
                for word in words:
                    pieces = [word] if word in number_of or not split else list(word)
                    expected += [number_of.get(piece, UNKNOWN) for piece in pieces]
                    characters += len(word)
                expected.append(END)
        assert store.part(name).tokens.tolist() == expected
        assert store.meta["parts"][name]["characters"] == characters
        assert store.meta["parts"][name]["unknown"] == expected.count(UNKNOWN)
    if split:
        assert store.meta["unknown_characters"] == 1
    else:
        lost = {word: count for word, count in counts.items() if word not in number_of}
        mean = sum(len(word) * count for word, count in lost.items()) / sum(lost.values())
        assert store.meta["unknown_characters"] == pytest.approx(mean)


@pytest.mark.parametrize("split", [True, False])
def test_the_most_frequent_words_are_kept(store_of, make_segmenter, split):
    text = "\n\n".join(["明月明月何处\n有人几时东风东风东风"] * 45)
    store = store_of(text, make_segmenter(WORDS), Rules("blank_line", 3, split, 0.05, 0.05, max_words=2))
    assert store.words == [*["东风", "明月"], *(["\n", "人", "何", "几", "处", "时", "有"] if split else ["\n"])]


def test_large_vocabularies_take_four_bytes(store_of):
    text = "\n\n".join("".join(chr(0x4E00 + (number + k) % 0x5000) for k in range(8)) * 2 for number in range(0x5000))
    many = text + "\n\n" + "".join(chr(code) * 2 for code in range(0x20000, 0x2F000))
    assert store_of(text).part("train").tokens.dtype == np.uint16
    assert store_of(many).part("train").tokens.dtype == np.uint32


def test_few_documents_are_cut_at_line_breaks(store_of):
    novel = "".join(f"第{number}行" + "，明月几时有" * (number % 5) + "。\n" for number in range(2000))
    for documents in ("none", "file", "blank_line"):
        store = store_of(novel, rules=Rules(documents, 3, True, 0.05, 0.05))
        pieces = {name: documents_of(store, name) for name in ("train", "val", "test")}
        assert store.meta["pieces"]
        assert 150 < sum(map(len, pieces.values())) <= 200
        assert len(pieces["test"]) >= 8
        assert all(piece.endswith("\n") for piece in pieces["test"])
        assert "".join(pieces["train"][:5]) == novel[: len("".join(pieces["train"][:5]))]


def test_a_document_without_line_breaks_is_cut_behind_sentences_or_anywhere(store_of):
    for sign in ("。", ""):
        store = store_of(("明月几时有把酒问青天" + sign) * 3000)
        test = documents_of(store, "test")
        assert 8 <= len(test) <= 10
        assert all(piece.endswith(sign) for piece in test)


def test_text_that_is_blank(store_of):
    with pytest.raises(DataError, match=r"诗\.txt: expected text, got blank lines only"):
        store_of("\n\n \n\u3000\n")


def test_a_store_is_found_again_and_an_edited_corpus_makes_another(store_of, own_cache, monkeypatch):
    builds = []
    real = corpus_module.build_store
    monkeypatch.setattr(corpus_module, "build_store", lambda *words: builds.append(1) or real(*words))
    text = "\n\n".join(poems(50))
    first = store_of(text)
    assert store_of(text).folder == first.folder
    assert len(builds) == 1
    for change in ({"min_freq": 2}, {"split": False}, {"val_size": 0.1}, {"documents": "file"}):
        store_of(text, rules=Rules(**{**RULES.__dict__, **change}))
    store_of(text, Segmenter(WORDS))
    store_of(text, Segmenter(WORDS, hmm=True))
    store_of(text, Segmenter(Dictionary(WORDS.content, "几时有 5\n".encode())))
    assert len(builds) == 8
    assert store_of(text).folder == first.folder
    second = store_of(text + "完")
    assert len(builds) == 9
    assert second.folder != first.folder
    assert not first.folder.exists()  # it is of text that has changed


def test_given_words_are_kept(store_of):
    store = store_of("明月几时有", rules=Rules("blank_line", 1, True, 0, 0, None, ("月", "有")))
    assert store.words == ["月", "有"]
    assert store.part("train").tokens.tolist() == [UNKNOWN, 2, UNKNOWN, UNKNOWN, 3, END]


def test_too_little_room_is_said_before_anything_is_written(store_of, monkeypatch):
    from collections import namedtuple

    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(corpus_module.shutil, "disk_usage", lambda path: usage(0, 0, 100))
    with pytest.raises(DataError, match=r"expected 0\.0 GB of room for the corpus as numbers, got 0\.0 GB\. Choose"):
        store_of("\n\n".join(poems(50)))


def test_a_full_disk_leaves_no_half_store(store_of, own_cache, monkeypatch):
    import errno

    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("dlcore.text.store_building._write_parts", full)
    with pytest.raises(DataError, match=r"cannot be kept .*No space left.* XDG_CACHE_HOME"):
        store_of("\n\n".join(poems(50)))
    assert list((own_cache / "texts").rglob("meta.json")) == []
    assert list((own_cache / "texts").rglob("raw")) == []
    monkeypatch.undo()


@pytest.mark.fault(
    "The cache of token stores cannot be written",
    "“The corpus as numbers cannot be kept (…). Choose another cache folder …”",
)
def test_a_cache_folder_that_cannot_be_written_is_said(store_of, own_cache):
    own_cache.parent.write_text("a file")
    with pytest.raises(DataError, match=r"cannot be kept .*XDG_CACHE_HOME"):
        store_of("\n\n".join(poems(50)))
