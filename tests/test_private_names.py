"""Private names of others are touched where it is said what for, and nowhere else."""

import ast
import functools
import importlib
import inspect
from collections import defaultdict
from pathlib import Path

import pytest
from test_lightning_compat import INHERITED, NAMES, private_names

import dlcore

ROOT = Path(dlcore.__file__).parent
HERE = ("execution", "lightning_compat.py", "torch_compat.py")  # where they may be touched
# Public in spite of their underscore: os._exit, namedtuple._replace, what IPython asks objects for.
DOCUMENTED = {"_exit", "_replace", "_repr_png_"}
WITHOUT_IT_TOO = {"_mmap"}  # numpy's: asked for, and done without where it is missing


def is_private(name):
    return isinstance(name, str) and name.startswith("_") and name != "_" and not name.endswith("__")


def is_own(node):
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def defined(tree):
    """Names of functions, classes and variables of a file, and of its classes' own attributes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and is_own(node.value):
            yield node.attr


def touched(tree, everywhere=frozenset()):
    """Private names that a file touches of what is not its own, with their lines.

    Args:
        tree: The file.
        everywhere: Names that are defined anywhere in the package: a class may have them from its base class.
    """
    here = set(defined(tree))
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Attribute):
            names = [node.attr] if node.attr not in (everywhere if is_own(node.value) else ()) else []
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("getattr", "hasattr", "setattr"):
            names = [each.value for each in node.args[1:2] if isinstance(each, ast.Constant)]
        elif isinstance(node, ast.ImportFrom | ast.Import):
            modules = [getattr(node, "module", None) or "", *(each.name for each in node.names)]
            names = [part for name in modules for part in name.split(".")]
        yield from ((name, node.lineno) for name in names if is_private(name) and name not in here)


@pytest.fixture(scope="module")
def files():
    """The package's files, each as a tree."""
    return {path.relative_to(ROOT): ast.parse(path.read_text(encoding="utf-8")) for path in sorted(ROOT.rglob("*.py"))}


def test_private_names_of_others_are_touched_in_these_files_only(files):
    anywhere = {name for tree in files.values() for name in defined(tree)}
    allowed = DOCUMENTED | WITHOUT_IT_TOO | private_names(INHERITED)
    found = [
        f"{path}:{line} {name}"
        for path, tree in files.items()
        if path.parts[0] not in HERE
        for name, line in touched(tree, anywhere)
        if name not in allowed
    ]
    assert found == [], "Give it a function in lightning_compat.py or torch_compat.py that says what is meant."


def test_each_name_that_is_touched_there_has_a_canary(files):
    found = {name for path, tree in files.items() if path.parts[0] in HERE for name, _ in touched(tree)}
    assert found - private_names(NAMES) == set()


@pytest.mark.parametrize(
    "code",
    [
        "trainer._logger_connector",
        "trainer.fit_loop._restarting = False",
        "self._kwargs",
        "getattr(loop, '_results')",
        "from torch.utils._pytree import tree_leaves",
        "from jsonargparse import _common",
        "import ray._private",
    ],
)
def test_a_private_name_of_others_is_found(code):
    assert len(list(touched(ast.parse(code)))) == 1


def test_what_a_class_has_from_lightning_or_torch_is_known(files):
    """A private name that a class of dlcore has, and a foreign class that it derives from has too."""

    @functools.cache
    def names_of(base):
        """Its attributes, and those that its methods name."""
        if base.__module__.partition(".")[0] not in ("lightning", "torch", "torchmetrics"):
            return set()
        methods = [inspect.unwrap(getattr(each, "fget", None) or each) for each in vars(base).values()]
        named = {name for method in methods if inspect.isfunction(method) for name in method.__code__.co_names}
        return {name for name in named | set(vars(base)) if is_private(name)}

    found = defaultdict(set)
    for path, tree in files.items():
        for node in [] if path.parts[0] in HERE else tree.body:
            if not isinstance(node, ast.ClassDef) or not node.bases:
                continue
            names = {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute) and is_own(each.value)}
            names |= {each.name for each in node.body if isinstance(each, ast.FunctionDef)}
            module = importlib.import_module(".".join(("dlcore", *path.with_suffix("").parts)))
            for base in getattr(module, node.name).__mro__:
                found[str(path)] |= names & names_of(base)
    assert {path: names for path, names in found.items() if names - private_names(INHERITED)} == {}
