"""What tests of hostile input share: a marker that hostile code would make, and commands that must refuse."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dlcore.cli.main import main


class Hostile:
    """What an unpickler that runs code would make a file of that name of."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.system, (f"touch '{self.marker}'",)


@pytest.fixture
def marker(tmp_path: Path) -> Iterator[Path]:
    """A file that hostile code would make; that it is not there at the end is checked."""
    path = tmp_path / "hostile_code_ran"
    yield path
    assert not path.exists()


@pytest.fixture
def hostile(marker: Path) -> Hostile:
    """An object that runs code where it is unpickled."""
    return Hostile(marker)


@pytest.fixture
def hostile_module(marker: Path, workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Name of a module in the working folder that makes the marker when it is imported."""
    code = (
        "from dlcore.models import MLP\n"
        f"open({str(marker)!r}, 'w').close()\n"
        "class Net(MLP):\n"
        "    def __init__(self, in_features: int = 784, num_classes: int = 10):\n"
        "        super().__init__([3], in_features=in_features, num_classes=num_classes)\n"
    )
    (workplace / "evil_module.py").write_text(code)
    monkeypatch.syspath_prepend(str(workplace))
    yield "evil_module"
    sys.modules.pop("evil_module", None)


@pytest.fixture
def refused(workplace: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command that must fail; give the line that it printed."""

    def run(*words: Any) -> str:
        code = main([str(word) for word in words])
        captured = capsys.readouterr()
        lines = captured.err.strip().splitlines()
        assert code == 2, captured
        assert len(lines) == 1, captured.err
        assert lines[0].startswith("dlcore: ")
        return lines[0].removeprefix("dlcore: ")

    return run
