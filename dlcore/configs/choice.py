"""Which classes a command chooses, with which arguments: read without the parser, importing none of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dlcore.configs.recipe import find_recipe, read_recipe
from dlcore.configs.request import Request


def stacked_recipes(names_or_paths: Sequence[str]) -> dict[str, Any]:
    """Read recipes and lay them on each other: what a later one sets beats an earlier one, key by key.

    Raises:
        UnknownNameError: A name is not that of a recipe.
        ConfigError: A file is missing or cannot be read.
    """
    config: dict[str, Any] = {}
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
        The class's name, None if there is none, and the arguments that the recipe sets.
    """
    name, arguments = class_and_arguments(config.get(section))
    by_flag = request.value(section) or request.value(f"{section}.class_path")
    return (own_name(by_flag) if by_flag else name), arguments


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
