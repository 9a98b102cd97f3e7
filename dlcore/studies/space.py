"""Search space of ``--vary``: lists of values, and ranges of numbers to draw from.

``0.1,0.3`` is a list. ``0..0.5`` is a range of real numbers, ``1..8`` of whole ones, ``1e-5..1e-1`` (written with an e,
or with ``:log`` after it, as in ``16..1024:log``) a logarithmic range.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dlcore.errors import ArgumentError
from dlcore.studies.study import Variant, check_variants
from dlcore.studies.vary import grid, parsed, short_names

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_RANGE = re.compile(rf"({_NUMBER})\.\.({_NUMBER})(:log)?")
_DIGITS = 4  # of a drawn number: the shown value is the trained one


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included.

    Args:
        low: The least.
        high: The greatest.
        log: Whether the scale is logarithmic.
        whole: Whether they are whole numbers.
    """

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

    Args:
        varied: The results of `dlcore.studies.vary.read_vary`.

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
        each = {name: _drawn(values, chance) for name, values in space}
        variant = named_variant(recipe, each)
        found.setdefault(variant.name, variant)
        if len(found) == draws:
            break
    check_variants(tuple(found.values()), "--vary")
    return tuple(found.values())


def _drawn(values: Sequence[str] | Range, chance: random.Random) -> str:
    return values.at(chance.random()) if isinstance(values, Range) else chance.choice(list(values))


def named_variant(recipe: str, settings: Mapping[str, str]) -> Variant:
    """Return a variant named after its settings, by their last words: ``dropout 0.25, lr 0.001``."""
    short = short_names(list(settings))
    return Variant(", ".join(f"{short[name]} {value}" for name, value in settings.items()), parsed(settings), recipe)
