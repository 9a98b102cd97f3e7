"""A rule checks a run's evidence for one fault or note; its finding says what, with numbers, and what to try."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

Confidence = Literal["certain", "likely", "possible"]
_CONFIDENCES = N_("certain"), N_("likely"), N_("possible")  # marked here, translated where they are shown
Kind = Literal["fault", "note"]


@dataclass(frozen=True)
class Finding:
    """One finding of a rule in a run.

    Args:
        text: What was found, a sentence with its numbers, without a full stop.
        confidence: How certain it is.
        kind: ``fault`` (it harms the run) or ``note`` (harmless).
        numbers: Measured values by name; those of the text, unrounded.
        layer: Name of the layer in the layer table; empty if it concerns the whole run.
        step: Optimiser step at which it was first seen; None if it concerns the whole run.
        flags: Flags to try, which exist for this run's classes; use several together.
        advice: What to try in words, a clause; shown if there is no flag, and next to flags in the full report.
        name: The rule's name, with underscores (``unscaled_input``); `Rule.find` sets it.
    """

    text: str
    confidence: Confidence
    kind: Kind = "fault"
    numbers: Mapping[str, float] = field(default_factory=dict)
    layer: str = ""
    step: int | None = None
    flags: tuple[str, ...] = ()
    advice: str = ""
    name: str = ""

    @property
    def title(self) -> str:
        """The rule's title in the reader's language: ``unscaled input``."""
        return _(self.name.replace("_", " "))

    @property
    def remedy(self) -> str:
        """What to try, as flags or in words; empty if there is nothing to do."""
        return " ".join(self.flags) or self.advice

    def lines(self) -> list[str]:
        """Return one or two lines: what, how certain, what to try."""
        said = _("{title}: {text}") if self.kind == "note" else _("{title} ({confidence}): {text}")
        said = said.format(title=self.title, confidence=_(self.confidence), text=self.text)
        return [said, *([_("try: {remedy}").format(remedy=self.remedy)] if self.remedy else [])]

    def as_json(self) -> dict[str, Any]:
        """Return the finding as plain values. Numbers that are not finite become strings, which JSON can hold."""
        numbers = {name: float(value) if math.isfinite(value) else str(value) for name, value in self.numbers.items()}
        return {"name": self.name, **asdict(self), "numbers": numbers, "flags": list(self.flags)}


def percent(share: float) -> str:
    """Format a share of 1 with at most one decimal: 0.1523 gives ``15.2%``, 0.2 gives ``20%``."""
    return f"{f'{100 * share:.1f}'.removesuffix('.0')}%"


def short(number: float) -> str:
    """Format a number with three digits: ``0.0121``, ``3.52e-05``, ``90.6``, ``12,300``."""
    if not math.isfinite(number):
        return _("not finite")
    if number and not 1e-3 <= abs(number) < 1e6:
        return f"{number:.2e}"
    return f"{float(f'{number:.3g}'):,.10g}"


def times(factor: float) -> str:
    """Format a factor: ``22 times``."""
    return _("{n} times").format(n=f"{factor:,.0f}" if 10 <= factor < 1e6 else short(factor))


def regularizers(run: Evidence) -> tuple[str, ...]:
    """Return flags of up to two regularisers that are not on yet."""
    settings = run.settings
    brakes: tuple[str, ...] = ()
    if not settings.dropouts:
        # Not a text model's model.dropout, which is between recurrent layers: with one layer there is none.
        name = "model.output_dropout" if settings.has("model.output_dropout") else "model.dropout"
        brakes += settings.flag(name, 0.3)
    if not settings.is_on("early_stopping"):
        brakes += settings.flag("early_stopping", "on")
    if not settings.augmentations and settings.text("data") == "ImageFolder":
        brakes += settings.flag("data.flip", 0.5)
    if settings.number("model.optimizer.weight_decay") == 0:
        brakes += settings.flag("model.optimizer.weight_decay", 0.0001)
    return brakes[:2]


_FEW_SAMPLES = 600
_RECIPES = {("Table", "MLP"): "mlp_table_few_rows", ("ImageFolder", "CNN"): "cnn_few_images"}


def recipe_of_few(run: Evidence) -> tuple[str, ...]:
    """Return the recipe for few samples, ``-c NAME``, in a tuple; an empty one if there are more, or it is in use."""
    settings = run.settings
    name = _RECIPES.get((settings.text("data"), settings.text("model")))
    samples = run.steps_per_epoch * settings.number("data.batch_size")
    if name is None or not 0 < samples < _FEW_SAMPLES or run.folder.parent.name == name:
        return ()
    return () if settings.text("model.architecture") else (f"-c {name}",)


FEW_UPDATES = 100  # optimiser steps by which nothing can be judged
# Symptoms of any training that makes no progress, for any reason.
STUCK = (
    *("no_learning", "text_not_learned", "class_collapse", "underfitting", "overfitting"),
    *("worsening", "unsteady", "plateau", "stopped_too_early"),
    "vanishing_gradients_through_time",
)
NO_PROGRESS = ("constant_output", *STUCK)  # with outputs that ignore the input
# Symptoms of steps or inputs that are far too large.
THROWN_OFF = (
    *("exploding_gradients", "learning_rate_too_high", "not_finite", "exploding_gradients_through_time"),
    *("saturated_units", "dead_units", *NO_PROGRESS),
)


@dataclass(frozen=True)
class Rule:
    """Check for one fault or note."""

    title: str  # of its findings, in English words; a literal marked for the catalogue: N_("dead units")
    check: Callable[[Evidence], Finding | None]  # returns the finding; None if there is none, or too little evidence
    explains: tuple[str, ...] = ()  # rules whose findings are consequences of this one
    excuses: tuple[str, ...] = ()  # rules whose findings this one cancels: they are not reported
    # Whether it concerns a setting, such as the learning rate: another cause can hide it, but it is never
    # reported as a consequence.
    is_cause: bool = False

    @property
    def name(self) -> str:
        """The name of its findings: ``dead_units``."""
        return self.title.replace(" ", "_")

    def find(self, run: Evidence) -> Finding | None:
        """Return the finding with the rule's name; None if there is none."""
        finding = self.check(run)
        return finding and replace(finding, name=self.name)
