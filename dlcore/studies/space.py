"""What ``--vary`` may range over: lists of values, and ranges of numbers from which some are drawn.

``0.1,0.3`` is a list. ``0..0.5`` are numbers between, ``1..8`` whole ones, ``1e-5..1e-1`` (written with an e, or with
``:log`` behind it, as in ``16..1024:log``) numbers on a logarithmic scale.
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
_DIGITS = 4  # of a number that is drawn: what is shown is what is trained


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included.

    Args:
        low: The least.
        high: The greatest.
        log: Whether each power of ten is as likely as the next one.
        whole: Whether they are whole.
    """

    low: float
    high: float
    log: bool
    whole: bool

    def at(self, share: float) -> str:
        """The number at a share of the way, from 0 to 1, as it stands behind a flag."""
        if self.whole and not self.log:
            return self.text(self.low + math.floor(share * (self.high - self.low + 1)))
        if self.log:
            return self.text(self.low * (self.high / self.low) ** share)
        return self.text(self.low + share * (self.high - self.low))

    def text(self, value: float) -> str:
        """A number, rounded, as it stands behind a flag."""
        value = min(max(value, self.low), self.high)
        return str(round(value)) if self.whole else f"{value:.{_DIGITS}g}"


# Settings, each with its values or the range of them.
Space = Sequence[tuple[str, Sequence[str] | Range]]


def read_space(varied: Sequence[tuple[str, list[str]]]) -> list[tuple[str, Sequence[str] | Range]]:
    """Tell ranges from lists.

    Args:
        varied: What `dlcore.studies.vary.read_vary` gives.

    Raises:
        ArgumentError: A range has no extent, is not above 0 though logarithmic, or stands beside other values.
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
    """Variants: every combination of values or, where draws are asked for, some by chance (always the same ones).

    Raises:
        ArgumentError: There is a range, and nothing says how many numbers to draw from it.
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
    for _ in range(20 * draws):  # the same may come twice
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
    """A variant that is called after its settings, by their last words: ``dropout 0.25, lr 0.001``."""
    short = short_names(list(settings))
    return Variant(", ".join(f"{short[name]} {value}" for name, value in settings.items()), parsed(settings), recipe)
