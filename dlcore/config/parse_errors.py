"""Parse errors: one line that names the setting with a wrong type, instead of the parser's long list of types."""

from __future__ import annotations

import inspect
import re
import sys
import types
from collections.abc import Iterable, Mapping
from traceback import walk_tb
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import torch
from jsonargparse import ArgumentError as ParserError
from jsonargparse import ArgumentParser
from lightning.pytorch import Trainer

from dlcore.config.allow_list import found_at, refusal
from dlcore.config.catalogue import callback_sections
from dlcore.config.merge import NESTED_CLASSES
from dlcore.config.short_names import TRAINER_CLASSES, factory_classes
from dlcore.errors import ArgumentError, ConfigError, DlcoreError, UnknownNameError

# Beginnings of the lines of the parser's message that carry no information.
_EMPTY_LINES = ("Subtypes", "Errors", "Given value", "Does not validate", "Expected a <class 'NoneType'>")
_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text", types.NoneType: "null"}
_FACTORY_WORDS = {
    "Optimizer": ("model.optimizer", "an optimiser: SGD, or a class of your own, as in my_package.MyOptimizer"),
    "LRScheduler": ("model.lr_scheduler", "a schedule: StepLR, or a class of your own, as in my_package.MySchedule"),
}
_EXAMPLES = {"model": ("MLP", "LightningModule"), "data": ("FashionMNIST", "LightningDataModule")}


def explain(error: Exception, settings: Iterable[tuple[str, Any]], classes: Mapping[str, str]) -> DlcoreError:
    """Find the setting that the parser rejected."""
    said, settings = str(error), list(settings)
    if denied := re.search(r"Importing '([\w.]+)' is not allowed", said):
        return ConfigError(refusal(denied[1], "The config names"))
    for name, value in settings:
        hint = _hint(name, classes)
        if hint is not None and "Callable" not in str(hint) and not as_typed(hint, value):
            return _what_it_lacks(name, value) or ArgumentError(name, _in_words(hint), value)
    absent = re.search(r"arguments are required: (model|data)\b", said)
    if absent is not None and absent[1] not in classes:
        return no_class(absent[1])
    if missing := re.search(r"the following arguments are required: (\w+)", said):
        for name in ("model.lr_scheduler", "model.optimizer"):
            owner: Any = factory_classes(name).get(classes.get(name, ""))
            if owner is not None and missing[1] in (parameters := inspect.signature(owner).parameters):
                annotation = str(parameters[missing[1]].annotation)
                typed = any(word in annotation for word in ("int", "float", "bool", "empty"))
                remedy = "" if typed else "It is no plain value: choose another one, or make it in Python."
                return ArgumentError(f"{name}.{missing[1]}", f"a value, which {classes[name]} needs", None, remedy)
    section = next((each for each in _EXAMPLES if f'"{each}"' in said or f'"{each}.' in said), "")
    if "." in (path := classes.get(section, "")):  # a class of the user's own
        if "does not correspond to a subclass" in said:
            return _wrong_base(section, path)
        if absent := re.search(r"module '([\w.]+)' has no attribute", said):
            own = vars(sys.modules.get(absent[1]) or object).items()
            names = [
                f"{absent[1]}.{name}" for name, each in own if inspect.isclass(each) and each.__module__ == absent[1]
            ]
            return UnknownNameError(f"class (in --{section})", path, names)
        if (absent := re.search(r"No module named '([\w.]+)'", said)) and f"{path}.".startswith(f"{absent[1]}."):
            remedy = f"There is no module {absent[1]}. Check its name, or run where it is."
            return ArgumentError(section, "a class that can be imported", path, remedy)
        if missing:
            setting = f"{section}.{missing[1]}"
            return ArgumentError(setting, f"a value, which {path} requires", None, f"Give it: --{setting} VALUE")
    if made := re.search(r"to be a (?:function that returns|subclass of) <class '(Optimizer|LRScheduler)'>", said):
        name, kind = _FACTORY_WORDS[made[1]]
        return ArgumentError(name, kind, dict(settings).get(name))
    lines = [line.strip(" -") for line in said.splitlines()]
    wanted = [line for line in lines if line and not line.startswith(_EMPTY_LINES)]
    where = ".".join(re.findall(r'Parser key "([\w.]+)"', said))
    said = re.sub(r"\s+", " ", wanted[-1].partition(". Got value: Namespace")[0] if wanted else said)
    return ConfigError(f"{where}: {said}" if where else said)


def no_class(section: str) -> ArgumentError:
    """Return the error for recipes and flags that choose no model, or no data."""
    remedy = f"For example: --{section} {_EXAMPLES[section][0]}, or -c with a whole recipe before this one"
    return ArgumentError(section, "a class, by flag or recipe", None, remedy)


def check_null(settings: Iterable[tuple[str, Any]], classes: Mapping[str, str]) -> None:
    """Check that no setting is null whose type forbids it: the parser accepts that."""
    for name, value in settings:
        hint = _hint(name, classes) if value in (None, "null") else None
        if hint is not None and type(None) not in get_args(hint):
            wanted = "a class" if "Callable" in str(hint) else _in_words(hint)
            raise ArgumentError(name, wanted, "null", "Leave it out for its default.")


def own_error(error: BaseException | None) -> DlcoreError | None:
    """Return the `DlcoreError` in an exception's chain of causes, or None."""
    while error is not None and not isinstance(error, DlcoreError):
        error = error.__cause__ or error.__context__
    return error


def said_by_class(error: BaseException) -> BaseException:
    """Return the exception that a class's ``__init__`` raised, unwrapped from the parser's; else the error itself."""
    first = error
    while first.__cause__ is not None:
        first = first.__cause__
    *_, (last, _) = walk_tb(first.__traceback__)
    return error if last.f_globals["__name__"].startswith("jsonargparse") else first


def as_typed(hint: Any, value: Any) -> list[Any]:
    """Return a list with the value as parsed for a type; an empty list if the type rejects it."""
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--value", type=hint)
    try:
        if isinstance(value, str):
            return [parser.parse_args([f"--value={value}"]).value]
        return [parser.parse_object({"value": value}).value]
    except (ParserError, ValueError, TypeError):
        return []


def _what_it_lacks(setting: str, value: Any) -> ArgumentError | None:
    """Return the error for a trainer's class with a required argument; None if the setting names no such class."""
    key = setting.removeprefix("trainer.").removesuffix(".class_path").rstrip("+")
    if key not in TRAINER_CLASSES or not isinstance(value, str):
        return None
    made: Any = getattr(TRAINER_CLASSES[key][1], value.rpartition(".")[2], None)
    for name, parameter in inspect.signature(made).parameters.items() if inspect.isclass(made) else ():
        if parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD:
            plain = "Callable" not in str(parameter.annotation)
            remedy = f"--trainer.{key}.{name} VALUE" if plain else "It is a function: make it in a class of your own."
            return ArgumentError(f"trainer.{key}.{name}", f"a value, which {made.__name__} needs", None, remedy)
    return None


def _wrong_base(section: str, path: str) -> ConfigError:
    found: Any = found_at(path)
    bases = inspect.getmro(found) if inspect.isclass(found) else ()
    if any(each.__module__.partition(".")[0] == "pytorch_lightning" for each in bases):
        return ConfigError(
            f"{section}: {path} is built on the package pytorch_lightning, whose classes are others than those of "
            "lightning. Change its import: import lightning.pytorch as pl (in place of import pytorch_lightning as pl)."
        )
    kind = f"a class that derives from {bases[1].__name__}" if len(bases) > 1 else "no such class"
    base = f"lightning.pytorch.{_EXAMPLES[section][1]}"
    return ConfigError(f"{section}: expected a class that derives from {base}, got {path}: {kind}.")


def _hint(name: str, classes: Mapping[str, str]) -> Any:
    section, _, key = name.partition(".")
    nested = next((each for each in NESTED_CLASSES if name.startswith(f"{each}.")), "")
    owner: Any = None
    if nested in classes:
        owner, key = factory_classes(nested).get(classes[nested]), name.removeprefix(f"{nested}.")
    elif section == "trainer":
        owner = Trainer
    elif section in callback_sections():
        owner = found_at(f"dlcore.callbacks.{callback_sections()[section]}")
    elif section in _EXAMPLES and section in classes:
        package, path = f"dlcore.{'models' if section == 'model' else section}", classes[section]
        owner = found_at(path if "." in path else f"{package}.{path}")
    try:
        hint = get_type_hints(owner.__init__).get(key) if owner is not None and key else None
    except (NameError, TypeError):  # some type hints name types that are not imported
        return None
    if "." not in classes.get(section, "") or hint is None:
        return hint
    parameter = inspect.signature(owner).parameters.get(key)
    if parameter is not None and parameter.default is None:  # a default of None without it in the type
        hint = hint | None
    return hint if _is_plain(hint) else None


def _is_plain(hint: Any) -> bool:
    """Return whether a type is made of numbers, text and lists of them: of others, only the parser can judge."""
    inner = get_args(hint)
    known = any(hint is each for each in _WORDS) or get_origin(hint) is Literal
    return known or bool(inner and all(map(_is_plain, inner)))


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
