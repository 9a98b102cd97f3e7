"""Callbacks and loggers that a user names for the trainer: found by name, made, heard, and never a traceback."""

from __future__ import annotations

import inspect
import json
import logging
import re
from collections.abc import Iterable
from enum import Enum
from traceback import walk_tb
from types import FrameType
from typing import Any

import lightning.pytorch.callbacks
import lightning.pytorch.loggers
from jsonargparse import Namespace
from lightning.pytorch import Callback
from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities.exceptions import MisconfigurationException

from dlcore.config import strict_yaml
from dlcore.config.request import Flag
from dlcore.errors import ArgumentError, ConfigError, FitError, UnknownNameError

# The trainer's arguments whose classes may be named without their module: what they are, and where Lightning's are.
_KINDS: dict[str, tuple[type, Any]] = {
    "callbacks": (Callback, lightning.pytorch.callbacks),
    "logger": (Logger, lightning.pytorch.loggers),
}
_NO_CLASS = ("true", "false", "null", "none", "yes", "no", "on", "off")
_SELF_EXPLAINING = (ValueError, TypeError, RuntimeError, OSError, AttributeError, MisconfigurationException)
# Through this logger Lightning's callbacks say what they do; the trainer says much else through it.
_SHARED = ("lightning.pytorch.utilities.rank_zero", "lightning.fabric.utilities.rank_zero")


def with_full_names(config: dict[str, Any]) -> dict[str, Any]:
    """The config with the modules of the trainer's callbacks and loggers.

    Of two classes of one name, Lightning's is meant: each of dlcore's callbacks has a section of its own.

    Args:
        config: All sections.

    Raises:
        UnknownNameError: There is no such class.
    """
    trainer = config.get("trainer")
    if not isinstance(trainer, dict):
        return config
    named = {key: _named(trainer[key], key, f"trainer.{key}") for key in _KINDS if key in trainer}
    return config | {"trainer": trainer | named}


def flag_with_full_name(flag: Flag) -> Flag:
    """The same for a flag: ``--trainer.callbacks EarlyStopping``.

    Raises:
        UnknownNameError: There is no such class.
    """
    section, _, rest = flag.name.partition(".")
    key = rest.removesuffix(".class_path").rstrip("+")
    if section != "trainer" or key not in _KINDS or flag.value is None:
        return flag
    if not flag.value.lstrip().startswith(("{", "[")):
        return Flag(flag.name, _named(flag.value, key, f"--{flag.name}"))
    try:
        value = strict_yaml.load(flag.value, flag.name)
    except ConfigError:  # the parser says what is wrong with it
        return flag
    return Flag(flag.name, json.dumps(_named(value, key, f"--{flag.name}"), ensure_ascii=False))


def _named(value: Any, key: str, where: str) -> Any:
    if isinstance(value, list):
        return [_named(each, key, where) for each in value]
    if isinstance(value, dict):
        return value | ({"class_path": _named(value["class_path"], key, where)} if "class_path" in value else {})
    if not isinstance(value, str) or not value.isidentifier() or value.lower() in _NO_CLASS:
        return value
    base, module = _KINDS[key]
    known = {name for name, each in vars(module).items() if isinstance(each, type) and issubclass(each, base)}
    if value in known:
        return f"{module.__name__}.{value}"
    own = _names_of_subclasses(base)  # of a program's own, too
    if value not in own:
        raise UnknownNameError(f"class (in {where})", value, sorted(known), "One of your own: my_package.MyClass")
    return value


def _names_of_subclasses(base: type) -> set[str]:
    below: list[type] = base.__subclasses__()
    return {each.__name__ for each in below}.union(*map(_names_of_subclasses, below))


def with_plain_texts(value: Any) -> Any:
    """A parsed config in which texts that are members of an enumeration, as some defaults are, are plain texts."""
    if isinstance(value, Namespace | dict):
        for key, inner in list(vars(value).items() if isinstance(value, Namespace) else value.items()):
            value[key] = with_plain_texts(inner)
    elif isinstance(value, list):
        return [with_plain_texts(inner) for inner in value]
    return value.value if isinstance(value, Enum) and isinstance(value, str) else value


def what_it_lacks(setting: str, value: Any) -> ArgumentError | None:
    """What is said of a class of the trainer that has an argument without a default; None where it is no such class.

    Args:
        setting: ``trainer.callbacks`` or ``trainer.logger``.
        value: Its name.
    """
    key = setting.removeprefix("trainer.").removesuffix(".class_path").rstrip("+")
    if key not in _KINDS or not isinstance(value, str):
        return None
    made: Any = getattr(_KINDS[key][1], value.rpartition(".")[2], None)
    for name, parameter in inspect.signature(made).parameters.items() if inspect.isclass(made) else ():
        if parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD:
            plain = "Callable" not in str(parameter.annotation)
            remedy = f"--trainer.{key}.{name} VALUE" if plain else "It is a function: make it in a class of your own."
            return ArgumentError(f"trainer.{key}.{name}", f"a value, which {made.__name__} needs", None, remedy)
    return None


def cannot_be_made(error: BaseException, trainer: Namespace) -> FitError | None:
    """What a class of the trainer said when it was made, in a line; None where it was none of them.

    Args:
        error: What the parser raised.
        trainer: The trainer's section of the config.
    """
    name = ""
    while error.__cause__ is not None:
        problem = re.match(r"Problem with given class_path '([\w.]+)'", str(error))
        name = problem[1].rpartition(".")[2] if problem else name
        error = error.__cause__
    if not name:
        owners = [type(frame.f_locals.get("self")) for frame, _ in walk_tb(error.__traceback__)]
        name = next((owner.__name__ for owner in owners if issubclass(owner, (Callback, Logger))), "")
    if not name:
        return None
    key = next((key for key, value in vars(trainer).items() if f".{name}'" in str(value)), "")
    return FitError(f"trainer{'.' * bool(key)}{key}: {_said(name, error)}")


def failed_by(error: BaseException) -> FitError | None:
    """What one of Lightning's callbacks or loggers could not do, in a line; None for an error of anybody else's code.

    Args:
        error: What came out of the trainer.
    """
    if not isinstance(error, Exception):
        return None
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    for frame in reversed(frames):
        owner = frame.f_locals.get("self")
        if _is_module_of(frame, ("lightning.pytorch.callbacks", "lightning.pytorch.loggers")):
            for key, (base, _) in _KINDS.items():
                if isinstance(owner, base):
                    return FitError(f"trainer.{key}: {_said(type(owner).__name__, error)}")
        elif _is_module_of(frame, ("lightning", "dlcore", "__main__")) or isinstance(owner, Callback):
            return None
    return None


def _is_module_of(frame: FrameType, packages: Iterable[str]) -> bool:
    name = frame.f_globals.get("__name__", "")
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def _said(name: str, error: BaseException) -> str:
    said = " ".join(str(error).split())
    if isinstance(error, ImportError):
        package, command = re.search(r"Requirement '([^']+)'", said), re.search(r"`(pip install [^`]+)`", said)
        needed = f"the package {package[1]}, which is not installed" if package else f"what is not installed ({said})"
        return f"{name} needs {needed}.{f' Install it: {command[1]}' if command else ''}"
    kind = "" if isinstance(error, _SELF_EXPLAINING) else type(error).__name__
    return f"{name}: {kind}{': ' * bool(kind)}{said}"


def let_speak(callbacks: Iterable[Callback]) -> None:
    """Let Lightning's callbacks that a user has named say what they do; the trainer's other chatter stays unsaid."""
    modules = {type(each).__module__ for each in callbacks if type(each).__module__.startswith("lightning.")}
    for module in modules:
        logging.getLogger(module).setLevel(logging.INFO)
    files = tuple(f"{module.rpartition('.')[2]}.py" for module in modules)
    for name in _SHARED:
        logger = logging.getLogger(name)
        logger.filters.clear()
        if modules:
            logger.setLevel(logging.INFO)
            logger.addFilter(lambda record: record.levelno > logging.INFO or record.pathname.endswith(files))
