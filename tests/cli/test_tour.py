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


HEAVY = "{'torch', 'matplotlib', 'lightning', 'numpy', 'jsonargparse', 'pygments'}"


@pytest.mark.process
@pytest.mark.parametrize(
    "code",
    [
        "from dlcore.cli.tour import print_tour; print_tour()",
        "from dlcore.cli.help import print_help; print_help()",
        "from dlcore.cli.help import print_command_help; print_command_help('fit', ['-c', 'x.yaml'])",
        "from dlcore.cli.recipes import run; run([])",
        "from dlcore.cli.show.show_command import run; run([])",
        *(f"from dlcore.cli.show.show_command import run; run(['{subject}', '--help'])" for subject in SUBJECTS),
        "from dlcore.cli.main import main; main(['lr_find', '--help'])",
        "from dlcore.cli.main import main; main(['check', '--help'])",
        "from dlcore.cli.generate import run; run(['--help'])",
        "from dlcore.cli.neighbors import run; run(['--help'])",
        "from dlcore.cli.main import main; main(['compare', '--help'])",
        "from dlcore.cli.main import main; main(['explain', '--help'])",
        "from dlcore.cli.study.study_command import run; run(['--help'])",
        "from dlcore.cli.study.study_command import run; run([])",
        "from dlcore.cli.study.study_command import run; run(['show', 'scaling'])",
    ],
)
def test_what_answers_at_once_imports_nothing_heavy(code, tmp_path):
    (tmp_path / "x.yaml").write_text("model: MLP\ndata: FashionMNIST\n")
    code += f"; import sys; sys.exit(', '.join({HEAVY} & set(sys.modules)) or None)"
    env = os.environ | {"PYTHONPATH": str(Path(dlcore.__file__).parent.parent)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.returncode == 0
    assert done.stdout
