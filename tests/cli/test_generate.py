import json
import os
import pty
import re
import select
import sys
from pathlib import Path

import pytest
from forked import CONTEXT
from lightning.pytorch import Trainer

from dlcore.cli.generated_output import Output, read_prompts_file
from dlcore.cli.main import main
from dlcore.errors import ArgumentError
from dlcore.models import MLP

LONG = "明月春风，不知道🙂" * 200  # 2,000 characters


@pytest.fixture
def place(text_run, monkeypatch):
    """The folder in which a text model was trained, whose corpus is gone."""
    monkeypatch.chdir(text_run.parent.parent.parent)
    monkeypatch.setenv("COLUMNS", "80")
    return Path.cwd()


@pytest.fixture
def generate(place, capsys):
    """What the command prints."""

    def run(*words):
        assert main(["generate", *words]) == 0
        return capsys.readouterr().out

    return run


@pytest.fixture
def refused(place, capsys):
    """The one line of an error."""

    def run(*words):
        assert main(list(words)) == 2
        shown = capsys.readouterr()
        assert shown.out == ""
        assert shown.err.count("\n") == 1
        return shown.err

    return run


@pytest.mark.parametrize("prompt", ["明月", "", "🙂", "Hello", "東風夜放花千樹", LONG, "\n", "《", "-", "--x"])
@pytest.mark.parametrize("length", [1, 37])
def test_any_prompt_gives_a_text_of_the_exact_length(generate, prompt, length):
    text = generate(f"--prompt={prompt}", "--length", str(length))
    assert text.startswith(prompt)
    assert len(text) == len(prompt) + length + 1


def test_what_is_not_known_is_told_once_and_kept_as_typed(place, capsys):
    assert main(["generate", "--prompt", "🙂明月龘", "--prompt", "龘", "--length=5"]) == 0
    shown = capsys.readouterr()
    assert shown.err == "note: the model does not know 🙂龘; it reads them as unknown words.\n"
    assert "🙂明月龘" in shown.out


def test_a_seed_means_the_same_texts(generate):
    words = ("--prompt=明月", "--num=4", "--length=30")
    assert generate(*words, "--seed=3") == generate(*words, "--seed", "3", "--batch_size=1")
    assert generate(*words, "--seed=3") != generate(*words, "--seed=4")


def test_json_lines_hold_what_a_program_needs(generate, place):
    lines = generate(
        "--prompt=明月", "--prompt", "", "--num=2", "--length=12", "--format=json", "--seed=5"
    ).splitlines()
    texts = [json.loads(line) for line in lines]
    assert [(text["prompt"], text["prompt_number"], text["number"]) for text in texts] == [
        ("明月", 0, 0), ("明月", 0, 1), ("", 1, 0), ("", 1, 1),
    ]  # fmt: skip
    for text in texts:
        assert text["seed"] == 5
        assert text["prompt"] + "".join(text["tokens"]) == text["text"]
        assert len(text["text"]) == len(text["prompt"]) + 12
        assert text["perplexity"] == pytest.approx(2.718281828 ** -text["mean_log_prob"], rel=1e-3)


def test_prompts_come_from_a_file_and_texts_go_to_one(generate, tmp_path):
    (tmp_path / "prompts.txt").write_bytes("明月\r\n\r\n春风\r\n".encode("gb18030"))
    target = tmp_path / "文.jsonl"
    said = generate(f"--prompts_file={tmp_path / 'prompts.txt'}", "--format", "json", "--output", str(target))
    assert said == f"2 texts: {target}\n"
    texts = [json.loads(line)["text"] for line in target.read_text(encoding="utf-8").splitlines()]
    assert [text[:2] for text in texts] == ["明月", "春风"]
    assert {path.name for path in tmp_path.iterdir()} == {"prompts.txt", "文.jsonl"}


def test_a_prompt_ends_at_a_line_break_only(tmp_path):
    (tmp_path / "prompts.txt").write_text("明\u2028月\n春\x0c风\r\n\n\x85夜 \n", encoding="utf-8")
    assert read_prompts_file(str(tmp_path / "prompts.txt")) == ["明\u2028月", "春\x0c风", "\x85夜 "]


def test_lines_have_their_form(generate):
    lines = generate("--acrostic", "春夏秋冬", "--line_length", "7").splitlines()
    assert "".join(line[0] for line in lines) == "春夏秋冬"
    assert all(len(re.findall("[\u4e00-\u9fff]", line)) == 7 for line in lines)
    assert len(generate("--length=20", "--unit=tokens", "--format=json", "--num_beams=2").splitlines()) == 1


@pytest.mark.parametrize("wanted", ["best", "last", "lightning_logs/rnn_lyrics/version_0", "best.ckpt"])
def test_the_checkpoint_is_found_as_elsewhere(generate, text_run, wanted):
    path = str(text_run / "checkpoints" / wanted) if wanted.endswith(".ckpt") else wanted
    assert len(generate("--ckpt_path", path, "--length=9", "--seed=2")) == 10
    assert generate("-c", "rnn_lyrics", "--length=9") == generate("--length", "9")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--length=0"], "--length: expected a whole number at least 1, got 0"),
        (["--length", "ten"], "--length: expected a whole number, got 'ten'"),
        (["--length"], "--length: expected a value behind it, got nothing"),
        (["--temperature=-1"], "--temperature: expected a number above 0"),
        (["--top_p=1.5"], "--top_p: expected a number above 0 and at most 1"),
        (["--top_k=-1"], "--top_k: expected a whole number at least 0"),
        (["--repetition_penalty=0"], "--repetition_penalty"),
        (["--num=0"], "--num: expected a whole number at least 1"),
        (["--num=2", "--do_sample=false"], "--num: expected at most 1 where no word is drawn"),
        (["--seed=-1"], "--seed"),
        (["--do_sample", "maybe"], "--do_sample: expected true or false, got 'maybe'"),
        (["--format=xml"], "--format: expected text or json"),
        (["--unit=words"], "--unit: expected characters or tokens"),
        (["--top-k=3"], "Unknown option of `generate`: 'top-k'. Did you mean 'top_k'?"),
        (["--max_new_tokens=3"], "Here: --length N --unit tokens"),
        (["明月"], "A prompt stands behind --prompt."),
        (["--line_length=7", "--length=10"], "--length: expected one that lines of 7 characters can make"),
        (["--acrostic", "春 夏"], "--acrostic: expected characters without blanks"),
        (["--ckpt_path=gone.ckpt"], "--ckpt_path: expected best, last, a run's folder or a file, got 'gone.ckpt'"),
        (["--prompts_file=gone"], "--prompts_file"),
        (["--output=gone/texts.txt"], "mkdir -p gone"),
        (["--output=lightning_logs"], "--output: expected a new file, got 'lightning_logs'. That is a folder"),
        (["-c", "gone"], "Unknown recipe: 'gone'"),
    ],
)
def test_each_wrong_option_is_an_error_of_one_line(refused, words, message):
    assert message in refused("generate", *words)


def test_a_file_that_is_there_is_not_written_over(refused, tmp_path):
    (tmp_path / "kept.txt").write_text("mine")
    assert "It is there already" in refused("generate", f"--output={tmp_path / 'kept.txt'}")
    assert (tmp_path / "kept.txt").read_text() == "mine"


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_appears_meanwhile_is_not_written_over(tmp_path, monkeypatch, capsys, links):
    if not links:  # as on a file system without hard links
        monkeypatch.setattr("os.link", lambda *_: (_ for _ in ()).throw(PermissionError()))
    with Output("text", str(tmp_path / "new.txt")) as output:
        output.add("明月\n")
    assert [path.name for path in tmp_path.iterdir()] == ["new.txt"]
    assert (tmp_path / "new.txt").read_text(encoding="utf-8") == "明月\n"
    output = Output("text", str(tmp_path / "kept.txt")).__enter__()
    output.add("明月\n")
    (tmp_path / "kept.txt").write_text("mine")
    with pytest.raises(ArgumentError, match="appeared meanwhile, and is left as it is: the texts are in") as error:
        output.__exit__(None, None, None)
    assert (tmp_path / "kept.txt").read_text() == "mine"
    (texts,) = tmp_path.glob(".kept.txt.*")
    assert str(texts) in str(error.value)
    assert texts.read_text(encoding="utf-8") == "明月\n"


def test_a_file_of_bad_bytes_is_named_with_the_place(refused, tmp_path):
    (tmp_path / "bad.txt").write_bytes("明月".encode() + b"\xff\xff\n")
    assert "at byte 6" in refused("generate", f"--prompts_file={tmp_path / 'bad.txt'}")


def test_a_checkpoint_of_another_model_says_which_and_what_to_use(refused, tmp_path, tiny_data, monkeypatch):
    from dlcore.runs.checkpoint_file import RECORD_KEY

    class Recorded(MLP):
        def on_save_checkpoint(self, checkpoint):
            classes = {"model": {"class_path": "MLP"}, "data": {"class_path": "TinyData"}}
            checkpoint[RECORD_KEY] = {"config": {**classes, "trainer": {}}}

    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    trainer = Trainer(max_epochs=1, enable_checkpointing=False, **quiet)
    trainer.fit(Recorded([4], in_features=4, num_classes=3), datamodule=tiny_data())
    trainer.save_checkpoint(tmp_path / "mlp.ckpt")
    message = refused("generate", f"--ckpt_path={tmp_path / 'mlp.ckpt'}")
    assert "expected a text model's checkpoint, got one of MLP, which writes no text" in message
    assert f"python -m dlcore predict --ckpt_path {tmp_path / 'mlp.ckpt'}" in message


def test_without_a_text_model_it_says_how_to_train_one(refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "Train one first: python -m dlcore fit -c rnn_lyrics" in refused("generate")


def write_to(terminal, folder):
    """Of a process of its own: write a text to a terminal."""
    os.chdir(folder)
    os.dup2(os.open(terminal, os.O_WRONLY | os.O_NOCTTY), 1)
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    os._exit(main(["generate", "--prompt=明月", "--length=200"]))


@pytest.mark.process
def test_a_text_appears_as_it_is_written(place):
    reader, terminal = pty.openpty()
    process = CONTEXT.Process(target=write_to, args=(os.ttyname(terminal), place))
    process.start()
    chunks = []
    while True:
        alive = process.exitcode is None  # asked before: what it has written last is there
        if select.select([reader], [], [], 0.1)[0]:
            chunks.append(os.read(reader, 4096))
        elif not alive:
            break
    os.close(terminal)
    os.close(reader)
    assert process.exitcode == 0
    text = b"".join(chunks).decode().replace("\r\n", "\n")
    assert text.startswith("明月")
    assert len(text) == 2 + 200 + 1
    assert len(chunks) > 5


def test_help_shows_every_option_with_its_default(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["generate", "--help"]) == 0
    out = capsys.readouterr().out
    for option in (
        "--ckpt_path best|last|FILE",
        "--temperature 1.0",
        "--top_k 50",
        "--unit characters|tokens",
        "--num 1",
    ):
        assert option in out
    lines = [line for line in out.splitlines() if not line.startswith(("  python", "Usage"))]
    assert max(map(len, lines)) <= 80


# Neighbours


def test_neighbors_are_shown_in_a_table(place, capsys):
    assert main(["neighbors", "明月", "春风", "--num", "3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["明月", "cosine", "春风", "cosine"]
    assert len(lines) == 5


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["明月夜雨"], "expected a word that the model knows, got '明月夜雨'. It knows its parts: 明月"),
        (["🙂"], "It knows "),
        ([], "For example: python -m dlcore neighbors 明月"),
        (["明月", "--num=0"], "--num: expected a whole number at least 1"),
        (["明月", "--nun=3"], "Did you mean 'num'?"),
    ],
)
def test_a_word_that_has_no_neighbors_says_what_to_try(refused, words, message):
    assert message in refused("neighbors", *words)
