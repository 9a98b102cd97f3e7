import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import dlcore
from dlcore import __version__
from dlcore.cli.show.show_command import SUBJECTS
from dlcore.cli.tour import print_tour


@pytest.fixture(autouse=True)
def _eighty_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


def test_the_tour_fits_one_screen(capsys):
    print_tour()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 23  # 24, less the line of the next prompt
    assert max(map(len, lines)) <= 80


def test_the_tour_says_version_commands_results_and_help(capsys):
    print_tour()
    out = capsys.readouterr().out
    for words in (
        __version__,
        "python -m dlcore fit\n",
        "recipes",
        "lightning_logs",
        "tensorboard --logdir",
        "--help-all",
    ):
        assert words.strip() in out


COMMANDS = [
    [],
    ["--help"],
    ["fit", "-c", "x.yaml", "--help"],
    ["recipes"],
    ["show"],
    *(["show", subject, "--help"] for subject in SUBJECTS),
    *([name, "--help"] for name in ("lr_find", "check", "generate", "neighbors", "compare", "explain", "study")),
    ["study"],
    ["study", "show", "scaling"],
]
# All in one process: what is not imported at the end was not by any of them.
PROGRAM = """
import contextlib, io, json, sys
from dlcore.cli.main import main
heavy = {"torch", "matplotlib", "lightning", "numpy", "jsonargparse", "pygments"}
for words in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()) as said:
        code = main(words)
    if found := heavy & {*sys.modules}:
        sys.exit(f"{words} imports {found}")
    if code or not said.getvalue():
        sys.exit(f"{words} ends with {code}, and says {said.getvalue()!r}")
print("all of them")
"""


@pytest.mark.process
def test_what_answers_at_once_imports_nothing_heavy(tmp_path):
    (tmp_path / "x.yaml").write_text("model: MLP\ndata: FashionMNIST\n")
    command = [sys.executable, "-c", PROGRAM, json.dumps(COMMANDS)]
    env = os.environ | {"PYTHONPATH": str(Path(dlcore.__file__).parent.parent)}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "all of them\n")
