"""Texts that are damaged, odd, changed or gone: one line that names the file, the place and the remedy."""

from __future__ import annotations

import pytest
from forked_command import command

from dlcore.errors import DataError
from dlcore.text.corpus import Corpus

LINES = "春风又绿江南岸\n" * 100


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(
            "é".encode("latin-1") * 500 + b"\xff",
            "other bytes: not UTF-8 at byte 0, not GB18030 at byte 500",
            marks=pytest.mark.fault("A text is neither UTF-8 nor GB18030", "“FILE: … not UTF-8 at byte 0, …”"),
        ),
        pytest.param(
            LINES.encode() + LINES.encode("gbk") + LINES.encode(),
            "expected UTF-8, got other bytes, at byte 2,200",
            marks=pytest.mark.fault("Two encodings in one text", "“FILE: expected UTF-8, got other bytes …”"),
        ),
        pytest.param(
            b"",
            "expected text, got an empty file",
            marks=pytest.mark.fault("An empty text", "“FILE: expected text, got an empty file.”"),
        ),
        pytest.param(
            LINES.encode() + b"\0",
            "expected text, got a NUL byte at byte 2,200",
            marks=pytest.mark.fault("NUL bytes in a text", "“FILE: expected text, got a NUL byte at byte 2,200 …”"),
        ),
    ],
)
def test_damaged_texts(tmp_path, monkeypatch, content, said):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "poems.txt").write_bytes(content)
    with pytest.raises(DataError, match=said):
        Corpus.find(str(tmp_path / "poems.txt"))


TEXT = (
    *("fit", "-c", "rnn_lyrics", "--data.root=poems.txt", "--data.level=char", "--trainer.max_epochs=1"),
    *("--trainer.accelerator=cpu", "--model.embedding_dim=8", "--model.hidden_size=8", "--text_samples=off"),
)


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        pytest.param(
            " \n\n \t\n" * 100,
            2,
            "poems.txt: expected text, got blank lines only.",
            marks=pytest.mark.fault("A text of blanks alone", "“FILE: expected text, got blank lines only.”"),
        ),
        pytest.param(
            "春风又绿江南岸明月何时照我还" * 3000,
            0,
            "done",
            marks=pytest.mark.fault("A text of one gigantic line", "it is cut into pieces and learned"),
        ),
        pytest.param(
            "\ufeff" + LINES, 0, "done", marks=pytest.mark.fault("A byte order mark before a text", "it is left out")
        ),
    ],
)
def test_odd_texts(work, content, code, said):
    (work / "poems.txt").write_text(content, encoding="utf-8")
    command(work, *TEXT).check(code, said)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        pytest.param(
            lambda path: path.write_text(path.read_text(encoding="utf-8") + "\n\n又一首新的诗。\n", encoding="utf-8"),
            "poems.txt: expected the text of the training, got text that was changed since or another one",
            marks=pytest.mark.fault(
                "A text grows between start and resume",
                "“FILE: expected the text of the training, got …”",
            ),
        ),
        pytest.param(
            lambda path: path.unlink(),
            "data.root: expected a text file, a folder or a pattern, got '",
            marks=pytest.mark.fault("A text is gone when the run goes on", "“data.root: expected a text file …”"),
        ),
    ],
)
def test_texts_that_change(work, harm, said):
    (work / "poems.txt").write_text("\n\n".join([LINES[:80]] * 60), encoding="utf-8")
    command(work, *TEXT).check(0)
    harm(work / "poems.txt")
    command(work, "fit", "--ckpt_path=last", "--trainer.max_epochs=2").check(2, said)
