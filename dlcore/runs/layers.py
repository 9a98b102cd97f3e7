"""Layers of config: recipes in order, a checkpoint's, flags; what lies on top of what, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dlcore.config.catalogue import callback_sections, section_name
from dlcore.config.choice import chosen_class, class_by_flag
from dlcore.config.flat import flatten
from dlcore.config.recipe import DEFAULT_RECIPE, find_recipe, read_recipe
from dlcore.config.request import Request
from dlcore.plain_text import file_name


@dataclass(frozen=True)
class Layer:
    """One source of settings.

    Attributes:
        source: Where it comes from: a recipe's name, or ``checkpoint``.
        config: Its settings.
    """

    source: str
    config: dict[str, Any]


def default_layer(request: Request) -> Layer:
    """The recipe of a fit that names none. Its callbacks are tuned to its own model and data: others do without."""
    recipe = read_recipe(find_recipe(DEFAULT_RECIPE))
    if names_own_class(request):
        recipe = {name: value for name, value in recipe.items() if name not in callback_sections()}
    return Layer(DEFAULT_RECIPE, recipe)


def own_title(request: Request) -> str:
    """What a run without recipe is called whose model or data are the user's own: its model's class, ``my_net``."""
    if request.recipes or not names_own_class(request):
        return ""
    model, _ = chosen_class("model", read_recipe(find_recipe(DEFAULT_RECIPE)), request)
    return file_name(section_name((model or "").rpartition(".")[2]))


def names_own_class(request: Request) -> bool:
    """Whether flags choose a model or data that are not dlcore's."""
    paths = [(class_by_flag(section, request) or "").split(".") for section in ("model", "data")]
    return any(len(path) > 1 and all(part.isidentifier() for part in path) for path in paths)


def overridden(layers: list[Layer], final: dict[str, Any]) -> list[str]:
    """Which settings of the layers do not count in the end, a line each.

    Args:
        layers: The layers, lowest first; the last is the checkpoint's.
        final: The config that counts.
    """
    *recipes, top = layers
    kept, counts = dict(flatten(top.config)), dict(flatten(final))
    lines = [
        f"{name}: {counts[name]} (flag) instead of {value} ({top.source})"
        for name, value in kept.items()
        if name in counts and counts[name] != value
    ]
    off = [name for name, value in counts.items() if value is None and any(n.startswith(f"{name}.") for n in kept)]
    lines += [f"{name}: off (flag) instead of on ({top.source})" for name in off]
    for recipe in recipes:
        for name, value in flatten(recipe.config):
            if name in kept and kept[name] != value and counts.get(name) == kept[name]:
                lines.append(f"{name}: {kept[name]} ({top.source}) instead of {value} ({recipe.source})")
    return lines
