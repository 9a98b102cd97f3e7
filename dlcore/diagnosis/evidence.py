"""What lies in a run's folder, as the rules look at it. Nothing here imports torch.

Shapes: P points of a curve, K classes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from dlcore.diagnosis.curve_shape import fall_at_end
from dlcore.diagnosis.layer_looks import INPUTS, OUTPUTS, LayerLooks
from dlcore.diagnosis.run_settings import RunSettings
from dlcore.tracking.curves import LoggedCurve, logged_curves
from dlcore.tracking.layer_table import FILE, read_layers
from dlcore.tracking.timeline import read_events

_LITTLE = {True: 0.4, False: 0.05}  # of the way from guessing to faultless (classifier); R² (regression)
_FAR_BELOW = 0.4  # of that way, or of R²: validation below training
_NO_CURVE = LoggedCurve(np.array([]), np.array([]), np.array([]))


@dataclass(frozen=True)
class Evidence:
    """All that is known of a run.

    Args:
        folder: Its folder.
        settings: Its config.
        curves: Its metrics, by name.
        layers: What was seen of its layers; None where the run has no such table.
        events: What happened, in order, as the run told it.
    """

    folder: Path
    settings: RunSettings = field(default_factory=RunSettings)
    curves: dict[str, LoggedCurve] = field(default_factory=dict)
    layers: LayerLooks | None = None
    events: tuple[dict[str, Any], ...] = ()

    # Curves

    def curve(self, name: str) -> LoggedCurve:
        """A metric's curve; one without points where it was not logged."""
        return self.curves.get(name, _NO_CURVE)

    def values(self, name: str) -> np.ndarray:
        """The values of a metric (P,); none where it was not logged."""
        return self.curve(name).values

    def last(self, name: str) -> float:
        """A metric's last value; NaN where it was not logged."""
        values = self.values(name)
        return float(values[-1]) if len(values) else math.nan

    def moment(self, name: str, place: int) -> str:
        """When a point of a metric was taken, in words: ``epoch 5``, or ``step 1,200`` where epochs are not known."""
        curve = self.curve(name)
        epoch = curve.epochs[place]
        return f"epoch {epoch:g}" if math.isfinite(epoch) else f"step {curve.steps[place]:,.0f}"

    @cached_property
    def steps(self) -> int:
        """Optimiser steps of the run."""
        return int(max((curve.steps[-1] for curve in self.curves.values() if len(curve.steps)), default=0))

    @cached_property
    def epochs(self) -> float:
        """Epochs of the run; NaN where it does not say."""
        ends = [float(np.nanmax(curve.epochs)) for curve in self.curves.values() if np.isfinite(curve.epochs).any()]
        return max(ends, default=math.nan)

    @cached_property
    def steps_per_epoch(self) -> float:
        """Optimiser steps in an epoch; NaN where it is not known."""
        return self.steps / self.epochs if self.epochs > 0 else math.nan

    @cached_property
    def train_loss(self) -> np.ndarray:
        """The training loss (P,): its means over epochs; where there are fewer than two, those over intervals."""
        means = self.values("train/loss")
        return means if len(means) > 1 or not len(self.values("train/loss_step")) else self.values("train/loss_step")

    @cached_property
    def still_falls(self) -> float:
        """How much of itself the training loss loses with each check at the end of the run; NaN where it is not known.

        One check or none tells nothing; the steps' own curve is too rough for it.
        """
        return fall_at_end(self.values("train/loss"))

    @cached_property
    def finite(self) -> bool:
        """Whether the losses stayed finite."""
        names = ("train/loss", "train/loss_step", "val/loss")
        return all(np.isfinite(self.values(name)).all() for name in names)

    @cached_property
    def peak_loss(self) -> float:
        """The highest training loss that was logged and finite; NaN where there is none."""
        logged = np.concatenate([self.values("train/loss_step"), self.values("train/loss")])
        logged = logged[np.isfinite(logged)]
        return float(logged.max()) if len(logged) else math.nan

    @cached_property
    def start_loss(self) -> float:
        """The loss of guessing, ln K; where K is not known the first training loss; NaN where there is none."""
        if not math.isnan(self.chance_loss):
            return self.chance_loss
        firsts = [values[0] for name in ("train/loss_step", "train/loss") if len(values := self.values(name))]
        return float(firsts[0]) if firsts and math.isfinite(firsts[0]) else math.nan

    # What chance would reach

    @cached_property
    def is_classifier(self) -> bool:
        """Whether the run tells samples' classes apart; a text model, whose classes are words, is none here."""
        is_text = "val/bits_per_character" in self.curves or self.settings.text("model") == "TextRNN"
        return not is_text and ("train/accuracy" in self.curves or "val/accuracy" in self.curves)

    @cached_property
    def num_classes(self) -> int | None:
        """K; None where it is not known, or where there are no classes."""
        number = self.settings.number("model.num_classes")
        return int(number) if self.is_classifier and number >= 2 else None

    @cached_property
    def chance_accuracy(self) -> float:
        """The accuracy of who always names the commonest class; NaN where it is not known.

        A look has few samples, whose commonest class is commoner than it is in truth: the look with the least counts.
        Always below 1.
        """
        by_number = 1 / self.num_classes if self.num_classes else math.nan
        seen = self._commonest_targets
        return float(np.fmax(seen.min(), by_number)) if self.is_classifier and len(seen) else by_number

    @cached_property
    def _commonest_targets(self) -> np.ndarray:
        """The commonest class's share of the samples at each look; not of looks at one class, which do not tell it."""
        seen = self.layers.over_time(OUTPUTS, "top_target")[1] if self.layers is not None else np.array([])
        return seen[(seen > 0) & (seen < 1)]

    @cached_property
    def chance_loss(self) -> float:
        """The cross-entropy of who knows nothing, ln K (of a text model K is its vocabulary); NaN: not known."""
        words = self.settings.number("model.vocab_size")
        classes = self.num_classes or (words if words >= 2 else None)
        return math.log(classes) if classes else math.nan

    @cached_property
    def prior_loss(self) -> float:
        """The cross-entropy of who knows how often two classes come, and no more: of a rare one far below ln 2.

        Where classes are weighed, or more than two, `chance_loss`.
        """
        if self.num_classes != 2 or self.layers is None or self.settings.values.get("model.class_weights") is not None:
            return self.chance_loss
        share = float(self._commonest_targets.mean()) if len(self._commonest_targets) else 0.5
        if not 0.5 <= share < 1:
            return self.chance_loss
        return -share * math.log(share) - (1 - share) * math.log(1 - share)

    def skill(self, part: str) -> float:
        """How far a part's last result lies between chance (0) and faultless (1); R² of a regression; else NaN.

        Args:
            part: ``train`` or ``val``.
        """
        accuracy = self.last(f"{part}/accuracy") if self.is_classifier else math.nan
        if not math.isnan(accuracy):
            return (accuracy - self.chance_accuracy) / (1 - self.chance_accuracy)
        return self.last(f"{part}/r2")

    @cached_property
    def learned_nothing(self) -> bool:
        """Whether training ended at chance, or where it began. Not known is no."""
        if not self.finite:
            return True
        skill = self.skill("train")
        if not math.isnan(skill):
            return skill < 0.07 and not self.last("train/loss") < 0.9 * self.prior_loss
        losses = self.train_loss
        return len(losses) > 1 and bool(losses[-1] > 0.98 * losses[0])

    @cached_property
    def poor(self) -> bool:
        """Whether even the training samples are learned badly: nearer to chance than to faultless. Not known is no.

        A loss above that of guessing is bad, whatever the accuracy.
        """
        return self.learned_nothing or self.skill("train") < 0.4 or self.last("train/loss") > self.chance_loss

    @cached_property
    def validation_is_poor(self) -> bool:
        """Whether validation came to little: nearer to chance than to faultless, or far below training.

        The later half of the checks counts: of many on few samples one is good, or bad, by luck. Not known is no.
        """
        name = "accuracy" if self.is_classifier else "r2"
        values, train = self.values(f"val/{name}"), self.last(f"train/{name}")
        if not len(values):
            return False
        chance = self.chance_accuracy if self.is_classifier else 0.0
        skill = (float(np.mean(values[len(values) // 2 :])) - chance) / (1 - chance)
        below = (train - chance) / (1 - chance) - skill
        return skill < _LITTLE[self.is_classifier] or below > _FAR_BELOW

    # Layers

    def input(self, column: str) -> float:
        """What the first look saw of the network's inputs: mean, std, maximum; NaN where it is not known.

        Numbers of words are no quantities: of a network that begins with an embedding nothing is known.
        """
        if self.layers is None or self.layers.has_kind("Embedding") or self.settings.text("model") == "TextRNN":
            return math.nan
        return self.layers.first(INPUTS, column)

    @cached_property
    def fastest_update(self) -> float:
        """The largest of the layers' update ratios (each the median over the looks); NaN where it is not known."""
        ratios = self.layers.update_ratios if self.layers is not None else {}
        return max(ratios.values(), default=math.nan)

    def event(self, kind: str) -> dict[str, Any] | None:
        """The last event of a kind; None: there was none."""
        return next((event for event in reversed(self.events) if event.get("kind") == kind), None)


def read_evidence(folder: Path) -> Evidence:
    """Read a run's folder.

    Raises:
        DataError: The folder holds no curves.
        ConfigError: Its config is not plain YAML.
    """
    return Evidence(
        folder, RunSettings.read(folder), logged_curves(folder), _read_looks(folder), tuple(read_events(folder))
    )


def _read_looks(folder: Path) -> LayerLooks | None:
    if not (folder / FILE).is_file():
        return None
    table = read_layers(folder)
    return LayerLooks(table) if len(table["layer"]) else None
