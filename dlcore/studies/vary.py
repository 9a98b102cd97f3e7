"""Variants from the command line (``--vary``): lists of values, and ranges of numbers to draw from.

``0.1,0.3`` is a list. ``0..0.5`` is a range of real numbers, ``1..8`` of whole ones, ``1e-5..1e-1`` (written with an e,
or with ``:log`` after it, as in ``16..1024:log``) a logarithmic range.
"""

from __future__ import annotations

import itertools
import math
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
    chosen: Sequence[int] = range(number)
    if draws is not None:
        if not draws >= 1:
            raise ArgumentError("--random", "a whole number at least 1", draws)
        chosen = sorted(random.Random(0).sample(chosen, min(draws, number)))
    if len(chosen) > _MOST:
        raise ArgumentError("--vary", f"at most {_MOST:,} variants", f"{number:,}", "Take some by chance: --random 50")
    combinations = itertools.product(*(values for _, values in varied))
    wanted = set(chosen)
    settings = [dict(zip(names, each, strict=True)) for place, each in enumerate(combinations) if place in wanted]
    variants = tuple(named_variant(recipe, each) for each in settings)
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


_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_RANGE = re.compile(rf"({_NUMBER})\.\.({_NUMBER})(:log)?")
_DIGITS = 4  # of a drawn number: the shown value is the trained one


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included."""

    low: float
    high: float
    log: bool
    whole: bool

    def at(self, share: float) -> str:
        """Return the number at a share of the range, from 0 to 1, as a flag's text."""
        if self.whole and not self.log:
            return self.text(self.low + math.floor(share * (self.high - self.low + 1)))
        if self.log:
            return self.text(self.low * (self.high / self.low) ** share)
        return self.text(self.low + share * (self.high - self.low))

    def text(self, value: float) -> str:
        """Return a number, rounded, as a flag's text."""
        value = min(max(value, self.low), self.high)
        return str(round(value)) if self.whole else f"{value:.{_DIGITS}g}"


# Settings, each with its values or its range.
Space = Sequence[tuple[str, Sequence[str] | Range]]


def read_space(varied: Sequence[tuple[str, list[str]]]) -> list[tuple[str, Sequence[str] | Range]]:
    """Distinguish ranges from lists.

    Raises:
        ArgumentError: A range is empty, is logarithmic but not above 0, or is mixed with other values.
    """
    return [(name, _read(values)) for name, values in varied]


def _read(values: list[str]) -> Sequence[str] | Range:
    found = [match for value in values if (match := _RANGE.fullmatch(value))]
    if not found:
        return values
    text = ",".join(values)
    if len(values) > 1:
        raise ArgumentError("--vary", "one range, or a list of values", text)
    low, high = float(found[0][1]), float(found[0][2])
    log = bool(found[0][3]) or "e" in values[0].lower().removesuffix(":log")
    if not low < high:
        raise ArgumentError("--vary", "a range from a smaller to a greater number", text)
    if log and low <= 0:
        raise ArgumentError("--vary", "a range above 0, since it is logarithmic", text)
    return Range(low, high, log, whole=all(re.fullmatch(r"[-+]?\d+", found[0][side]) for side in (1, 2)))


def variants_of(recipe: str, space: Space, draws: int | None) -> tuple[Variant, ...]:
    """Return variants: every combination of values or, with `draws`, a random selection (always the same one).

    Raises:
        ArgumentError: There is a range, but no number of draws.
    """
    ranges = [name for name, values in space if isinstance(values, Range)]
    if not ranges:
        return grid(recipe, [(name, list(values)) for name, values in space if not isinstance(values, Range)], draws)
    if draws is None:
        raise ArgumentError(
            "--vary", "values, or how many to draw from a range", f"{ranges[0]} with a range",
            "Add --random 20 (by chance) or --optuna 20 (a search).",
        )  # fmt: skip
    chance, found = random.Random(0), dict[str, Variant]()
    for _ in range(20 * draws):  # duplicates are possible
        each = {
            name: values.at(chance.random()) if isinstance(values, Range) else chance.choice(list(values))
            for name, values in space
        }
        variant = named_variant(recipe, each)
        found.setdefault(variant.name, variant)
        if len(found) == draws:
            break
    check_variants(tuple(found.values()), "--vary")
    return tuple(found.values())


def named_variant(recipe: str, settings: Mapping[str, str]) -> Variant:
    """Return a variant named after its settings, by their last words: ``dropout 0.25, lr 0.001``."""
    short = short_names(list(settings))
    return Variant(", ".join(f"{short[name]} {value}" for name, value in settings.items()), parsed(settings), recipe)
