"""Layers of config: recipes in order, a checkpoint's, flags; what lies on top of what, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dlcore.configs.flat import flatten


@dataclass(frozen=True)
class Layer:
    """One source of settings.

    Attributes:
        source: Where it comes from: a recipe's name, or ``checkpoint``.
        config: Its settings.
    """

    source: str
    config: dict[str, Any]


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
