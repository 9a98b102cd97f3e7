"""Evidence for the rules, read from a run's folder. Nothing here imports torch.

Shapes: P points of a curve, K classes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from dlcore.diagnosis.curve_shape import fall_at_end
from dlcore.diagnosis.emptied_metrics import EmptiedMetric, emptied_metrics, without_emptied
from dlcore.diagnosis.layer_looks import INPUTS, OUTPUTS, LayerLooks
from dlcore.diagnosis.run_settings import RunSettings
from dlcore.tracking.curves import LoggedCurve, logged_curves
from dlcore.tracking.layer_table import FILE, read_layers
from dlcore.tracking.run_file import SAMPLES
from dlcore.tracking.timeline import read_events
from dlcore.translation import _

_LITTLE = {True: 0.4, False: 0.05}  # skill between chance (0) and perfect (1) for a classifier; R² for a regression
_FAR_BELOW = 0.4  # in the same units: validation below training
_NO_CURVE = LoggedCurve(np.array([]), np.array([]), np.array([]))


@dataclass(frozen=True)
class Evidence:
    """Data of a run, and quantities derived from them."""

    folder: Path  # its folder
    settings: RunSettings = field(default_factory=RunSettings)  # its config
    curves: dict[str, LoggedCurve] = field(default_factory=dict)  # its metrics, by name
    layers: LayerLooks = field(default_factory=LayerLooks)  # its layer table; empty if the run has none
    events: tuple[dict[str, Any], ...] = ()  # its recorded events, in order
    samples: dict[str, Any] = field(default_factory=dict)  # facts about its samples (`sample_facts`); may be empty
    emptied: tuple[EmptiedMetric, ...] = ()  # training metrics that were not measured; `curves` lacks them

    # Curves

    def curve(self, name: str) -> LoggedCurve:
        """Return a metric's curve; an empty one if it was not logged."""
        return self.curves.get(name, _NO_CURVE)

    def values(self, name: str) -> np.ndarray:
        """Return the values of a metric (P,); empty if it was not logged."""
        return self.curve(name).values

    def last(self, name: str) -> float:
        """Return a metric's last value; NaN if it was not logged."""
        values = self.values(name)
        return float(values[-1]) if len(values) else math.nan

    def moment(self, name: str, place: int) -> str:
        """Describe when a point of a metric was logged: ``epoch 5``, or ``step 1,200`` if epochs are unknown."""
        curve = self.curve(name)
        epoch = curve.epochs[place]
        if math.isfinite(epoch):
            return _("epoch {epoch:g}").format(epoch=epoch)
        return _("step {step:,.0f}").format(step=curve.steps[place])

    @cached_property
    def steps(self) -> int:
        """Optimiser steps of the run."""
        return int(max((curve.steps[-1] for curve in self.curves.values() if len(curve.steps)), default=0))

    @cached_property
    def updates(self) -> int:
        """Optimiser steps of the run, also where it ended before a metric was logged."""
        return max([self.steps, *(int(event.get("step") or 0) for event in self.events)])

    @cached_property
    def epochs(self) -> float:
        """Epochs of the run; NaN if unknown."""
        ends = [float(np.nanmax(curve.epochs)) for curve in self.curves.values() if np.isfinite(curve.epochs).any()]
        return max(ends, default=math.nan)

    @cached_property
    def steps_per_epoch(self) -> float:
        """Optimiser steps per epoch; NaN if unknown."""
        return self.steps / self.epochs if self.epochs > 0 else math.nan

    @cached_property
    def train_loss(self) -> np.ndarray:
        """The training loss (P,): its means over epochs; if there are fewer than two, its means over log intervals."""
        means = self.values("train/loss")
        return means if len(means) > 1 or not len(self.values("train/loss_step")) else self.values("train/loss_step")

    @cached_property
    def still_falls(self) -> float:
        """Relative fall of the training loss per check at the end of the run; NaN if unknown.

        Unknown with fewer than two checks: the curve per step is too noisy.
        """
        return fall_at_end(self.values("train/loss"))

    @cached_property
    def finite(self) -> bool:
        """Whether the losses stayed finite."""
        names = ("train/loss", "train/loss_step", "val/loss")
        return all(np.isfinite(self.values(name)).all() for name in names)

    @cached_property
    def peak_loss(self) -> float:
        """The highest finite training loss; NaN if there is none."""
        logged = np.concatenate([self.values("train/loss_step"), self.values("train/loss")])
        logged = logged[np.isfinite(logged)]
        return float(logged.max()) if len(logged) else math.nan

    @cached_property
    def start_loss(self) -> float:
        """The loss of guessing, ln K; if K is unknown, the first training loss; NaN if there is none."""
        if not math.isnan(self.chance_loss):
            return self.chance_loss
        firsts = [values[0] for name in ("train/loss_step", "train/loss") if len(values := self.values(name))]
        return float(firsts[0]) if firsts and math.isfinite(firsts[0]) else math.nan

    # Results of guessing

    @cached_property
    def is_text(self) -> bool:
        """Whether the run is a model of text, which predicts the next token."""
        return "val/bits_per_character" in self.curves or self.settings.text("model") == "TextRNN"

    @cached_property
    def is_classifier(self) -> bool:
        """Whether the run is a classification; text models do not count."""
        return not self.is_text and ("train/accuracy" in self.curves or "val/accuracy" in self.curves)

    @cached_property
    def num_classes(self) -> int | None:
        """K; None if unknown, or if the run is no classification."""
        number = self.settings.number("model.num_classes")
        known = self.module.get("num_classes")
        number = float(known) if math.isnan(number) and isinstance(known, int) else number
        return int(number) if self.is_classifier and number >= 2 else None

    @cached_property
    def chance_accuracy(self) -> float:
        """The accuracy of always predicting the most common class; NaN if unknown.

        A record of the layer table has few samples, so the share of the most common class is too high in most records:
        use the smallest share. Always below 1.
        """
        by_number = 1 / self.num_classes if self.num_classes else math.nan
        seen = self._commonest_targets
        return float(np.fmax(seen.min(), by_number)) if self.is_classifier and len(seen) else by_number

    @cached_property
    def _commonest_targets(self) -> np.ndarray:
        """Share of the most common class in each record of the layer table, except records with one class only."""
        seen = self.layers.over_time(OUTPUTS, "top_target")[1]
        return seen[(seen > 0) & (seen < 1)]

    @cached_property
    def chance_loss(self) -> float:
        """The cross-entropy of uniform guessing, ln K (for a text model, K is its vocabulary); NaN if unknown."""
        words = self.settings.number("model.vocab_size")
        classes = self.num_classes or (words if words >= 2 else None)
        return math.log(classes) if classes else math.nan

    def counting(self, name: str) -> float:
        """Return the loss of a model that only counts tokens, nats per token; NaN if unknown.

        Args:
            name: ``unigram_entropy`` (each token) or ``bigram_loss`` (pairs; attained on the validation text).
        """
        value = (self.event("started") or {}).get(name)
        return float(value) if isinstance(value, int | float) else math.nan

    @cached_property
    def prior_loss(self) -> float:
        """The cross-entropy of predicting the frequencies of two classes: far below ln 2 if one is rare.

        Equal to `chance_loss` with class weights, or with more than two classes.
        """
        if self.num_classes != 2 or self.settings.values.get("model.class_weights") is not None:
            return self.chance_loss
        share = float(self._commonest_targets.mean()) if len(self._commonest_targets) else 0.5
        if not 0.5 <= share < 1:
            return self.chance_loss
        return -share * math.log(share) - (1 - share) * math.log(1 - share)

    def skill(self, part: str) -> float:
        """Return a split's last accuracy, scaled from chance (0) to perfect (1); R² for a regression; else NaN."""
        accuracy = self.last(f"{part}/accuracy") if self.is_classifier else math.nan
        if not math.isnan(accuracy):
            return (accuracy - self.chance_accuracy) / (1 - self.chance_accuracy)
        return self.last(f"{part}/r2")

    @cached_property
    def learned_nothing(self) -> bool:
        """Whether training ended at chance level, or where it began. False if unknown."""
        if not self.finite:
            return True
        skill = self.skill("train")
        if not math.isnan(skill):
            return skill < 0.07 and not self.last("train/loss") < 0.9 * self.prior_loss
        losses = self.train_loss
        return len(losses) > 1 and bool(losses[-1] > 0.98 * losses[0])

    @cached_property
    def poor(self) -> bool:
        """Whether even the training result is poor: closer to chance than to perfect. False if unknown.

        A loss above that of guessing is poor at any accuracy; a text model's, above that of counting words.
        """
        if self.learned_nothing or self.skill("train") < 0.4 or self.last("train/loss") > self.chance_loss:
            return True
        # Dropout raises the training loss: use validation's if it is lower.
        return min(self.last("train/loss"), self.last("val/loss")) > self.counting("unigram_entropy")

    @cached_property
    def validation_is_poor(self) -> bool:
        """Whether the validation result is poor: closer to chance than to perfect, or far below training.

        Use the mean of the later half of the checks: with few samples, single checks vary by chance. False if unknown.
        """
        name = "accuracy" if self.is_classifier else "r2"
        values, train = self.values(f"val/{name}"), self.last(f"train/{name}")
        if not len(values):
            return False
        chance = self.chance_accuracy if self.is_classifier else 0.0
        skill = (float(np.mean(values[len(values) // 2 :])) - chance) / (1 - chance)
        below = (train - chance) / (1 - chance) - skill
        return skill < _LITTLE[self.is_classifier] or below > _FAR_BELOW

    @cached_property
    def below_linear(self) -> bool:
        """Whether the best validation result is clearly below that of a linear model on the same samples."""
        name, linear = ("accuracy" if self.is_classifier else "r2"), self.linear
        values = self.values(f"val/{name}")
        if math.isnan(linear) or not len(values):
            return False
        held_out = sum(self.samples.get("classes", {}).get("val", ())) or 100
        noise = 2 * math.sqrt(max(linear * (1 - linear), 0.0) / held_out)
        return bool(np.nanmax(values) < linear - 0.02 - noise)

    @property
    def linear(self) -> float:
        """The validation accuracy (R² for a regression) of a linear model; NaN if unknown."""
        value = self.samples.get("linear")
        return float(value) if isinstance(value, int | float) else math.nan

    # Layers

    def input(self, column: str) -> float:
        """Return the first record's statistic of the network's inputs: mean, std, maximum; NaN if unknown.

        Token ids are no quantities, so the result is NaN for a network with an embedding.
        """
        if self.layers.has_kind("Embedding") or self.settings.text("model") == "TextRNN":
            return math.nan
        return self.layers.first(INPUTS, column)

    @cached_property
    def fastest_update(self) -> float:
        """The largest of the layers' update ratios (each the median over the records); NaN if unknown."""
        return max(self.layers.update_ratios.values(), default=math.nan)

    @cached_property
    def module(self) -> dict[str, Any]:
        """Facts about the module and its optimisers, as `module_facts` of the callbacks records them; may be empty."""
        return _module_facts(self.events)

    def event(self, kind: str) -> dict[str, Any] | None:
        """Return the last event of a kind; None if there is none."""
        return next((event for event in reversed(self.events) if event.get("kind") == kind), None)


def read_evidence(folder: Path) -> Evidence:
    """Read a run's folder.

    Raises:
        DataError: The folder holds no curves.
        ConfigError: Its config is not plain YAML.
    """
    layers = LayerLooks(read_layers(folder) if (folder / FILE).is_file() else {})
    samples: Any = {}
    with suppress(OSError, ValueError):  # an older run, or a damaged file: rules that need it are silent
        samples = json.loads((folder / SAMPLES).read_text(encoding="utf-8"))
    facts = samples if isinstance(samples, dict) else {}
    curves, events = logged_curves(folder), tuple(read_events(folder))
    emptied = emptied_metrics(curves, events)
    settings = RunSettings.read(folder, _module_facts(events))
    return Evidence(folder, settings, without_emptied(curves, emptied), layers, events, facts, emptied)


def _module_facts(events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    started: Mapping[str, Any] = next((event for event in reversed(events) if event.get("kind") == "started"), {})
    facts = started.get("module")
    return facts if isinstance(facts, dict) else {}
