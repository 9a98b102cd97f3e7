"""Compare runs: differences in settings and metrics, and the step from which curves differ."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dlcore.diagnosis.run_settings import RunSettings
from dlcore.errors import ArgumentError, DataError
from dlcore.tracking.curves import LoggedCurve, logged_curves
from dlcore.tracking.metric_names import mode_of
from dlcore.tracking.timeline import kept_modes
from dlcore.translation import N_

_MISSING = "–"


@dataclass(frozen=True)
class Parting:
    """Where a metric of a run starts to differ from that of the first run."""

    metric: str  # the metric
    run: int  # position of the run, from 1 on
    step: int | None  # first step at which both have a value and the values differ; None if they never do
    values: tuple[float, float]  # the two values there
    common: int  # number of steps at which both have a value


@dataclass(frozen=True)
class RunComparison:
    """The comparison of several runs."""

    names: tuple[str, ...]  # shortest distinct ends of the runs' paths
    settings: tuple[tuple[str, tuple[str, ...]], ...]  # settings that differ: name, and the value of each run
    # Metric, whether best or last, and the value of each run (None: not logged).
    metrics: tuple[tuple[str, str, tuple[float | None, ...]], ...]
    partings: tuple[Parting, ...]  # where each run's curves start to differ from the first run's, by metric
    curves: tuple[dict[str, LoggedCurve], ...]  # all curves of each run
    no_config: tuple[int, ...]  # positions of runs without a config


def find_run(text: str, runs: Path = Path("lightning_logs")) -> Path:
    """Return the folder of a run: its path, its path below ``lightning_logs``, or a file in it.

    Raises:
        DataError: No such folder exists.
    """
    for path in (Path(text).expanduser(), runs / text):
        if path.is_file():
            path = path.parent.parent if path.parent.name == "checkpoints" else path.parent
        if path.is_dir():
            return path
    raise DataError(f"{text}: there is no such run, neither here nor in {runs}/. Runs lie in {runs}/RECIPE/version_N.")


def newest_run(runs: Path = Path("lightning_logs")) -> Path:
    """Return the folder of the run that was written last.

    Raises:
        DataError: There is no run yet, or none that has logged a metric.
    """
    tables = {path: path.stat().st_mtime for path in runs.glob("*/version_*/metrics.csv")}
    if not tables and any(runs.glob("*/version_*/config.yaml")):
        raise DataError(
            f"No run in {runs}/ has logged a metric. Log more often (--trainer.log_every_n_steps 1), or "
            "self.log(..., on_epoch=True)."
        )
    if not tables:
        raise DataError(f"There is no run in {runs}/ yet. Train one: python -m dlcore fit")
    return max(tables, key=lambda path: tables[path]).parent


def compare_runs(folders: Sequence[Path]) -> RunComparison:
    """Compare runs with the first one.

    Raises:
        ArgumentError: There are fewer than two.
        DataError: A folder is not a run's.
    """
    if len(folders) < 2:
        raise ArgumentError("compare", "two runs or more", str(folders[0]) if folders else None)
    curves = tuple(logged_curves(folder) for folder in folders)
    configs = [RunSettings.read(folder).values for folder in folders]
    return RunComparison(
        tuple(_names(folders)),
        tuple(_differences(configs)),
        tuple(_metrics(curves, [kept_modes(folder) for folder in folders])),
        tuple(
            _parting(name, place, curves[0][name], other[name])
            for name in curves[0]
            for place, other in enumerate(curves)
            if place and name in other
        ),
        curves,
        tuple(place for place, config in enumerate(configs) if not config),
    )


def _differences(configs: list[Mapping[str, Any]]) -> list[tuple[str, tuple[str, ...]]]:
    known = [config for config in configs if config]
    names = list(dict.fromkeys(name for config in known for name in config))
    found = []
    for name in names:
        values = tuple(
            ("off" if config[name] is None else str(config[name])) if name in config else _MISSING for config in configs
        )
        if len({value for value, config in zip(values, configs, strict=True) if config}) > 1:
            found.append((name, values))
    return found


def _metrics(
    curves: Sequence[dict[str, LoggedCurve]], modes: Sequence[dict[str, str]]
) -> list[tuple[str, str, tuple[float | None, ...]]]:
    """Return the best and last value of each epoch metric, those of validation first.

    If neither a metric's name nor a run determines which values are better, there is no best.
    """
    known = {name: mode for of_run in reversed(modes) for name, mode in of_run.items()}
    names = sorted({name for each in curves for name in each}, key=lambda name: (not name.startswith("val"), name))
    rows = []
    for name in names:
        stage, _, quantity = name.partition("/")
        if stage not in ("train", "val", "test") or quantity.endswith("_step"):
            continue
        mode = mode_of(name, known) if stage == "val" else None
        for kind, taken in ((N_("best"), mode), (N_("last"), "last")):
            if taken is not None:
                rows.append((name, kind, tuple(_value(each.get(name), taken) for each in curves)))
    return rows


def _value(curve: LoggedCurve | None, kind: str) -> float | None:
    """Return the ``last``, smallest (``min``) or largest (``max``) value."""
    if curve is None:
        return None
    return curve.last() if kind == "last" else curve.best(kind == "max")


def _parting(name: str, place: int, left: LoggedCurve, right: LoggedCurve) -> Parting:
    steps, at_left, at_right = np.intersect1d(left.steps, right.steps, return_indices=True)
    a, b = left.values[at_left], right.values[at_right]
    # Text keeps about seven digits of a float32: values that agree in six are the same.
    apart = ~np.isclose(a, b, rtol=1e-6, atol=1e-12, equal_nan=True)
    if not apart.any():
        return Parting(name, place, None, (math.nan, math.nan), len(steps))
    at = int(np.argmax(apart))
    return Parting(name, place, int(steps[at]), (float(a[at]), float(b[at])), len(steps))


def _names(folders: Sequence[Path]) -> list[str]:
    """Return the shortest ends of the paths that distinguish them."""
    parts = [folder.resolve().parts for folder in folders]
    for length in range(2, max(map(len, parts)) + 1):
        names = ["/".join(part[-length:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    return [f"{number}: {folder}" for number, folder in enumerate(folders, start=1)]
