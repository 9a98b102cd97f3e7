"""Imports go down the floors of the house, never up or sideways."""

import ast
from pathlib import Path

import dlcore

ROOT = Path(dlcore.__file__).parent
FLOORS = [
    {
        *("errors", "cache", "processes", "progress_bar", "lightning_compat", "torch_compat", "plain_text"),
        *("translation", "notebook"),
    },
    {"nn", "optim", "text", "evaluation", "lazy_imports"},
    {"config"},
    {"tracking", "execution"},
    {"diagnosis"},
    {"models", "data", "callbacks"},
    {"runs"},
    {"studies", "insight", "textbook", "export"},
    {"cli"},
    {"__main__"},
]
FLOOR_OF = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


def imported(path: Path) -> set[str]:
    """Modules of dlcore that a file imports, inside functions too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found |= {node.module} if node.module != "dlcore" else {f"dlcore.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level:
            found.add(f"relative import in {path}")
    return {name for name in found if name.startswith(("dlcore", "relative"))}


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def wrong_edges(files: dict[str, set[str]]) -> list[str]:
    wrong = []
    for name, targets in files.items():
        here = room(name)
        for target in targets:
            there = room(target)
            if there in ("", "__version__") or there == here:
                continue
            if there not in FLOOR_OF or here not in FLOOR_OF or FLOOR_OF[there] >= FLOOR_OF[here]:
                wrong.append(f"{name} imports {target}")
    return wrong


def test_imports_go_down():
    files = {
        ".".join(("dlcore", *path.relative_to(ROOT).with_suffix("").parts)): imported(path)
        for path in ROOT.rglob("*.py")
        if path != ROOT / "__init__.py"
    }
    assert len(files) > 20
    assert wrong_edges(files) == []


def test_an_upward_and_a_sideways_import_are_found():
    assert wrong_edges({"dlcore.nn.layer": {"dlcore.runs"}}) == ["dlcore.nn.layer imports dlcore.runs"]
    assert wrong_edges({"dlcore.models.mlp": {"dlcore.data.table"}}) == ["dlcore.models.mlp imports dlcore.data.table"]
    assert wrong_edges({"dlcore.models.mlp": {"dlcore.nn"}}) == []


def test_files_stay_small():
    long = {str(path): lines for path in ROOT.rglob("*.py") if (lines := len(path.read_text().splitlines())) > 300}
    assert long == {}


def test_no_two_files_of_tests_share_a_name():
    """pytest imports each by its bare name: the second would get what is in the first."""
    names = [path.name for path in Path(__file__).parent.rglob("*.py") if path.name != "conftest.py"]
    assert sorted(names) == sorted(set(names))
