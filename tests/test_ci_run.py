""".ci/run with commands that only write down that they were called: its order, its exit code, what it leaves behind."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TELL = """#!/bin/sh
line="$(basename "$0") $*"
printf '%s\\n' "$line" >> "$CALLS"
case "$line" in "$FAILS"*) exit 3;; esac
"""
# The environment that it makes has the same commands.
PYTHON3 = TELL + 'if [ "$2" = venv ]; then mkdir -p "$3/bin" && cp "$COMMANDS"/* "$3/bin" && :> "$3/bin/activate"; fi'
STEPS = [
    *("lscpu", "python3 --version", "python3 -m venv", "pip install --quiet -e .[test]", "python -c import torch"),
    *("pip list", "python -m compileall -qq", "python -m compileall -q dlcore"),
    *("python -m pytest", "python -m pytest -m process"),
    *("pip install --quiet --no-deps", "python -m pytest -p no:cacheprovider"),
    *("pip install --quiet -e .[dev,docs]", "ruff check", "ruff format", "mypy", "mkdocs build"),
    "python .ci/audit.py",
]

pytestmark = [pytest.mark.process, pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash")]


@pytest.fixture
def ci_run(tmp_path):
    """Run it as a user who is not root; the commands that were called, its exit code, what is left of its venv."""

    def run(fails="nothing"):
        commands, temporary = tmp_path / "commands", tmp_path / "临时"
        commands.mkdir()
        temporary.mkdir()
        for name in ("python", "python3", "pip", "ruff", "mypy", "mkdocs", "lscpu", "apt-get"):
            (commands / name).write_text(PYTHON3 if name == "python3" else TELL)
        (commands / "id").write_text("#!/bin/sh\necho 1000\n")
        for command in commands.iterdir():
            command.chmod(0o755)
        checkout = tmp_path / "检出 1" / ".ci"
        checkout.mkdir(parents=True)
        shutil.copy(ROOT / ".ci" / "run", checkout)
        settings = {"COMMANDS": str(commands), "CALLS": str(tmp_path / "calls"), "FAILS": fails}
        path = f"{commands}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", checkout / "run"],
            env={**os.environ, **settings, "PATH": path, "TMPDIR": str(temporary)},
            capture_output=True,
            timeout=60,
        )
        return (tmp_path / "calls").read_text().splitlines(), done.returncode, list(temporary.iterdir())

    return run


def test_it_says_where_it_runs_then_tests_and_leaves_nothing(ci_run):
    calls, code, left = ci_run()
    assert len(calls) == len(STEPS)
    assert all(call.startswith(step) for call, step in zip(calls, STEPS, strict=True)), calls
    assert (code, left) == (0, [])


LOOK_AHEAD = STEPS[10:12]
MAY_FAIL = [*LOOK_AHEAD, "python -m compileall -qq"]


@pytest.mark.parametrize("step", [step for step in STEPS[1:] if step not in MAY_FAIL])
def test_a_step_that_fails_ends_it_with_an_exit_code_that_says_so(step, ci_run):
    calls, code, left = ci_run(step)
    assert calls[-1].startswith(step)
    assert len(calls) == STEPS.index(step) + 1
    assert (code, left) == (3, [])


@pytest.mark.parametrize("step", MAY_FAIL)
def test_a_look_ahead_that_fails_is_a_warning(step, ci_run):
    calls, code, left = ci_run(step)
    assert calls[-1].startswith(STEPS[-1])
    assert (code, left) == (0, [])


def test_the_look_ahead_never_installs_the_withdrawn_releases(ci_run):
    (call,) = [call for call in ci_run()[0] if call.startswith(LOOK_AHEAD[0])]
    assert "lightning!=2.6.2,!=2.6.3" in call.split()
