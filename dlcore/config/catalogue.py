"""Catalogue of the classes that a recipe may name and of their arguments, read from source without importing them.

Importing a model imports torch, which takes seconds; help and error hints must not wait for that. A class of dlcore is
found if its package lists it in ``__all__``; an optimiser or a schedule, torch's or dlcore's, by its base class.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import re
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from textwrap import dedent
from typing import Literal

from dlcore.errors import UnknownNameError

Package = Literal["models", "data", "callbacks"]
ROOT = Path(__file__).resolve().parent.parent

_SINGULAR = {"models": "model", "data": "data class", "callbacks": "callback"}
# The model's arguments that take a class: the base class, and the word for it in messages.
_FACTORIES = {"model.optimizer": ("Optimizer", "optimiser"), "model.lr_scheduler": ("LRScheduler", "schedule")}
# Arguments that no user sets: the model gives parameters and optimiser, and a resumed run sets the last epoch.
_NOT_TYPED = ("params", "optimizer", "last_epoch")


@dataclass(frozen=True)
class Argument:
    """One argument of a class, as written in its source.

    Args:
        name: The argument's name.
        annotation: Its type, as written (``int | None``); empty if there is none.
        default: Its default, as written (``'relu'``); None if it is required.
        help: Its entry in the docstring, in one line; empty if there is none.
    """

    name: str
    annotation: str
    default: str | None
    help: str


@dataclass(frozen=True)
class ClassInfo:
    """A class, as described in its source."""

    name: str
    summary: str
    arguments: dict[str, Argument] = field(default_factory=dict)


def class_names(package: Package, root: Path = ROOT) -> list[str]:
    """Return the names of the classes that a recipe may choose in a package, in the order of the package's ``__all__``.

    Leave out a root base class (it derives from no class in ``__all__``, but others derive from it) and a class without
    any base: a helper.
    """
    found = _find_classes(root / package)
    parents = {base for _, bases in found.values() for base in bases}
    exported = _exported(root / package)
    listed = [name for name in exported if name in found and found[name][1]]
    return [name for name in listed if name not in parents or any(base in exported for base in found[name][1])]


def class_info(package: Package, name: str, root: Path = ROOT) -> ClassInfo:
    """Describe one class of a package."""
    names = class_names(package, root)
    if name not in names:
        raise UnknownNameError(_SINGULAR[package], name, names)
    return _described(_find_classes(root / package)[name][0], name)


def class_arguments(package: Package, name: str, root: Path = ROOT) -> dict[str, Argument]:
    """Return the arguments of one class by name, in order; see `class_info`."""
    return class_info(package, name, root).arguments


def settings_info(module: str, name: str, root: Path = ROOT) -> ClassInfo:
    """Describe a dataclass of settings, or a function."""
    return _described((root / module).read_text(encoding="utf-8"), name)


def factory_info(key: str, name: str) -> ClassInfo:
    """Describe an optimiser or schedule."""
    torch = importlib.util.find_spec("torch")  # finds torch without importing it
    folders = [Path(torch.origin).parent / "optim"] if torch is not None and torch.origin else []
    found = {name: each for folder in (*folders, ROOT / "optim") for name, each in _find_classes(folder).items()}
    base, word = _FACTORIES[key]
    parents = {base}
    while more := {name for name, (_, bases) in found.items() if parents & set(bases)} - parents:
        parents |= more
    names = sorted(each for each in parents - {base} if not each.startswith("_"))
    if name not in names:
        raise UnknownNameError(word, name, names)
    source, bases = found[name]
    info = _described(source, name)
    # torch assembles the docstrings of its optimisers below the class.
    late = re.search(r"^( *)Args:\n(?:\1 +.*\n|\n)*", source.partition(f"\n{name}.__doc__ = ")[2], re.MULTILINE)
    lines = dedent(late[0]).splitlines() if late else []
    texts = argument_help("\n" + "\n".join(line for line in lines if not line.strip().startswith("{")))
    if not info.arguments:  # use those of its base class
        info = next((_described(found[base][0], base) for base in bases if base in found), info)
    arguments = {
        argument.name: replace(argument, help=_without_default(argument.help or texts.get(argument.name, "")))
        for argument in info.arguments.values()
        if argument.name not in _NOT_TYPED
    }
    return ClassInfo(name, info.summary, arguments)


def section_name(class_name: str) -> str:
    """Return the name of a callback's section in a recipe: ``ReduceLROnPlateau`` is ``reduce_lr_on_plateau``."""
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", class_name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", words).lower()


def callback_sections(root: Path = ROOT) -> dict[str, str]:
    """Return the recipe section → class name of each callback, in the order of ``__all__``."""
    return {section_name(name): name for name in class_names("callbacks", root)}


def summary(docstring: str) -> str:
    """Return the first sentence of a docstring, in one line."""
    paragraph = " ".join(inspect.cleandoc(docstring).split("\n\n")[0].split())
    sentence = re.match(r".*?(?:。|[.!?](?= +[^a-z ]|$))", paragraph)
    return sentence.group() if sentence else paragraph


def argument_help(docstring: str) -> dict[str, str]:
    """Return the entries of a Google-style docstring's ``Args:`` section, each in one line."""
    found = re.search(r"^Args:\n((?:[ \t]+.*\n|\n)*)", inspect.cleandoc(docstring) + "\n", re.MULTILINE)
    entries: dict[str, str] = {}
    names: list[str] = []
    for line in inspect.cleandoc("\n" + found.group(1)).splitlines() if found else []:
        start = re.match(r"(\*{0,2}\w+(?:, \*{0,2}\w+)*)(?: \(.*?\))?:(?: (.*)|$)", line)
        if start:
            names = [name.lstrip("*") for name in start.group(1).split(", ")]
            entries |= dict.fromkeys(names, start.group(2) or "")
        else:
            entries |= {name: f"{entries[name]} {line.strip()}".strip() for name in names}
    return entries


@cache  # sources do not change while a program runs
def _exported(folder: Path) -> list[str]:
    """Return the names in ``__all__`` of a package's ``__init__.py``."""
    init = folder / "__init__.py"
    source = init.read_text(encoding="utf-8") if init.is_file() else ""
    found = re.search(r"^__all__.*?= (\[.*?\])", source, re.MULTILINE | re.DOTALL)
    return ast.literal_eval(found[1]) if found else []


@cache
def _find_classes(folder: Path) -> dict[str, tuple[str, list[str]]]:
    """Return each class that a package's files define: the file's text, and the names of its bases."""
    found: dict[str, tuple[str, list[str]]] = {}
    for path in sorted(folder.glob("*.py")):
        source = path.read_text(encoding="utf-8")
        for name, bases in re.findall(r"^class (\w+)(?:\(([^)]*)\))?:", source, re.MULTILINE):
            found[name] = source, [base.strip().split(".")[-1] for base in bases.split(",") if base.strip()]
    return found


def _described(source: str, name: str) -> ClassInfo:
    """Describe a class that a file defines, by its ``__init__`` or, without one, by its fields; or a function."""
    kinds = ast.ClassDef | ast.FunctionDef
    definition = next(node for node in ast.parse(source).body if isinstance(node, kinds) and node.name == name)
    docstring = ast.get_docstring(definition) or ""
    is_class = isinstance(definition, ast.ClassDef)
    functions = definition.body if is_class else [definition]
    init = next(
        (each for each in functions if isinstance(each, ast.FunctionDef) and each.name in ("__init__", name)), None
    )
    if init is not None:
        plain = [*init.args.posonlyargs, *init.args.args][is_class:]
        defaults: list[ast.expr | None] = [*[None] * (len(plain) - len(init.args.defaults)), *init.args.defaults]
        named = [*zip(plain, defaults, strict=True), *zip(init.args.kwonlyargs, init.args.kw_defaults, strict=True)]
        found = [(argument.arg, argument.annotation, default) for argument, default in named]
    else:
        fields = [node for node in definition.body if isinstance(node, ast.AnnAssign)]
        found = [(node.target.id, node.annotation, node.value) for node in fields if isinstance(node.target, ast.Name)]
    texts = argument_help(docstring)
    arguments = {
        each: Argument(
            each,
            ast.unparse(annotation) if annotation else "",
            ast.unparse(default) if default is not None else None,
            texts.get(each, ""),
        )
        for each, annotation, default in found
    }
    return ClassInfo(name, summary(docstring), arguments)


def _without_default(text: str) -> str:
    """Return torch's text without its default, which is shown as the value."""
    text = re.sub(r" *\(default:[^()]*(?:\([^()]*\)[^()]*)*\)|\s*Default: .*", "", text).strip()
    return f"{text[:1].upper()}{text[1:].rstrip('.')}." if text else ""
