"""Subjects of ``show`` that need no recipe: functions of `dlcore.textbook`, whose arguments are flags."""

from __future__ import annotations

import ast
import importlib
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlcore.cli.own_options import option_row, read_options
from dlcore.cli.show.subject import Subject
from dlcore.cli.terminal import (
    new_table,
    open_console,
    print_columns,
    print_examples,
    print_heading,
    print_paragraph,
    print_usage,
)
from dlcore.config.catalogue import ROOT, Argument, settings_info
from dlcore.config.strict_yaml import load
from dlcore.errors import ArgumentError, ConfigError

if TYPE_CHECKING:
    from dlcore.textbook.demonstration import Demonstration, Table

SUBJECTS = (
    "perceptron", "backprop", "loss", "initializer", "descent", "average", "dropout", "batch_norm",
    "image", "convolution", "sentence", "boundary", "saturation", "approximation", "background", "plane",
)  # fmt: skip
_OUT = Argument("out", "str | None", "None", "File of the picture, .png; left out: show/SUBJECT.png.")
_GIF = Argument("gif", "str | None", "None", "File of a moving picture, .gif, drawn as well.")
_WORDS = {"int": "whole number", "float": "number", "str": "text", "bool": "true or false"}


def subject(name: str) -> Subject:
    """Describe a subject by the source of its function, without importing it."""
    source = (ROOT / "textbook" / f"{name}.py").read_text(encoding="utf-8")
    examples, about = [], ""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "EXAMPLES":
            examples = ast.literal_eval(node.value)
        if isinstance(node, ast.FunctionDef) and node.name == name:
            about = " ".join((ast.get_docstring(node) or "").partition("\nArgs:")[0].partition("\n\n")[2].split())
    takes = "[NAME ...] " * _takes_names(_arguments(name)) + "[--flag VALUE ...]"
    return Subject(
        f"show {name}", settings_info(f"textbook/{name}.py", name).summary, takes, about, (), tuple(examples)
    )


def print_help(name: str) -> None:
    """Print a subject's help: all flags, with their defaults."""
    console, described = open_console(), subject(name)
    print_usage(console, f"{described.command} {described.takes}")
    print_paragraph(console, f"{described.summary} {described.about}")
    print_heading(console, "Options")
    print_columns(console, [option_row(argument) for argument in _arguments(name).values()], column=37)
    print_examples(console, described.examples)


def run(name: str, argv: Sequence[str]) -> int:
    """Compute and draw a subject.

    Args:
        name: The subject.
        argv: The words after it.

    Raises:
        DlcoreError: The command cannot be carried out.
    """
    arguments = _arguments(name)
    first = next(iter(arguments))
    given = read_options(f"show {name}", argv, arguments, {}, takes_words=_takes_names(arguments))
    texts: dict[str, Any] = {each: values[-1] for each, values in given.values.items()}
    out, gif = texts.pop("out", None), texts.pop("gif", None)
    values = {each: typed(f"--{each}", arguments[each].annotation, text) for each, text in texts.items()}
    if given.words:
        if first in values:
            raise ArgumentError(f"--{first}", f"names behind `show {name}`, or this flag", " ".join(given.words))
        values[first] = given.words
    # Import numpy, torch and matplotlib only now: the errors above are reported at once.
    from dlcore.cli.show.picture import picture_path, save_picture

    path = picture_path(out, name)
    if gif is not None:
        _check_gif(gif)
    module = importlib.import_module(f"dlcore.textbook.{name}")
    try:
        with one_thread():
            shown: Demonstration = getattr(module, name)(**values)
    except ArgumentError as error:
        if re.match(r"\w+", error.argument)[0] in arguments:  # type: ignore[index]
            raise ArgumentError(f"--{error.argument}", error.expected, error.received, error.remedy) from error
        raise
    console = open_console()
    for table in shown.tables:
        if table.title:
            print_paragraph(console, table.title)
        console.print(_as_rich(table))
        console.print()
    for note in shown.notes:
        print_paragraph(console, note)
    save_picture(shown.figure, path)
    if gif is not None:
        if shown.animation is None:
            raise ArgumentError("--gif", f"left out: `show {name}` has no moving picture of this", gif)
        Path(gif).expanduser().write_bytes(shown.animation())
        print(f"moving picture: {gif}")
    return 0


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread: networks of a few units lose more by threads that wait for each other than they gain."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def typed(flag: str, annotation: str, value: Any) -> Any:
    """Return the value of a flag, read as YAML and converted to its type.

    Args:
        flag: The flag, for messages.
        annotation: Its type, as written: numbers, text, true or false, ``Literal``, lists of them.
        value: What was typed.

    Raises:
        ArgumentError: It has another type.
    """
    kind = annotation.removesuffix(" | None")
    if not isinstance(value, str) or kind in ("str", *_WORDS) or kind.startswith("Literal"):
        return value  # read_options has read it
    if kind != annotation and value.lower() in ("null", "none"):
        return None
    try:
        return _converted(kind, load(value if value.startswith("[") else f"[{value}]", flag))
    except (ConfigError, ValueError, TypeError) as error:
        raise ArgumentError(flag, _in_words(kind), value, f"For example: {flag} {_example(kind)}") from error


def _converted(kind: str, value: Any) -> Any:
    if inner := re.fullmatch(r"(?:list|Sequence)\[(.*)\]", kind):
        if not isinstance(value, list):
            raise TypeError(kind)
        return [_converted(inner[1], item) for item in value]
    if isinstance(value, bool | list | dict | None) and kind != "bool":
        raise TypeError(kind)
    if (kind == "int" and float(value) != int(value)) or (kind == "float" and not math.isfinite(float(value))):
        raise ValueError(kind)
    return {"int": int, "float": float, "str": str, "bool": bool}[kind](value)


def _in_words(kind: str, plural: bool = False) -> str:
    if inner := re.fullmatch(r"(?:list|Sequence)\[(.*)\]", kind):
        return f"{'lists' if plural else 'a list'} of {_in_words(inner[1], plural=True)}"
    return f"{_WORDS[kind]}{'s' * (plural and kind in ('int', 'float'))}"


def _example(kind: str) -> str:
    item = {"str": "[a,b]"}.get(kind.replace("Sequence[", "").rstrip("]"), "[1,2]")
    return "[" * (kind.count("Sequence[") - 1) + item + "]" * (kind.count("Sequence[") - 1)


def _arguments(name: str) -> dict[str, Argument]:
    """Return the arguments of a subject's function, and the files of pictures."""
    found = settings_info(f"textbook/{name}.py", name).arguments
    source = (ROOT / "textbook" / f"{name}.py").read_text(encoding="utf-8")
    return found | {"out": _OUT} | ({"gif": _GIF} if "animation" in source else {})


def _takes_names(arguments: dict[str, Argument]) -> bool:
    """Return whether words that are not flags are values of the first argument."""
    return next(iter(arguments.values())).annotation.removesuffix(" | None") == "Sequence[str]"


def _check_gif(gif: str) -> None:
    path = Path(gif).expanduser()
    if path.suffix.lower() != ".gif" or not path.parent.is_dir() or path.exists():
        raise ArgumentError("--gif", "a new file that ends in .gif, in a folder that is there", gif)


def _as_rich(table: Table) -> Any:
    columns = list(zip(*table.rows, strict=True))
    numeric = re.compile(r"[−+\-]?[\d.,]+([eE][−+\-]?\d+)?%?|")
    aligned = [">" * all(map(numeric.fullmatch, column)) for column in columns]
    shown = new_table(*(sign + head for sign, head in zip(aligned, table.header, strict=True)))
    shown.columns[0].no_wrap = True
    for row in table.rows:
        shown.add_row(*row)
    return shown
