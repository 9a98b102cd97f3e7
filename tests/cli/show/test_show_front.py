"""`show` alone, its help, and what is said to bad input: one line each, before anything heavy where possible."""

from pathlib import Path

import pytest

from dlcore.cli.main import main
from dlcore.cli.show.show_command import SUBJECTS


@pytest.fixture(autouse=True)
def _terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("FORCE_COLOR", raising=False)


@pytest.mark.parametrize("argv", [["show"], ["show", "--help"], ["show", "help"]])
def test_show_alone_names_each_subject_with_an_example(argv, capsys):
    assert main(argv) == 0
    out = capsys.readouterr().out
    for subject in SUBJECTS:
        assert out.count(f"python -m dlcore show {subject}") >= 2
    assert "lr_find" in out
    assert len(out.splitlines()) <= 24


@pytest.mark.parametrize("command", [*(f"show {subject}" for subject in SUBJECTS), "lr_find"])
def test_each_has_a_short_help_with_usage_options_and_examples(command, capsys):
    assert main([*command.split(), "--help"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"Usage: python -m dlcore {command} ")
    assert f"  python -m dlcore {command} " in out.partition("Examples")[2]
    if "activation" not in command:
        assert "-c mlp_fashion_mnist" in out
    assert len(out.splitlines()) <= 30


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("show modle", "Unknown subject of `show`: 'modle'. Did you mean 'model'?"),
        ("shwo model", "Unknown command: 'shwo'. Did you mean 'show'?"),
        ("lr_fnid", "Did you mean 'lr_find'?"),
        ("show activation", "show activation: expected one or more names, or --all, got nothing."),
        ("show activation sigmoyd", "Unknown activation: 'sigmoyd'. Did you mean 'Sigmoid'?"),
        ("show activation relu --alll", "Unknown option of `show activation`: 'alll'. Did you mean 'all'?"),
        ("show activation relu --all", "--all: expected no names with it, got 'relu'."),
        ("show activation --all relu", "--all: expected no names with it, got 'relu'."),
        ("show activation relu --out", "--out: expected a value behind it, got nothing."),
        ("show activation relu --out x.jpg", "--out: expected a file name that ends in .png, got 'x.jpg'."),
        ("show activation relu --out no/x.png", "Make it: mkdir -p no"),
        (f"show activation {'relu ' * 13}", "expected at most 12 names, got 13. All: --all."),
        ("show model stray", "show model: expected flags, which begin with --, got 'stray'."),
        ("show model -c mlp_textbok", "Unknown recipe: 'mlp_textbok'. Did you mean 'mlp_textbook'?"),
        ("show model --model.droput 0.1", "Did you mean 'dropout'?"),
        ("show model --model.hidden_sizes [0]", "model.hidden_sizes[0]: expected a"),
        ("show model --trainer.accelerator foo", "trainer: "),
        ("show gradients --entires 5", "Unknown option of `show gradients`: 'entires'. Did you mean 'entries'?"),
        ("show gradients --entries x", "--entries: expected a whole number, got 'x'."),
        ("show gradients --entries 0", "--entries: expected a number at least 1, got 0."),
        ("show gradients --samples 0", "--samples: expected a number at least 1, got 0."),
        ("show gradients --seed -1", "--seed: expected a number at least 0, got -1."),
        ("show gradients --data.root nowhere", "data.root: expected a folder with"),
        ("show schedule --scale lin", "--scale: expected linear or log, got 'lin'."),
        ("show schedule --data.val_size 100 --trainer.max_epochs -1", "trainer.max_epochs: expected an end of the run"),
        (
            "show schedule --model.lr_scheduler OneCycleLR --model.lr_scheduler.max_lr 1 "
            "--model.lr_scheduler.total_steps 9 --data.val_size 100",
            "model.lr_scheduler.total_steps: expected at least the 450 steps of the run, got 9",
        ),
        ("show schedule --model.lr_scheduler CosineAnealingLR", "Did you mean 'CosineAnnealingLR'?"),
        ("lr_find --lr_min 0", "--lr_min: expected a number above 0, got 0.0."),
        ("lr_find --lr_min x", "--lr_min: expected a number, got 'x'."),
        ("lr_find --lr_max nan", "--lr_max: expected a number above 1e-06, got nan."),
        ("lr_find --lr_max 1e-9", "--lr_max: expected a number above 1e-06, got 1e-09."),
        ("lr_find --num_steps 3", "--num_steps: expected a number at least 20, got 3."),
        ("lr_find --num_step 30", "Unknown option of `lr_find`: 'num_step'. Did you mean 'num_steps'?"),
        ("lr_find --data.offline_sample false", "(1) Debian and Ubuntu: apt-get install dataset-fashion-mnist"),
        ("lr_find --model.batch_norm true --data.val_size 100 --data.batch_size 899", "data.batch_size: 900 samples"),
    ],
)
def test_what_is_said_of_bad_input(words, said, error):
    assert said in error(*words.split())


def test_a_file_that_is_not_dlcores_is_left_as_it_is(error, workplace):
    for words, path in (
        (("show", "activation", "relu", "--out", "mine.png"), "mine.png"),
        (("show", "activation", "relu"), "show/activation_relu.png"),
    ):
        Path(path).parent.mkdir(exist_ok=True)
        Path(path).write_text("precious")
        assert "expected a new file, or a picture that dlcore drew" in error(*words)
        assert Path(path).read_text() == "precious"


def test_a_file_in_the_place_of_the_folder_is_named(error, workplace):
    Path("show").write_text("")
    assert "--out: expected a folder show/ for the picture" in error("show", "activation", "relu")
