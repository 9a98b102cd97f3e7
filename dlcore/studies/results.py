"""Results of a study: curves and numbers of each run, and statistics of each variant."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, stdev

import numpy as np

from dlcore.errors import DataError
from dlcore.studies.claim import Quantity
from dlcore.studies.study import Study
from dlcore.studies.study_run_record import DONE, Record
from dlcore.tracking.curves import LoggedCurve, logged_curves
from dlcore.tracking.metric_names import gap, main_metric, mode_of
from dlcore.tracking.timeline import kept_modes


@dataclass(frozen=True)
class Curve(LoggedCurve):
    """A metric over a run (P points), with samples and time at each point."""

    samples: np.ndarray  # training samples so far (P,)
    seconds: np.ndarray  # seconds of training so far (P,)

    def x(self, axis: str) -> np.ndarray:
        """Return one of ``epoch``, ``samples`` and ``seconds``."""
        return {"epoch": self.epochs, "samples": self.samples, "seconds": self.seconds}[axis]


@dataclass(frozen=True)
class RunResult:
    """A finished run: its record, folder, curves by metric (``val/accuracy``), and modes of its monitored metrics."""

    record: Record
    folder: Path
    curves: Mapping[str, Curve]
    modes: Mapping[str, str] = field(default_factory=dict)

    def last(self, metric: str) -> float | None:
        """Return the last value of a metric; None if it was never logged."""
        curve = self.curves.get(metric)
        return curve.last() if curve is not None and len(curve.values) else None

    def best(self, metric: str, greater: bool) -> float | None:
        """Return the greatest or smallest value of a metric; NaN only if all values are NaN."""
        curve = self.curves.get(metric)
        return curve.best(greater) if curve is not None and len(curve.values) else None


@dataclass(frozen=True)
class Spread:
    """A number over seeds: mean, standard deviation (n - 1 in the denominator; None with one seed), number of seeds."""

    mean: float
    deviation: float | None
    seeds: int


@dataclass(frozen=True)
class Results:
    """All results: the study, its runs that ended well, and why others failed (variant, seed, error)."""

    study: Study
    runs: tuple[RunResult, ...]
    failures: tuple[tuple[str, int, str], ...] = ()

    def of(self, variant: str) -> list[RunResult]:
        """Return the runs of a variant."""
        return [run for run in self.runs if run.record.variant == variant]

    @property
    def score(self) -> str:
        """The quantity by which variants are compared: the most informative one (`main_metric`)."""
        names = {name.partition("/")[2] for run in self.runs for name in run.curves if name.startswith("val/")}
        drawn = [name for name in self.study.quantities if name in names and name != "loss"]
        best = main_metric(names)
        return drawn[0] if drawn and best not in ("bits_per_character", *drawn) else best

    def spread(self, variant: str, quantity: str, kind: str = "last") -> Spread | None:
        """Return a quantity of a variant over its seeds.

        Args:
            variant: The variant.
            quantity: ``val/accuracy``, ``test/accuracy``, ``gap``, ``seconds``, ….
            kind: ``last`` or ``best``.
        """
        return spread([number(run, quantity, kind) for run in self.of(variant)])

    def measure(self, quantity: Quantity) -> dict[int, float]:
        """Return the values of a claim's quantity, by seed."""
        found = {run.record.seed: claimed(run, quantity) for run in self.of(quantity.variant)}
        return {seed: value for seed, value in found.items() if value is not None}


def read_results(
    study: Study, done: Mapping[tuple[str, int], tuple[Path, Record]], failures: Sequence[tuple[str, int, str]] = ()
) -> Results:
    """Read the finished runs of a study, in the order of variants and seeds."""
    runs = [
        RunResult(record, folder, read_curves(folder, record), kept_modes(folder))
        for variant in study.variants
        for seed in study.numbers
        if (variant.name, seed) in done
        for folder, record in [done[variant.name, seed]]
        if record.status == DONE
    ]
    return Results(study, tuple(runs), tuple(failures))


def read_curves(folder: Path, record: Record | None = None) -> dict[str, Curve]:
    """Return the logged curves of a run: ``train/…``, ``val/…`` and ``lr``; empty if nothing was logged.

    Args:
        folder: The run's folder.
        record: Its record, for samples and seconds; None: they are NaN.
    """
    try:
        logged = logged_curves(folder)
    except DataError:
        return {}
    epoch = record.train_samples if record is not None and record.train_samples else math.nan
    times = np.array([[0.0, 0.0], *record.times]) if record is not None and record.times else None
    curves = {}
    for name, curve in logged.items():
        if name.partition("/")[0] not in ("train", "val", "lr"):
            continue
        unknown = np.full_like(curve.steps, math.nan)
        seconds = unknown if times is None else np.interp(curve.steps, times[:, 0], times[:, 1])
        curves[name] = Curve(curve.steps, curve.epochs, curve.values, curve.epochs * epoch, seconds)
    return curves


def number(run: RunResult, quantity: str, kind: str = "last") -> float | None:
    """Return one number of a run; see `Results.spread`."""
    if quantity.startswith("test/"):
        return run.record.test.get(quantity)
    if quantity in ("weight_std", "weight_reach"):
        return run.record.weights.get(quantity.removeprefix("weight_"))
    if quantity in ("seconds", "parameters", "epochs", "steps"):
        return float(getattr(run.record, quantity))
    if quantity.startswith("gap/"):
        name = quantity.removeprefix("gap/")
        train, val = run.last(f"train/{name}"), run.last(f"val/{name}")
        if train is None or val is None:
            return None
        return gap(f"val/{name}", train, val, run.modes)
    if kind == "best":
        mode = mode_of(quantity, run.modes)
        return None if mode is None else run.best(quantity, mode == "max")
    return run.last(quantity)


def spread(values: Sequence[float | None]) -> Spread | None:
    """Return mean and standard deviation of the values that are not None; None if there are none."""
    there = [value for value in values if value is not None]
    if not there:
        return None
    finite = all(map(math.isfinite, there))
    mean = fmean(there) if finite else sum(there) / len(there)
    return Spread(mean, (stdev(there) if finite else math.nan) if len(there) > 1 else None, len(there))


def claimed(run: RunResult, quantity: Quantity) -> float | None:
    """Return the value of a claim's quantity for one run; None if it is unknown."""
    name = quantity.name
    if name in ("last", "lowest", "highest"):
        return run.last(quantity.metric) if name == "last" else run.best(quantity.metric, name == "highest")
    if name in ("weight_std", "weight_reach"):
        return number(run, name)
    if name == "lr_cuts":
        return _lr_cuts(run.curves.get("lr"))
    if name in ("accuracy_after", "epochs_to"):
        return _along(run.curves.get("val/accuracy"), name, quantity.at)
    plain = {
        "accuracy": ("val/accuracy", "last"),
        "best_accuracy": ("val/accuracy", "best"),
        "train_accuracy": ("train/accuracy", "last"),
        "test_accuracy": ("test/accuracy", "last"),
        "gap": ("gap/accuracy", "last"),
        "loss": ("val/loss", "last"),
        "best_loss": ("val/loss", "best"),
        "train_loss": ("train/loss", "last"),
        "loss_gap": ("gap/loss", "last"),
        "parameters": ("parameters", "last"),
        "seconds": ("seconds", "last"),
    }
    return number(run, *plain[name])


def _along(curve: Curve | None, name: str, at: float) -> float | None:
    if curve is None or not len(curve.values):
        return None
    reached = curve.epochs >= at - 1e-6 if name == "accuracy_after" else curve.values >= at
    if not reached.any():
        return math.inf if name == "epochs_to" else None
    first = int(np.argmax(reached))
    return float(curve.values[first] if name == "accuracy_after" else curve.epochs[first])


def _lr_cuts(rates: Curve | None) -> float | None:
    """Return how often the learning rate fell from one logged point to the next."""
    if rates is None:
        return None
    return float(sum(later < earlier * 0.999 for earlier, later in itertools.pairwise(rates.values)))
