"""What a checkpoint keeps of a corpus, and how other text is met with it."""

import re
from pathlib import Path

import pytest
from corpus_poems import POEMS, corpus

from dlcore.errors import ArgumentError, DataError


def test_characters_are_those_of_the_words_at_hand(poems, tmp_path):
    first = corpus(poems, level="word")
    first.setup("fit")
    (tmp_path / "新.txt").write_text("\n\n".join(POEMS[::-1]).replace("明月", "月"), encoding="utf-8")
    data = corpus(str(tmp_path / "新.txt"))
    data.load()
    data.on_after_batch_transfer(next(iter(data.test_dataloader())), 0)
    data.expect(None, first.state_dict())
    data.load()
    words = data.vocabulary.words
    for batch in data.test_dataloader():
        moved = data.on_after_batch_transfer(batch, 0)
        for target, characters in zip(batch.targets.flatten().tolist(), moved.characters.flatten(), strict=True):
            assert target < 2 or characters == len(words[target])


@pytest.mark.parametrize("settings", [{"min_freq": 9}, {"max_words": 5}, {"rare": "unknown"}, {"level": "char"}])
def test_words_that_a_checkpoint_settles_are_not_asked_for_in_vain(poems, settings, capsys):
    settings = {"level": "word", **settings}
    first = corpus(poems, level="word")
    first.setup("fit")
    name, value = [*settings.items()][-1]
    message = rf"{name}: expected .*, as in the run of the checkpoint, got '?{value}"
    with pytest.raises(ArgumentError, match=message):
        later(poems, first.state_dict(), stage="fit", **settings)
    capsys.readouterr()
    later(poems, first.state_dict(), **settings)
    assert f"data: {name} {value} changes nothing: the words are those of the checkpoint" in capsys.readouterr().out
    later(poems, first.state_dict(), level="word")
    assert "changes nothing" not in capsys.readouterr().out


def test_text_unlike_that_of_the_training_is_told_so(poems, tmp_path, capsys):
    first = corpus(poems)
    first.setup("fit")
    (tmp_path / "ja.txt").write_text("いろはにほへと ちりぬるを\n\nわかよたれそ つねならむ", encoding="utf-8")
    capsys.readouterr()
    later(str(tmp_path / "ja.txt"), first.state_dict())
    said = capsys.readouterr().out
    assert "documents: 2, not the text of the training: all of it is evaluated; 25 characters" in said
    assert re.search(r"unknown [6-9]\d\.\d\d% of all tokens", said)
    assert "warning, more than 1% is unknown" in said
    later(poems, first.state_dict())
    assert "not the text of the training" not in capsys.readouterr().out


def test_another_dictionary_than_the_checkpoints_is_told(poems, tmp_path, capsys):
    words = tmp_path / "词.txt"
    words.write_text("几时有\n李·白\n", encoding="utf-8")
    first = corpus(poems, level="word", user_dict=str(words))
    first.setup("fit")
    assert "几时有" in first.vocabulary
    assert "data: words that are never cut, as jieba joins only" in (said := capsys.readouterr().out)
    assert said.count("李·白") == 1
    later(poems, first.state_dict(), stage="fit", level="word", user_dict=str(words))
    assert "the words of the training" not in capsys.readouterr().out
    for content in ("青天\n", "bad  5\n", None):
        words.unlink() if content is None else words.write_text(content, encoding="utf-8")
        later(poems, first.state_dict(), level="word", user_dict=str(words))
        assert f"data: user_dict {words}: not the words of the training;" in capsys.readouterr().out


def later(root, kept, stage="test", **settings):
    data = corpus(root, **settings)
    data.expect(None, kept)
    data.setup(stage)
    data.test_dataloader()
    return data


def test_facts_of_a_checkpoint_need_no_file(poems):
    data = corpus(poems)
    size = data.facts()["vocab_size"]
    again = corpus("gone.txt")
    again.expect(None, data.state_dict())
    assert again.facts() == {"vocab_size": size, "source": "gone.txt"}


def test_the_corpus_of_the_training_is_parted_as_in_the_run(poems):
    first = corpus(poems)
    first.setup("fit")
    again = later(poems, first.state_dict())
    assert again.store.folder == first.store.folder
    assert again.parts["test"].tokens.tolist() == first.parts["test"].tokens.tolist()
    changed = later(poems, first.state_dict(), min_freq=9)  # the words are those of the checkpoint
    assert changed.vocabulary.words == first.vocabulary.words
    assert changed.parts["test"].tokens.tolist() == first.parts["test"].tokens.tolist()
    with pytest.raises(ArgumentError, match=r"val_size: expected 0\.05, as in the run of the checkpoint, got 0\.2"):
        later(poems, first.state_dict(), val_size=0.2)


def test_a_novel_is_cut_into_the_same_pieces(poems, tmp_path):
    (tmp_path / "小说.txt").write_text("\n".join(POEMS * 3))
    first = corpus(str(tmp_path / "小说.txt"), documents="none")
    first.setup("fit")
    assert first.in_pieces
    assert first.parts["test"].documents > 1
    changed = later(str(tmp_path / "小说.txt"), first.state_dict(), documents="none", min_freq=40, rare="unknown")
    assert changed.store.folder != first.store.folder
    for part in ("train", "val", "test"):
        assert changed.parts[part].tokens.tolist() == first.parts[part].tokens.tolist()


def test_other_text_is_taken_whole_in_the_words_of_the_checkpoint(poems, tmp_path):
    first = corpus(poems)
    first.setup("fit")
    (tmp_path / "新.txt").write_text("明月龘有\n\n天\n")
    data = later(str(tmp_path / "新.txt"), first.state_dict())
    assert data.parts["test"].documents == 2
    assert data.tokenizer.decode(data.parts["test"].tokens.tolist()) == "明月□有\n\n天\n\n"
    assert data.vocabulary.words == first.vocabulary.words


def test_a_training_corpus_that_was_changed_is_not_taken_for_it(poems, tmp_path):
    first = corpus(poems)
    first.setup("fit")
    kept = first.state_dict()
    with Path(poems).open("a", encoding="utf-8") as file:
        file.write("\n\n又一首")
    with pytest.raises(DataError, match="got text that was changed since or another one"):
        later(poems, kept, stage="fit")
