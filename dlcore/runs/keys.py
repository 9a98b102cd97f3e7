"""Every key of a recipe and every flag is checked by name, before anything is parsed.

The parser underneath accepts abbreviations (``--trainer.max_epoch``) and answers a mistyped key of a class with a wall
of its union types. Here a mistyped name gets the nearest one that exists, and where it stands.
"""

from __future__ import annotations

import inspect
from typing import Any

from lightning.pytorch import Trainer

from dlcore.config.catalogue import Package, callback_sections, class_arguments, class_names
from dlcore.config.choice import NESTED_CLASSES, chosen_class, class_and_arguments, class_by_flag, own_name
from dlcore.config.flag_hints import full_name
from dlcore.config.recipe import find_recipe, read_recipe
from dlcore.config.request import Flag, Request
from dlcore.errors import ArgumentError, UnknownNameError, nearest
from dlcore.models.schedules import needs_metric
from dlcore.runs.factories import factory_classes, find_factory

# What the parser itself knows.
_PARSER_FLAGS = ("help", "help-all", "print_config")
_PACKAGES: dict[str, Package] = {"model": "models", "data": "data"}


def check_recipe_keys(recipe: str, command: str) -> None:
    """Check every key of a recipe.

    Raises:
        UnknownNameError: A key or class does not exist.
        ArgumentError: A section has not the form of one.
    """
    where = f" (in {recipe})"
    for section, content in read_recipe(find_recipe(recipe)).items():
        _check_name(section, _sections("fit"), f"section{where}")
        if section == "ckpt_path" and content is not None:
            raise ArgumentError(
                f"ckpt_path{where}", "nothing in a recipe", content, "Give it by flag: --ckpt_path FILE"
            )
        if section in _PACKAGES and content is not None:
            _check_class(section, content, where)
        elif section == "trainer" or section in callback_sections():
            if content is not None and not isinstance(content, dict):
                raise ArgumentError(section, "settings, one a line" + where, content)
            for key in content or {}:
                _check_name(key, _arguments_of_section(section), f"argument of {section}{where}")


def check_classes(config: dict[str, Any]) -> None:
    """Check the classes of a config in which all recipes are laid on each other.

    Raises:
        UnknownNameError: A class or an argument does not exist.
        ArgumentError: A section names no class.
    """
    for section in _PACKAGES:
        if config.get(section) is not None:
            _check_class(section, config[section], "")


def check_flag(flag: Flag, command: str, classes: dict[str, str]) -> None:
    """Check the name of a flag.

    Args:
        flag: The flag.
        command: The command.
        classes: Names of the classes that are chosen for ``model`` and ``data`` (and ``model.optimizer``, …).

    Raises:
        UnknownNameError: There is no such flag.
    """
    parts = [part for part in flag.name.rstrip("+").split(".") if part != "init_args"]
    if flag.name == "config":
        raise ArgumentError("-c", "a recipe's name or file behind it", None, "List them: python -m dlcore recipes")
    if not flag.name or parts[0] in _PARSER_FLAGS or flag.name == "allow":
        return
    section = parts[0]
    if section not in (known := [*_sections(command), *_PARSER_FLAGS, "allow"]):
        meant = nearest(section, known) or full_name(section, _arguments_of_section("trainer"), classes)
        rest = "".join(f".{part}" for part in parts[1:])
        remedy = f"Did you mean --{meant}{rest}?" if meant else f"See: python -m dlcore {command} --help"
        raise UnknownNameError("flag", f"--{flag.name}", [], remedy)
    if flag.value is None:
        raise ArgumentError(f"--{flag.name}", "a value behind it", None)
    if len(parts) == 1:
        if section in callback_sections() and flag.value != "null" and not flag.value.startswith("{"):
            example = next(iter(_arguments_of_section(section)))
            raise ArgumentError(section, f"off, or settings as in --{section}.{example} VALUE", flag.value)
        if section in _PACKAGES and flag.value is not None:
            _check_class_name(section, flag.value, f" (in --{section})")
        return
    key = parts[1]
    if key in ("class_path", "help", "dict_kwargs"):
        return
    if section in _PACKAGES:
        name = classes.get(section)
        if name in class_names(_PACKAGES[section]):
            _check_name(key, class_arguments(_PACKAGES[section], name), f"argument of {name} (in --{flag.name})")
        elif name is not None:
            return  # a class of the user's own: the parser knows its arguments
        nested = f"{section}.{key}"
        if nested in NESTED_CLASSES and flag.value == "":
            raise ArgumentError(f"--{flag.name}", "a name or a value behind it", "")
        if nested == "model.lr_scheduler" and len(parts) > 2 and nested not in classes:
            remedy = f"Choose it first, as in --{nested} CosineAnnealingLR."
            raise ArgumentError(f"--{flag.name}", "a schedule that it belongs to", None, remedy)
        if nested in NESTED_CLASSES and len(parts) > 2 and parts[2] != "class_path" and nested in classes:
            _check_lazy_arguments(nested, classes[nested], [parts[2]], f" (in --{flag.name})")
        elif nested in NESTED_CLASSES and len(parts) == 2 and flag.value:
            _check_lazy_name(nested, flag.value, f" (in --{flag.name})")
    elif section == "trainer" or section in callback_sections():
        _check_name(key, _arguments_of_section(section), f"argument of {section} (in --{flag.name})")


def chosen_classes(config: dict[str, Any], request: Request) -> dict[str, str]:
    """The classes of ``model``, ``data``, ``model.optimizer`` and ``model.lr_scheduler``, where somebody chose them."""
    chosen: dict[str, str] = {}
    for section in _PACKAGES:
        name, arguments = chosen_class(section, config, request)
        if not name:
            continue
        chosen[section] = name
        for key in NESTED_CLASSES:
            owner, _, argument = key.partition(".")
            if owner == section:
                lazy = class_by_flag(key, request) or class_and_arguments(arguments.get(argument))[0]
                if lazy:
                    chosen[key] = lazy
    return chosen


def _sections(command: str) -> list[str]:
    # What steers a fit has nothing to do in an evaluation; the progress display has.
    steering = callback_sections() if command == "fit" else ["progress_display"]
    own = ["steps_per_execution"] if command == "fit" else []
    return ["seed_everything", *own, "trainer", "model", "data", "ckpt_path", *steering]


def _arguments_of_section(section: str) -> list[str]:
    if section == "trainer":
        return list(inspect.signature(Trainer.__init__).parameters)[1:]
    return list(class_arguments("callbacks", callback_sections()[section]))


def _check_class(section: str, content: Any, where: str) -> None:
    if isinstance(content, dict) and set(content) - {"class_path", "init_args", "dict_kwargs"}:
        odd = sorted(set(content) - {"class_path", "init_args", "dict_kwargs"})[0]
        raise UnknownNameError(
            f"key of {section}{where}", odd, ["class_path", "init_args"], "Arguments of the class stand in init_args."
        )
    name, arguments = class_and_arguments(content)
    if name is None and isinstance(content, dict) and "init_args" in content and where:
        return  # it changes arguments of the class that a recipe below it chooses: see check_classes
    if name is None:
        raise ArgumentError(section, "a class, as class_path with init_args" + where, content)
    _check_class_name(section, name, where)
    if name in class_names(_PACKAGES[section]):
        for key, value in arguments.items():
            _check_name(key, class_arguments(_PACKAGES[section], name), f"argument of {name}{where}")
            if f"{section}.{key}" in NESTED_CLASSES and value is not None:
                lazy, settings = class_and_arguments(value)
                if lazy:
                    _check_lazy_name(f"{section}.{key}", lazy, where)
                    _check_lazy_arguments(f"{section}.{key}", lazy, settings, where)


def _check_class_name(section: str, name: str, where: str) -> None:
    """A name without a module must be one of dlcore's; one with a module is the user's own, for the parser to find."""
    name = own_name(name)
    if "." not in name and not name.startswith(("{", "null")):
        _check_name(name, class_names(_PACKAGES[section]), f"{section} class{where}")


def _check_lazy_name(key: str, name: str, where: str) -> None:
    if own_name(name).endswith("ReduceLROnPlateau"):
        raise needs_metric()
    if "." not in own_name(name) and not name.startswith(("{", "null")):
        _check_name(own_name(name), factory_classes(key), f"{key.split('.')[1]}{where}")


def _check_lazy_arguments(key: str, name: str, arguments: Any, where: str) -> None:
    layer = find_factory(key, name)
    if layer is not None:
        options = [option for option in inspect.signature(layer).parameters if option not in ("params", "optimizer")]
        for argument in arguments:
            _check_name(argument, options, f"argument of {name}{where}")


def _check_name(name: Any, options: Any, kind: str) -> None:
    if name not in options:
        raise UnknownNameError(kind, str(name), options)
