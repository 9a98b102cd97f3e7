"""``lessons``, and the subjects of ``show`` that need no recipe."""

import importlib.util
import re
import shlex
from pathlib import Path

import pytest

from dlcore.cli.main import main
from dlcore.cli.show import textbook_subject
from dlcore.config.catalogue import ROOT
from dlcore.config.recipe import find_recipe
from dlcore.textbook.lessons import read_chapters
from dlcore.translation import language

REPOSITORY = ROOT.parent
COMMANDS = sorted({command for chapter in read_chapters() for lesson in chapter.lessons for command in lesson.commands})
LIGHT = [
    command
    for command in COMMANDS
    if command.split()[0] == "show" and command.split()[1] in textbook_subject.SUBJECTS and "-c" not in command.split()
]


def test_list_has_every_chapter_and_lesson(capsys):
    assert main(["lessons"]) == 0
    said = capsys.readouterr().out
    for chapter in read_chapters():
        assert f"{chapter.number}  {chapter.title}" in said
        for lesson in chapter.lessons:
            assert f"python -m dlcore {lesson.commands[0]}" in said


def test_one_chapter_in_chinese(capsys, monkeypatch):
    monkeypatch.setenv("DLCORE_LANG", "zh_CN")
    assert language() == "zh"
    assert main(["lessons", "5"]) == 0
    said = capsys.readouterr().out
    assert "反向传播" in said
    assert "w5 = 0.3589" in said


@pytest.mark.parametrize("language", ["en", "zh"])
def test_texts_are_whole(language):
    for chapter in read_chapters(language):
        texts = [chapter.title, chapter.idea, chapter.look, chapter.next]
        texts += [text for lesson in chapter.lessons for text in (lesson.title, lesson.known)]
        assert all(text.strip() for text in texts)
        if language == "zh":
            assert not re.search(r"[\u4e00-\u9fff][,;:?!]|[,;?!][\u4e00-\u9fff]", " ".join(texts)), chapter.title


@pytest.mark.parametrize("words", [["0"], ["99"], ["x"], ["run"], ["1", "2"]])
def test_a_chapter_that_is_not_there(words, error):
    assert "a chapter's number, 1 to 13" in error("lessons", *words)
    assert "quick" in error("lessons", "1", "--quik")


@pytest.mark.parametrize("command", COMMANDS)
def test_recipes_and_studies_of_the_commands_are_there(command):
    words = shlex.split(command)
    if "-c" in words:
        find_recipe(words[words.index("-c") + 1])
    if words[0] == "study":
        assert (REPOSITORY / "configs" / "studies" / f"{words[1]}.yaml").is_file()


LONG = {"show boundary --data spiral --hidden_sizes [32,32] --steps 3000"}  # the other boundaries take fewer steps


@pytest.mark.parametrize(
    "command", [pytest.param(command, marks=[pytest.mark.matrix] * (command in LONG)) for command in LIGHT]
)
def test_each_command_prints_its_table_and_draws_its_picture(command, workplace, capsys):
    assert main([*shlex.split(command), "--out", "drawn.png"]) == 0
    said = capsys.readouterr().out
    assert "───" in said
    assert said.endswith("picture: drawn.png\n")
    assert (workplace / "drawn.png").stat().st_size > 5000


@pytest.mark.parametrize("name", textbook_subject.SUBJECTS)
def test_each_subject_explains_itself(name, capsys):
    assert main(["show", name, "--help"]) == 0
    said = capsys.readouterr().out
    assert f"python -m dlcore show {name}" in said
    assert "--out" in said
    assert not re.search(r"--\w+ \S*\s*\n\s*--", said)  # every flag has its meaning


def test_chapter_is_carried_out(workplace, capsys):
    assert main(["lessons", "run", "4"]) == 0
    said = capsys.readouterr().out
    assert "$ python -m dlcore show loss cross_entropy" in said
    assert (workplace / "show" / "loss.png").is_file()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["perceptron", "--inputs", "[1,x]"], "--inputs: expected a list of numbers, got '[1,x]'"),
        (["perceptron", "--weights", "[[1,2]]"], "--weights: expected a list of lists of lists of numbers"),
        (["backprop", "--steps", "many"], "--steps: expected a whole number"),
        (["backprop", "--lr", "-1"], "--lr: expected a number above 0"),
        (["descent", "--surface", "hill"], "--surface: expected curve or ravine"),
        (["dropout", "--p", "1"], "--p: expected a number at least 0 and below 1"),
        (["boundary", "--hidden_sizes", "[0]"], "--hidden_sizes[0]: expected a whole number at least 1"),
        (["average", "--gif", "x.gif"], "Unknown option of `show average`: 'gif'"),
        (["descent", "--gif", "x.png"], "--gif: expected a new file that ends in .gif"),
        (["loss", "mse", "--names", "[mae]"], "--names: expected names behind `show loss`, or this flag"),
        (["loss", "mes"], "Did you mean 'mse'?"),
        (["average", "--series", "[1,.nan]"], "--series: expected a list of numbers, got '[1,.nan]'"),
        (["perceptron", "--inputs", "[1e400,1]"], "--inputs: expected a list of numbers"),
        (["average", "--betas", "[]"], "--betas: expected at least one number"),
        (["loss", "mse", "--scores", "[[1,2]]", "--classes", "[0]"], "--scores: expected --predictions and --targets"),
        (["loss", "cross_entropy", "--predictions", "[1]", "--targets", "[1]"], "--predictions: expected --scores"),
        (["sentence", "--text", " "], "--text: expected a sentence"),
        (["schedule", "piecewise(boundaries=5)"], "--names: expected arguments that PiecewiseConstantLR accepts"),
        (["schedule", "plateau", "--losses", "[]"], "--losses: expected at least one loss"),
        (["boundary", "--data", "no.csv"], "--data: could not read 'no.csv'"),
        (["activation", "softmax", "tanh", "--overlay"], "--overlay: expected activations of single numbers"),
        (["perzeptron"], "Did you mean 'perceptron'?"),
    ],
)
def test_bad_input_is_answered_in_one_line(words, expected, error):
    assert expected in error("show", *words)


def test_moving_picture_is_written(workplace, capsys):
    assert main(["show", "descent", "SGD", "--steps", "3", "--gif", "动.gif"]) == 0
    assert (workplace / "动.gif").read_bytes().startswith(b"GIF89a")
    assert "moving picture: 动.gif" in capsys.readouterr().out


def test_pages_are_those_that_the_script_writes():
    spec = importlib.util.spec_from_file_location("build_textbook", REPOSITORY / "docs" / "build_textbook.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    for chosen in ("en", "zh"):
        for path, text in script.pages(chosen).items():
            assert path.read_text(encoding="utf-8") == text, f"python {Path('docs/build_textbook.py')} writes it again"
            for target in re.findall(r"!\[.*?\]\((.*?)\)", text):
                assert (path.parent / target).is_file(), target
