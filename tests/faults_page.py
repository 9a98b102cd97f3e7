"""docs/faults.md: each fault that a test injects, what a user sees, and the test. ``python tests/faults_page.py``.

A test says what it injects by a mark: ``@pytest.mark.fault("the disk is full", "last.ckpt: … could not be written")``,
also as the mark of a case (``pytest.param(…, marks=pytest.mark.fault(…))``). The files are read, not run.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).resolve().parent
PAGE = TESTS.parent / "docs" / "faults.md"
SUBJECTS = {
    "callbacks": "Training",
    "resume": "Interruptions",
    "many_processes": "Several processes and machines",
    "runs": "Runs and checkpoints",
    "data": "Data",
    "text": "Text",
    "tracking": "What is written while training",
    "studies": "Studies",
    "faults": "Files, disks and limits",
    "cli": "Commands",
    "security": "Hostile input",
}
HEAD = """# Faults: what happens when something goes wrong

{count} faults, each made to happen by a test: with real files, signals, processes, limits and sockets. "…" stands for
what differs from case to case. This page is made from the tests: `python tests/faults_page.py`.
"""
TABLE = "| What happens | What a user sees | Test |\n|---|---|---|\n"


class Fault(NamedTuple):
    """One of them."""

    folder: str
    what: str
    sees: str
    test: str


def faults() -> list[Fault]:
    """All faults that are marked in the tests, in the order of files and lines."""
    return [fault for path in sorted(TESTS.rglob("test_*.py")) for fault in _of_file(path)]


def page() -> str:
    """The page's text."""
    found = faults()
    folders = [*SUBJECTS, *sorted({fault.folder for fault in found} - SUBJECTS.keys())]
    text = HEAD.format(count=len(found))
    for folder in folders:
        rows = [fault for fault in found if fault.folder == folder]
        if rows:
            text += f"\n## {SUBJECTS.get(folder, folder.capitalize())}\n\n{TABLE}"
            text += "".join(f"| {_cell(row.what)} | {_cell(row.sees)} | `{row.test}` |\n" for row in rows)
    return text


def _of_file(path: Path) -> Iterator[Fault]:
    place = path.relative_to(TESTS)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assigned = [node for node in tree.body if isinstance(node, ast.Assign)]
    constants = {ast.unparse(node.targets[0]): node.value for node in assigned}
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef):
            continue
        for each in (inner for decorator in node.decorator_list for inner in ast.walk(decorator)):
            if isinstance(each, ast.Call) and ast.unparse(each.func) == "pytest.mark.fault":
                what, sees = (_text(argument, constants) for argument in each.args)
                yield Fault(place.parts[0], what, sees, f"{place.as_posix()}::{node.name}")


def _text(node: ast.expr, constants: Mapping[str, ast.expr]) -> str:
    """What an argument of the mark says; "…" where it differs from case to case."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        parts = (part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
        return "".join(map(str, parts))
    if isinstance(node, ast.Name) and node.id in constants:
        return _text(constants[node.id], constants)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        return re.sub(r"{[^}]*}", "…", _text(node.func.value, constants))
    return "…"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
