"""Variants from the command line: every combination of some values, or a random selection."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Mapping, Sequence
from typing import Any

from dlcore.config import strict_yaml
from dlcore.errors import ArgumentError, ConfigError
from dlcore.studies.study import Variant, check_variants

_MOST = 1000


def read_vary(text: str) -> tuple[str, list[str]]:
    """Read ``model.dropout=0,0.25,0.5``.

    Commas within brackets belong to a value: ``model.hidden_sizes=[100],[512,256]``.

    Returns:
        The setting's name and its values.

    Raises:
        ArgumentError: It has no name, no values, or a repeated value.
    """
    name, equals, rest = text.partition("=")
    values = [value.strip() for value in _split(rest)]
    name = name.strip().removeprefix("--")
    if not equals or not name or not all(values) or len(set(values)) != len(values):
        raise ArgumentError("--vary", "a setting and its values, as in model.dropout=0,0.25,0.5", text)
    if name == "seed_everything":
        raise ArgumentError("--vary", "a setting of model, data, trainer or a callback", name, "Seeds: --seeds 0,1,2")
    return name, values


def grid(recipe: str, varied: Sequence[tuple[str, list[str]]], draws: int | None = None) -> tuple[Variant, ...]:
    """Return every combination of values as a variant.

    Args:
        recipe: The recipe that they change.
        varied: Settings and their values.
        draws: Take only this many random combinations (always the same ones), in their order; None: all.

    Raises:
        ArgumentError: A setting occurs twice, or there are too many combinations.
        ConfigError: Two combinations are not distinct.
    """
    names = [name for name, _ in varied]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ArgumentError("--vary", "each setting once", twice, "Put all its values behind one --vary.")
    number = math.prod(len(values) for _, values in varied)
    chosen = range(number)
    if draws is not None:
        if not draws >= 1:
            raise ArgumentError("--random", "a whole number at least 1", draws)
        chosen = sorted(random.Random(0).sample(chosen, min(draws, number)))  # type: ignore[assignment]
    if len(chosen) > _MOST:
        raise ArgumentError("--vary", f"at most {_MOST:,} variants", f"{number:,}", "Take some by chance: --random 50")
    combinations = itertools.product(*(values for _, values in varied))
    wanted = set(chosen)
    settings = [dict(zip(names, each, strict=True)) for place, each in enumerate(combinations) if place in wanted]
    short = short_names(names)
    variants = tuple(
        Variant(", ".join(f"{short[name]} {value}" for name, value in each.items()), parsed(each), recipe)
        for each in settings
    )
    check_variants(variants, "--vary")
    return variants


def _split(text: str) -> list[str]:
    """Split at commas outside brackets and quotes."""
    parts, depth, quote = [""], 0, ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        depth += (letter in "[({") - (letter in "])}") if not quote else 0
        if letter == "," and depth == 0 and not quote:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def short_names(names: Sequence[str]) -> dict[str, str]:
    """Return each name's last word, or the whole name if two would be the same."""
    ends = [name.rpartition(".")[2] for name in names]
    return {name: end if ends.count(end) == 1 else name for name, end in zip(names, ends, strict=True)}


def parsed(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Parse text settings as YAML, so that 0.1 and 0.10 are the same; other values are unchanged."""
    values: dict[str, Any] = {}
    for name, text in settings.items():
        try:
            values[name] = strict_yaml.load(text, "--vary") if isinstance(text, str) else text
        except ConfigError:
            values[name] = text  # a name with brackets: leaky_relu(negative_slope=0.2)
    return values
