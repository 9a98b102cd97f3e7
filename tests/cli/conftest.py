"""Shared by the tests of commands."""

import pytest

from dlcore.cli.main import main


@pytest.fixture
def shown(workplace, capsys, monkeypatch, one_thread):
    """Run a command; give what it printed, with each run of blanks as one, and its exit code."""
    monkeypatch.setenv("COLUMNS", "100")

    def run(*words):
        code = main([*words])
        captured = capsys.readouterr()
        assert not captured.err
        return " ".join(captured.out.split()), code

    return run


@pytest.fixture
def error(workplace, capsys):
    """Run a command that must fail; give the line that it printed."""

    def run(*words: str) -> str:
        code = main([*words])
        captured = capsys.readouterr()
        lines = captured.err.strip().splitlines()
        assert code == 2, captured
        assert len(lines) == 1, captured.err
        assert lines[0].startswith("dlcore: ")
        return lines[0].removeprefix("dlcore: ")

    return run
