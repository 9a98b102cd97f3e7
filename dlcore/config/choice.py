"""Which classes a command chooses, with which arguments: read without the parser, importing none of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dlcore.config.recipe import find_recipe, read_recipe
from dlcore.config.request import Request

# Callbacks that a fit has unless somebody switches them off: a run that keeps, shows and says nothing is no use.
ALWAYS_ON: dict[str, dict[str, Any]] = {
    name: {}
    for name in (
        *("checkpoint", "exact_resume", "non_finite_loss", "parameter_distribution", "progress_display"),
        "run_summary",
    )
}

# Arguments that hold a class with arguments of its own.
NESTED_CLASSES = ("model.optimizer", "model.lr_scheduler")


def stacked_recipes(names_or_paths: Sequence[str]) -> dict[str, Any]:
    """Read recipes and lay them on each other: what a later one sets beats an earlier one, key by key.

    Below them lies what a fit has in any case (`ALWAYS_ON`).

    Raises:
        UnknownNameError: A name is not that of a recipe.
        ConfigError: A file is missing or cannot be read.
    """
    config: dict[str, Any] = dict(ALWAYS_ON)
    for name in names_or_paths:
        config = lay_over(config, read_recipe(find_recipe(name)))
    return config


def chosen_class(section: str, config: dict[str, Any], request: Request) -> tuple[str | None, dict[str, Any]]:
    """The class of a section and its arguments in the recipe.

    Args:
        section: ``model`` or ``data``.
        config: The recipes' settings.
        request: The command line. A class given by flag (``--model CNN``) beats the recipe's.

    Returns:
        The class's name, None if there is none, and the arguments that the recipe sets for it: none for a class that
        the flag chooses instead of the recipe's.
    """
    name, arguments = class_and_arguments(config.get(section))
    by_flag = class_by_flag(section, request)
    return (name, arguments) if by_flag in (None, name) else (by_flag, {})


def class_by_flag(section: str, request: Request) -> str | None:
    """The class that a flag chooses for a section (``model``, ``model.optimizer``), or None."""
    owner, _, argument = section.partition(".")
    names = [section, f"{section}.class_path"]
    if argument:
        names += [f"{owner}.init_args.{argument}", f"{owner}.init_args.{argument}.class_path"]
    by_flag = [flag.value for flag in request.flags if flag.value and flag.name in names]
    return own_name(by_flag[-1]) if by_flag else None


def without_replaced_classes(config: dict[str, Any], request: Request) -> dict[str, Any]:
    """The config without the classes that flags replace: another class takes nothing over from the one before.

    Args:
        config: The recipes' settings, and a checkpoint's.
        request: The command line.
    """
    config = dict(config)
    for section in ("model", "data"):
        if class_by_flag(section, request) not in (None, class_and_arguments(config.get(section))[0]):
            config.pop(section, None)
    for section in NESTED_CLASSES:
        owner, _, argument = section.partition(".")
        arguments = class_and_arguments(config.get(owner))[1]
        if argument in arguments and class_by_flag(section, request) not in (
            None,
            class_and_arguments(arguments[argument])[0],
        ):
            kept = {name: value for name, value in arguments.items() if name != argument}
            config[owner] = config[owner] | {"init_args": kept}
    return config


def class_and_arguments(value: Any) -> tuple[str | None, dict[str, Any]]:
    """A class and its arguments as YAML has them: a name, or ``class_path`` with ``init_args``."""
    arguments: Any = {}
    if isinstance(value, dict):
        arguments = value.get("init_args")
        value = value.get("class_path")
    return own_name(value) if isinstance(value, str) else None, arguments if isinstance(arguments, dict) else {}


def own_name(class_path: str) -> str:
    """A class of dlcore or torch without its module; any other as it is."""
    ours = class_path.startswith(("dlcore.", "torch.optim."))
    return class_path.rpartition(".")[2] if ours else class_path


def lay_over(below: Any, above: Any) -> Any:
    """Lay settings on others, key by key; a section of another class takes nothing over from the class below it."""
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    if "class_path" in above and class_and_arguments(above)[0] != class_and_arguments(below)[0]:
        return above
    return below | {key: lay_over(below.get(key), value) for key, value in above.items()}
