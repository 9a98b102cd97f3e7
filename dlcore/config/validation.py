"""Config validation: check the names of all keys of a recipe and of all flags, before anything is parsed.

The parser itself accepts abbreviations (``--trainer.max_epoch``) and answers a mistyped key of a class with a long
list of types. Here the error offers the nearest existing name, and says where the wrong one is.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser
from lightning.pytorch import Trainer

from dlcore.config.allow_list import found_at
from dlcore.config.catalogue import Package, callback_sections, class_arguments, class_names
from dlcore.config.merge import NESTED_CLASSES, class_and_arguments, own_name
from dlcore.config.request import DECISION_FLAGS, Flag
from dlcore.config.short_names import factory_classes
from dlcore.errors import ArgumentError, UnknownNameError, nearest
from dlcore.optim.factories import needs_metric

_PARSER_FLAGS = ("help", "help-all", "print_config")  # the parser's own flags
_KEYS_OF_CLASS = ("class_path", "init_args", "dict_kwargs")
_PACKAGES: dict[str, Package] = {"model": "models", "data": "data"}
# Names of the same settings in other tools and textbooks.
_ALSO_CALLED = {
    **dict.fromkeys(("epochs", "num_epochs"), "trainer.max_epochs"),
    "steps": "trainer.max_steps",
    **dict.fromkeys(("seed", "random_seed"), "seed_everything"),
    **dict.fromkeys(("lr", "learning_rate"), "model.optimizer.lr"),
    "momentum": "model.optimizer.momentum",
    "weight_decay": "model.optimizer.weight_decay",
    "optimizer": "model.optimizer",
    **dict.fromkeys(("scheduler", "schedule"), "model.lr_scheduler"),
    **dict.fromkeys(("batchnorm", "bn"), "model.batch_norm"),
    "gpus": "trainer.devices",
    "nodes": "trainer.num_nodes",
    **dict.fromkeys(("clip", "grad_clip"), "trainer.gradient_clip_val"),
    **dict.fromkeys(("checkpoint_path", "ckpt", "resume", "resume_from_checkpoint"), "ckpt_path"),
    "recipe": "config",
    "plateau": "reduce_lr_on_plateau",
}


def check_config(config: dict[str, Any], where: str, classes: Mapping[str, str]) -> None:
    """Check every key of a recipe.

    Args:
        config: Its sections.
        where: Their source, as in `` (in mine.yaml)``.
        classes: The classes chosen by it, or by earlier recipes; see `dlcore.config.merge.chosen_classes`.
    """
    for section, content in config.items():
        _check_name(section, _sections("fit"), f"section{where}")
        if content is None:
            continue
        if section == "ckpt_path":
            remedy = "Give it by flag: --ckpt_path FILE"
            raise ArgumentError(f"{section}{where}", "nothing in a recipe", content, remedy)
        if section in _PACKAGES:
            _check_class(section, content, where, classes)
        elif known := arguments_of(section, classes):
            if not isinstance(content, dict):
                raise ArgumentError(section, "settings, one on each line" + where, content)
            for key in content:
                _check_name(key, known, f"argument of {section}{where}")


def check_flag(flag: Flag, command: str, classes: Mapping[str, str]) -> None:
    """Check the name of a flag."""
    section, *keys = flag.plain_name.split(".")
    where = f" (in --{flag.name})"
    if flag.name == "config":
        raise ArgumentError("-c", "a recipe's name or file behind it", None, "List them: python -m dlcore recipes")
    if not flag.name or section in (*_PARSER_FLAGS, "allow"):
        return
    if section not in (known := [*_sections(command), *_PARSER_FLAGS, "allow"]):
        meant = _ALSO_CALLED.get(section.lower()) or nearest(section, known) or _full_name(section, classes)
        remedy = f"Did you mean --{'.'.join((meant, *keys))}?" if meant else f"See: python -m dlcore {command} --help"
        raise UnknownNameError("flag", f"--{flag.name}", [], remedy)
    if section in DECISION_FLAGS and not keys:
        return
    if flag.value is None:
        raise ArgumentError(f"--{flag.name}", "a value behind it", None)
    if not keys:
        if section in callback_sections() and flag.value != "null" and not flag.value.startswith("{"):
            example = next(iter(arguments_of(section, classes) or ()))
            raise ArgumentError(section, f"off, or settings as in --{section}.{example} VALUE", flag.value)
        if section == "trainer" and not isinstance(flag.parsed(), dict) and not Path(flag.value).is_file():
            raise ArgumentError(section, "settings as in --trainer.max_epochs 5", flag.value)
        if section in _PACKAGES and isinstance(flag.parsed(), dict):
            _check_class(section, flag.parsed(), where, classes)
        elif section in _PACKAGES:
            _check_class_name(section, flag.value, where)
        return
    nested = f"{section}.{keys[0]}"
    known_keys = arguments_of(section, classes)
    if known_keys is None or keys[0] in ("help", "dict_kwargs"):
        return  # the parser checks the arguments of the user's own class
    name = classes.get(section, section)
    _check_name(keys[0], known_keys, f"argument of {name}{where}", _remedy(name, keys[0]))
    if nested not in NESTED_CLASSES or "." in name:
        return
    if flag.value == "":
        raise ArgumentError(f"--{flag.name}", "a name or a value behind it", "")
    if len(keys) == 1:
        _check_class_name(nested, flag.value, where)
    elif nested in classes:
        if (options := arguments_of(nested, classes)) is not None:
            _check_name(keys[1], options, f"argument of {classes[nested]}{where}")
    elif nested == "model.lr_scheduler":
        remedy = f"Choose it first, as in --{nested} CosineAnnealingLR."
        raise ArgumentError(f"--{flag.name}", "a schedule that it belongs to", None, remedy)


def arguments_of(section: str, classes: Mapping[str, str]) -> list[str] | None:
    """Return the names of the arguments of a section; None if only the parser can check them."""
    if section == "trainer":
        return list(inspect.signature(Trainer.__init__).parameters)[1:]
    if section in callback_sections():
        return list(class_arguments("callbacks", callback_sections()[section]))
    name = classes.get(section, "")
    if section in NESTED_CLASSES:
        made: Any = factory_classes(section).get(name)
        options = inspect.signature(made).parameters if made else ()
        return [each for each in options if each not in ("params", "optimizer")] or None
    if section in _PACKAGES and name in class_names(_PACKAGES[section]):
        return list(class_arguments(_PACKAGES[section], name))
    own = found_at(name)
    return ArgumentParser().add_class_arguments(own, fail_untyped=False) if inspect.isclass(own) else None


def _sections(command: str) -> list[str]:
    # An evaluation uses no callback of a fit but the progress display.
    steering = ["steps_per_execution", "tracker", *callback_sections()] if command == "fit" else ["progress_display"]
    steering += DECISION_FLAGS if command == "test" else ()
    return ["seed_everything", "trainer", "model", "data", "ckpt_path", *steering]


def _check_class(section: str, content: Any, where: str, classes: Mapping[str, str]) -> None:
    """Check the class of a section and its arguments, including those that take a class."""
    if isinstance(content, dict) and (odd := sorted(set(content) - set(_KEYS_OF_CLASS))):
        remedy = "Arguments of the class stand in init_args."
        raise UnknownNameError(f"key of {section}{where}", odd[0], _KEYS_OF_CLASS[:2], remedy)
    name, arguments = class_and_arguments(content)
    if name is None and isinstance(content, dict) and "init_args" in content:
        name = classes.get(section)  # the class of an earlier recipe
    if name is None:
        raise ArgumentError(section, "a class, as class_path with init_args" + where, content)
    _check_class_name(section, name, where)
    known = arguments_of(section, {section: name})
    for key, value in arguments.items():
        if known is not None:
            _check_name(key, known, f"argument of {name}{where}", _remedy(name, key))
        if f"{section}.{key}" in NESTED_CLASSES and "." not in name and class_and_arguments(value)[0]:
            _check_class(f"{section}.{key}", value, where, classes)


def _check_class_name(section: str, name: str, where: str) -> None:
    """Check a class name without a module, which must be dlcore's or torch's; one with a module is the user's own."""
    name = own_name(name)
    if section == "model.lr_scheduler" and name.endswith("ReduceLROnPlateau"):
        raise needs_metric()
    if "." not in name and not name.startswith(("{", "null")):
        known = class_names(_PACKAGES[section]) if section in _PACKAGES else list(factory_classes(section))
        _check_name(name, known, f"{section.partition('.')[2] or f'{section} class'}{where}")


def _check_name(name: Any, options: Any, kind: str, remedy: str = "") -> None:
    if name not in options:
        raise UnknownNameError(kind, str(name), options, remedy)


def _remedy(class_name: str, argument: str) -> str:
    """Return the remedy for an argument that the user's own class does not have; empty for another class."""
    if "." not in class_name:
        return ""
    if argument == "optimizer":
        return "For such flags give its __init__ one: optimizer: OptimizerCallable (lightning.pytorch.cli)."
    return "Leave it out, or add it to its __init__."


def _full_name(word: str, classes: Mapping[str, str]) -> str | None:
    """Return the full flag (``trainer.max_epochs``) for a word without its section; None if nothing is similar."""
    sections = ("trainer", *_PACKAGES, *callback_sections())
    owners = {argument: each for each in reversed(sections) for argument in arguments_of(each, classes) or ()}
    near = word if word in owners else nearest(word, [*owners, *_ALSO_CALLED])
    return near and (_ALSO_CALLED.get(near) or f"{owners[near]}.{near}")
