"""Says in one line which setting has a wrong type, where the parser gives a wall of union types."""

from __future__ import annotations

import re
import types
from collections.abc import Iterable
from inspect import signature
from traceback import walk_tb
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import torch
from jsonargparse import ArgumentError as ParserError
from jsonargparse import ArgumentParser
from lightning.pytorch import Trainer

import dlcore.callbacks
import dlcore.data
import dlcore.models
from dlcore.config.catalogue import callback_sections
from dlcore.config.choice import NESTED_CLASSES
from dlcore.config.class_paths import refusal
from dlcore.errors import ArgumentError, ConfigError, DlcoreError
from dlcore.runs.factories import find_factory
from dlcore.runs.own_class_errors import of_own_class
from dlcore.runs.trainer_classes import what_it_lacks

# Beginnings of the lines of a wall that say nothing.
_WALL = ("Subtypes", "Errors", "Given value", "Does not validate", "Expected a <class 'NoneType'>")
_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text", types.NoneType: "null"}


def explain(error: Exception, settings: Iterable[tuple[str, Any]], classes: dict[str, str]) -> DlcoreError:
    """Find the setting that the parser did not accept.

    Args:
        error: What the parser raised.
        settings: All settings that recipes and flags gave: dotted name (without ``init_args``) and value.
        classes: Names of the classes chosen for ``model`` and ``data``.

    Returns:
        An error that names the setting; the parser's own last words where none is found.
    """
    if denied := re.search(r"Importing '([\w.]+)' is not allowed", str(error)):
        return ConfigError(refusal(denied[1], "The config names"))
    for name, value in settings:
        hint = _hint(name, classes)
        if hint is not None and "Callable" not in str(hint) and not _accepts(hint, value):
            return what_it_lacks(name, value) or ArgumentError(name, _in_words(hint), value)
    if absent := re.search(r"arguments are required: \w+\.(model|data)\b", str(error)):
        return no_class(absent[1])
    missing = re.search(r"the following arguments are required: (\w+)", str(error))
    for name in ("model.lr_scheduler", "model.optimizer"):
        owner = find_factory(name, classes.get(name, ""))
        if missing and owner is not None and missing[1] in signature(owner).parameters:
            hint = signature(owner).parameters[missing[1]].annotation
            typed = any(word in str(hint) for word in ("int", "float", "bool", "empty"))
            remedy = "" if typed else "It is no plain value: choose another one, or make it in Python."
            return ArgumentError(f"{name}.{missing[1]}", f"a value, which {classes[name]} needs", None, remedy)
    if own := of_own_class(str(error), classes):
        return own
    lines = [line.strip(" -") for line in str(error).splitlines()]
    wanted = [line for line in lines if line and not line.startswith(_WALL)]
    where = ".".join(re.findall(r'Parser key "([\w.]+)"', str(error)))
    said = re.sub(r"\s+", " ", wanted[-1].partition(". Got value: Namespace")[0] if wanted else str(error))
    return ConfigError(f"{where}: {said}" if where else said)


def no_class(section: str) -> ArgumentError:
    """What is said when recipes and flags choose no model, or no data."""
    example = {"model": "MLP", "data": "FashionMNIST"}[section]
    return ArgumentError(
        section,
        "a class, by flag or recipe",
        None,
        f"For example: --{section} {example}, or -c with a whole recipe before this one",
    )


def check_null(settings: Iterable[tuple[str, Any]], classes: dict[str, str]) -> None:
    """Check that nothing is null that may not be: the parser lets it pass.

    Raises:
        ArgumentError: The first setting that needs a value.
    """
    for name, value in settings:
        hint = _hint(name, classes) if value in (None, "null") else None
        if hint is not None and type(None) not in get_args(hint):
            wanted = "a class" if "Callable" in str(hint) else _in_words(hint)
            raise ArgumentError(name, wanted, "null", "Leave it out for its default.")


def own_error(error: BaseException | None) -> DlcoreError | None:
    """The error of dlcore's that another one was made from, if there is one."""
    while error is not None and not isinstance(error, DlcoreError):
        error = error.__cause__ or error.__context__
    return error


def said_by_class(error: BaseException) -> BaseException:
    """What a class raised when it was made, out of the parser's words around it; the error itself where none did."""
    first = error
    while first.__cause__ is not None:
        first = first.__cause__
    *_, (last, _) = walk_tb(first.__traceback__)
    return error if last.f_globals["__name__"].startswith("jsonargparse") else first


def _hint(name: str, classes: dict[str, str]) -> Any:
    """The type of a setting, or None where it is not known."""
    section, _, key = name.partition(".")
    owners: dict[str, Any] = {"trainer": Trainer}
    owners |= {part: getattr(dlcore.callbacks, owner) for part, owner in callback_sections().items()}
    owners["model"] = getattr(dlcore.models, classes.get("model", ""), None)
    owners["data"] = getattr(dlcore.data, classes.get("data", ""), None)
    for nested in NESTED_CLASSES:
        if name.startswith(f"{nested}.") and nested in classes:
            owner = find_factory(nested, classes[nested])
            try:
                return get_type_hints(owner.__init__).get(name.removeprefix(f"{nested}.")) if owner else None
            except NameError:  # some of torch's own hints name types that are not imported
                return None
    if section not in owners or owners[section] is None or not key:
        return None
    return get_type_hints(owners[section].__init__).get(key)


def _accepts(hint: Any, value: Any) -> bool:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--value", type=hint)
    try:
        if isinstance(value, str):
            parser.parse_args([f"--value={value}"])
        else:
            parser.parse_object({"value": value})
    except (ParserError, ValueError, TypeError):
        return False
    return True


def _in_words(hint: Any) -> str:
    origin, args = get_origin(hint), get_args(hint)
    if hint in _WORDS:
        return _WORDS[hint]
    if origin is Literal:
        return " or ".join(str(arg) for arg in args)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(_in_words(arg) for arg in args if arg is not torch.Tensor))
    if origin in (list, tuple, set):
        if args and get_origin(args[0]) is Literal:
            return f"a list of {' and '.join(map(str, get_args(args[0])))}"
        inner = _in_words(args[0]).removeprefix("a ").removeprefix("an ") if args else "value"
        return f"a list of {inner}s, as in [512, 256]" if inner == "whole number" else f"a list of {inner}s"
    return getattr(hint, "__name__", str(hint))
