from pathlib import Path

import pytest
from sick_table import write_numbers


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A working folder with a table of numbers, on which a run takes a second."""
    folder = tmp_path / "work"
    folder.mkdir()
    write_numbers(folder / "numbers.csv")
    return folder
