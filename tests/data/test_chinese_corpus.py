"""ChineseCorpus as a whole: facts, batches, what a checkpoint keeps, other text, processes."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch.nn.functional import cross_entropy

from dlcore.data import ChineseCorpus
from dlcore.data.chinese_corpus import _LYRICS
from dlcore.errors import ArgumentError, DataError
from dlcore.text import NO_TARGET, Tokenizer
from dlcore.text.dictionary import Dictionary
from dlcore.text.word_tables import WordTables

VERSES = ["明月几时有", "把酒问青天", "不知天上宫阙", "今夕是何年", "我欲乘风归去", "又恐琼楼玉宇", "高处不胜寒"]
POEMS = [
    f"词{number}\n" + "，\n".join(VERSES[k % 7] for k in range(number % 5, number % 5 + 4)) for number in range(60)
]


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """A folder with the tables of jieba's dictionary: to make them takes seconds."""
    folder = tmp_path_factory.mktemp("tables")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        WordTables.of(Dictionary())
    return folder / "dlcore" / "words"


@pytest.fixture
def poems(tmp_path, monkeypatch, tables):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "cache" / "dlcore").mkdir(parents=True)
    (tmp_path / "cache" / "dlcore" / "words").symlink_to(tables)
    path = tmp_path / "诗词.txt"
    path.write_text("\n\n".join(POEMS), encoding="utf-8")
    return str(path)


def corpus(root, **settings):
    return ChineseCorpus(
        root, **{"level": "char", "batch_size": 4, "sequence_length": 10, "eval_batch_size": 2, **settings}
    )


class Bigram(LightningModule):
    """Learns the next token from the last one; keeps what it was given to learn from."""

    def __init__(self, vocab_size):
        super().__init__()
        self.scores = torch.nn.Embedding(vocab_size, vocab_size)
        self.batches = []

    def training_step(self, batch):
        self.batches.append(batch)
        return cross_entropy(self.scores(batch.inputs).flatten(0, 1), batch.targets.flatten(), ignore_index=NO_TARGET)

    def validation_step(self, batch):
        assert batch.characters.shape == batch.targets.shape

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def model_and_data(root, **settings):
    data = corpus(root, **settings)
    return Bigram(data.facts()["vocab_size"]), data


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
        ({"batch_size": 10**6}, ArgumentError, r"batch_size: expected rows for .* training tokens .* Choose fewer"),
        ({"test_size": 60}, ArgumentError, "test_size: expected at most 59 of 60 documents, got 60"),
        ({"val_size": 1.5}, ArgumentError, "val_size: expected a share"),
        ({"user_dict": "none.txt", "level": "word"}, ArgumentError, "user_dict: expected a file of words"),
    ],
)
def test_bad_settings_name_argument_and_remedy(poems, settings, error, message):
    with pytest.raises(error, match=message):
        corpus(**{"root": poems, **settings}).train_dataloader()


# Checkpoints


def test_a_checkpoint_has_the_tokenizer(poems, make_trainer, tmp_path):
    model, data = model_and_data(poems, level="word")
    trainer = make_trainer()
    trainer.fit(model, data)
    trainer.save_checkpoint(tmp_path / "c.ckpt")
    kept = torch.load(tmp_path / "c.ckpt", weights_only=True)["ChineseCorpus"]
    tokenizer = Tokenizer.from_state(kept["tokenizer"])
    assert tokenizer.encode("明月几时有，把酒🙂") == data.tokenizer.encode("明月几时有，把酒🙂")


class SaveAt(Callback):
    """Saves when a batch has been trained on, as a run that is interrupted does."""

    def __init__(self, step, path):
        self.step, self.path = step, path

    def on_train_batch_end(self, trainer, *args):
        if trainer.global_step == self.step:
            trainer.save_checkpoint(self.path)


@pytest.mark.parametrize("windows", [False, True])
@pytest.mark.parametrize("step", [3, 45, 46, 50])
@pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint that ended before the epoch ended")
def test_a_resumed_run_sees_the_batches_it_would_have_seen(poems, make_trainer, tmp_path, windows, step):
    whole, data = model_and_data(poems, windows=windows)
    make_trainer(max_epochs=2, callbacks=[SaveAt(step, tmp_path / "c.ckpt")]).fit(whole, data)
    assert len(whole.batches) in (90, 92)  # the rest of a stream is a short batch
    rest, data = model_and_data(poems, windows=windows)
    data.order_seed += 1  # that of the run counts
    make_trainer(max_epochs=2).fit(rest, data, ckpt_path=tmp_path / "c.ckpt", weights_only=True)
    assert len(rest.batches) == len(whole.batches) - step
    for one, two in zip(whole.batches[step:], rest.batches, strict=True):
        assert torch.equal(one.inputs, two.inputs)
        assert one.continues == two.continues


def test_a_place_within_an_epoch_needs_batches_of_the_same_form(poems, make_trainer, tmp_path):
    model, data = model_and_data(poems)
    make_trainer(callbacks=[SaveAt(3, tmp_path / "c.ckpt")]).fit(model, data)
    model, data = model_and_data(poems, sequence_length=9)
    with pytest.raises(ArgumentError, match=r"sequence_length: expected 10, as .* within an epoch, got 9"):
        make_trainer().fit(model, data, ckpt_path=tmp_path / "c.ckpt", weights_only=True)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 5}, r"batch_size: expected 4 rows in all processes together, as .*, got 5"),
        ({"windows": True}, "windows: expected False, as"),
        ({"shuffle_documents": False}, "shuffle_documents: expected True, as"),
    ],
)
def test_a_place_within_an_epoch_needs_text_in_the_same_order(poems, make_trainer, tmp_path, settings, message):
    model, data = model_and_data(poems)
    make_trainer(callbacks=[SaveAt(3, tmp_path / "c.ckpt")], limit_train_batches=4).fit(model, data)
    model, data = model_and_data(poems, **settings)
    with pytest.raises(ArgumentError, match=message):
        make_trainer().fit(model, data, ckpt_path=tmp_path / "c.ckpt", weights_only=True)


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


@pytest.mark.parametrize("settings", [{"min_freq": 9}, {"max_words": 5}, {"rare": "unknown"}, {"level": "word"}])
def test_words_that_a_checkpoint_settles_are_not_asked_for_in_vain(poems, settings, capsys):
    first = corpus(poems)
    first.setup("fit")
    ((name, value),) = settings.items()
    message = rf"{name}: expected .*, as in the run of the checkpoint, got '?{value}"
    with pytest.raises(ArgumentError, match=message):
        later(poems, first.state_dict(), stage="fit", **settings)
    capsys.readouterr()
    later(poems, first.state_dict(), **settings)
    assert f"data: {name} {value} changes nothing: the words are those of the checkpoint" in capsys.readouterr().out
    later(poems, first.state_dict())
    assert "changes nothing" not in capsys.readouterr().out


def test_a_file_that_is_named_twice_is_read_once(poems, capsys):
    once, twice = corpus(poems), corpus([poems, str(Path(poems).parent / "*.txt")])
    once.setup("fit")
    twice.setup("fit")
    assert twice.parts["train"].documents == once.parts["train"].documents
    assert "data: 1 file was named more than once, and is read once" in capsys.readouterr().out


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


# Two processes

PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from test_chinese_corpus import train
train(sys.argv[2], 4, sys.argv[3], devices=2, strategy="ddp")
"""


def train(root, batch_size, folder, **settings):
    model, data = model_and_data(root, batch_size=batch_size)
    data.order_seed = 3
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    none = {"enable_model_summary": False, "limit_val_batches": 0}
    trainer = Trainer(accelerator="cpu", max_epochs=1, **none, **quiet, **settings)
    trainer.fit(model, data)
    torch.save([tuple(batch) for batch in model.batches], f"{folder}/{trainer.global_rank}.pt")


def test_two_processes_read_the_streams_of_one(poems, tmp_path, one_thread):
    (tmp_path / "program.py").write_text(PROGRAM)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    words = [str(Path(__file__).parent), poems, str(tmp_path / "two")]
    done = subprocess.run(
        [sys.executable, "program.py", *words], cwd=tmp_path, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    train(poems, 8, tmp_path / "one")
    one = torch.load(tmp_path / "one" / "0.pt")
    two = [torch.load(tmp_path / "two" / f"{rank}.pt") for rank in range(2)]
    assert len(one) == len(two[0]) == len(two[1]) > 5
    for batch, *shares in zip(one, *two, strict=True):
        for field in range(3):  # inputs, targets, characters
            together = torch.empty_like(batch[field])
            together[0::2], together[1::2] = shares[0][field], shares[1][field]
            assert torch.equal(together, batch[field])
        assert batch[3] == shares[0][3] == shares[1][3]


def test_a_text_too_short_to_hold_anything_out_is_told_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "短.txt").write_text("春眠不觉晓\n", encoding="utf-8")
    with pytest.raises(ArgumentError, match="The text is too short to hold some of it out: give more, or"):
        ChineseCorpus(str(tmp_path / "短.txt")).facts()
    ChineseCorpus(str(tmp_path / "短.txt"), val_size=0, test_size=0, min_freq=1).facts()
    assert "nothing is held out" in capsys.readouterr().out
