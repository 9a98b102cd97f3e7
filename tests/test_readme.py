"""Every command and every program of the README is run as it stands, on a small set."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from dlcore.cli.main import main

README = Path(__file__).parents[1] / "README.md"
OWN_CLASSES = README.parent / "docs" / "own_classes.md"
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
# Lines whose program is not dlcore: the installation is what CI does, TensorBoard is looked at.
ELSEWHERE = ("pip install -e . && python -m dlcore fit", "pip install -e '.[test]' && python -m pytest")
SMALLER = ("--data.val_size=100", "--trainer.limit_train_batches=2", "--trainer.limit_val_batches=1")


def commands() -> list[str]:
    lines = [line for kind, text in BLOCKS if kind == "bash" for line in text.splitlines() if line.strip()]
    lines = [line.split("  #")[0].strip() for line in lines]
    return [command for line in lines for command in ([line] if line in ELSEWHERE else line.split(" && "))]


def test_the_readme_is_short():
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 150


def test_pictures_and_files_that_it_names_are_there():
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README.read_text(encoding="utf-8")):
        assert (README.parent / target).is_file(), target


def test_chinese_readme_keeps_step():
    """The same commands, programs, pictures and files, and the same numbers in the tables."""
    texts = [path.read_text(encoding="utf-8") for path in (README, README.with_name("README.zh-CN.md"))]
    plain = [
        re.sub(r"  # .*| # [^\n]*[\u4e00-\u9fff].*|^# (?!my_model).*|\"\"\".*?\"\"\"", "", text, flags=re.MULTILINE)
        for text in texts
    ]
    english, chinese = (
        [re.sub(r"[ ]+$", "", block, flags=re.MULTILINE) for block in re.findall(r"```\w+\n.*?```", text, re.DOTALL)]
        for text in plain
    )
    assert english == chinese
    numbers = [
        [re.findall(r"\d[\d.,]*\d|\d", line) for line in text.splitlines() if line.startswith("|")] for text in texts
    ]
    assert [sorted(each) for each in numbers[0]] == [sorted(each) for each in numbers[1]]
    targets = [{*re.findall(r"\]\((?!http)([^)#]+)\)", text)} for text in texts]
    assert targets[0] - {"README.zh-CN.md", "docs/textbook/index.md"} == targets[1] - {
        "README.md",
        "docs/textbook.zh/index.md",
    }


def test_classes_of_ones_own_are_trained_as_their_page_says(workplace, monkeypatch):
    blocks = re.findall(r"```(\w+)\n(.*?)```", OWN_CLASSES.read_text(encoding="utf-8"), re.DOTALL)
    for kind, text in blocks:
        if kind == "python":
            name = text.splitlines()[0].removeprefix("# ")
            (workplace / name).write_text(text, encoding="utf-8")
            monkeypatch.delitem(sys.modules, name.removesuffix(".py"), raising=False)
    monkeypatch.syspath_prepend(str(workplace))
    for command in [line for kind, text in blocks if kind == "bash" for line in text.splitlines()]:
        assert main(shlex.split(command)[3:]) == 0, command
    run = workplace / "lightning_logs" / "classifier" / "version_0"
    rows = [line.split(",") for line in (run / "metrics.csv").read_text().splitlines()]
    assert {"train_loss", "val_loss", "train_acc", "val_acc", "largest_weight"} <= set(rows[0])


@pytest.mark.process
@pytest.mark.matrix
def test_every_command_of_the_text_page_runs_in_order(workplace):
    text = (README.parent / "docs" / "text.md").read_text(encoding="utf-8")
    (workplace / "poem.txt").write_text("床前明月光\n疑是地上霜\n\n举头望明月\n低头思故乡\n", encoding="utf-8")
    for block in re.findall(r"```bash\n(.*?)```", text, re.DOTALL):
        for line in block.splitlines():
            words = shlex.split(line.split("  #")[0].replace(" FILE", " poem.txt"))[3:]
            if words[0] == "fit":
                words += ["--trainer.max_epochs=1", "--trainer.limit_train_batches=2", "--trainer.limit_val_batches=1"]
            elif words[0] == "study":  # trained elsewhere
                words = ["study", "show", words[1]]
            assert main(words) == 0, line


def test_every_command_runs_in_order(workplace, monkeypatch, capsys):
    for kind, text in BLOCKS:
        if kind == "python" and text.startswith("# "):
            (workplace / text.splitlines()[0].removeprefix("# ")).write_text(text, encoding="utf-8")
    monkeypatch.delitem(sys.modules, "my_model", raising=False)
    monkeypatch.syspath_prepend(str(workplace))
    for command in commands():
        words = shlex.split(command)
        if command in ELSEWHERE or words[0] in ("tensorboard", "torchrun"):
            continue
        assert words[:3] == ["python", "-m", "dlcore"], command
        words = words[3:]
        if words[:1] == ["fit"] and "--help" not in words and "--trainer.devices" not in words:
            epochs = [] if "--trainer.max_epochs" in words else ["--trainer.max_epochs=1"]
            words += [*(() if "--ckpt_path" in words else SMALLER), *epochs]
        if words[:1] in (["check"], ["lr_find"]) or (words[:1] == ["show"] and words[1] != "activation"):
            words += SMALLER[:1]
        if "--trainer.devices" not in words:
            assert main(words) == 0, command
        capsys.readouterr()


@pytest.mark.process
@pytest.mark.parametrize("command", [line for line in commands() if "--trainer.devices" in line])
def test_every_command_of_several_processes_runs(command, tmp_path):
    settings = {"XDG_CACHE_HOME": str(tmp_path), "PYTHONPATH": str(README.parent), "OMP_NUM_THREADS": "1"}
    words = shlex.split(command)
    program = [sys.executable] if words[0] == "python" else [sys.executable, "-m", "torch.distributed.run"]
    extra = [*SMALLER, "--trainer.max_epochs=1", "--data.download=false"]
    done = subprocess.run(
        [*program, *words[1:], *extra],
        cwd=tmp_path,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 processes" in done.stdout


@pytest.mark.filterwarnings("ignore::lightning.fabric.utilities.warnings.PossibleUserWarning")
@pytest.mark.parametrize("text", [text for kind, text in BLOCKS if kind == "python" and not text.startswith("# ")])
def test_every_program_runs(text, workplace, monkeypatch):
    text = text.replace('"--trainer.max_epochs", "1"', '"--trainer.max_epochs", "1", *' + repr(list(SMALLER)))
    text = text.replace("offline_sample=True", "offline_sample=True, val_size=100")
    text = text.replace("Trainer(max_epochs=1,", "Trainer(max_epochs=1, limit_train_batches=2,")
    exec(compile(text, "README", "exec"), {})
