"""Summary of a run, and the reasons why a run without faults is healthy."""

from __future__ import annotations

import math

import numpy as np

from dlcore.diagnosis.rule import percent, short
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.tracking.metric_names import is_share, known_modes, main_metric, mode_of
from dlcore.tracking.metric_pairs import canonical_name

_PARTS = {"train": "training", "val": "validation"}


def summary(run: Evidence) -> str:
    """Describe length and result of a run: ``5 epochs, 9,375 steps; at the end: loss …; accuracy …``."""
    length = f"{run.steps:,} steps"
    if math.isfinite(run.epochs):
        length = f"{run.epochs:g} epoch{'s' * (run.epochs != 1)}, {length}"
    ends = []
    told = next((name for name in ("bits_per_character", "accuracy", "r2") if f"val/{name}" in run.curves), "")
    for metric in ("loss", *([told] if told else [])):
        values = {word: run.last(f"{part}/{metric}") for part, word in _PARTS.items()}
        known = [f"{word} {_number(metric, value)}" for word, value in values.items() if not math.isnan(value)]
        if known:
            ends.append(f"{_words(metric)} {', '.join(known)}")
    return f"{length}; at the end: {'; '.join(ends)}" if ends else length


def reasons(run: Evidence) -> tuple[str, ...]:
    """Return the reasons, a clause each: the result, the gap to training, and the state of the layers."""
    return tuple(clause for clause in (_result(run), _gap(run), _layers(run)) if clause)


def _number(metric: str, value: float) -> str:
    return (percent if is_share(metric) else short)(value)


def _result(run: Evidence) -> str:
    watched = canonical_name(run.settings.text("checkpoint.monitor"))
    part = "val" if any(name.startswith("val/") for name in run.curves) else "train"
    names = {name.partition("/")[2] for name in run.curves if name.startswith(f"{part}/")} - {"loss_step"}
    if not names:
        return ""
    told = watched in run.curves and watched.startswith(("train/", "val/"))
    name = watched if told else f"{part}/{main_metric(names)}"
    part = name.partition("/")[0]
    curve = run.curve(name)
    mode = mode_of(name, known_modes(run.events))
    if mode is None or not np.isfinite(curve.values).any():
        return ""
    place = int(np.nanargmax(curve.values) if mode == "max" else np.nanargmin(curve.values))
    where = run.moment(name, place)
    to = f" of {run.epochs:g}" if math.isfinite(run.epochs) and where.startswith("epoch") else ""
    first, best = (_number(name, float(curve.values[at])) for at in (0, place))
    if place == 0:
        return f"{_PARTS[part]} {_words(name)} {best} at {where}{to}"
    return f"{_PARTS[part]} improved until {where}{to} ({_words(name)} {first} to {best})"


def _gap(run: Evidence) -> str:
    train, val = run.last("train/accuracy"), run.last("val/accuracy")
    if math.isnan(train) or math.isnan(val):
        train, val = run.last("train/loss"), run.last("val/loss")
        both = not (math.isnan(train) or math.isnan(val))
        close = both and abs(val - train) < 0.2 * abs(train)
        return f"training and validation lie close (loss {short(train)} and {short(val)})" if close else ""
    if abs(train - val) > 0.05:
        return ""
    return f"training and validation lie close (accuracy {percent(train)} and {percent(val)})"


def _layers(run: Evidence) -> str:
    found = []
    ratios = list(run.layers.update_ratios.values())
    if ratios and 1e-4 <= max(ratios) <= 5e-2:
        low, high = short(min(ratios)), short(max(ratios))
        span = low if low == high else f"{low} to {high}"
        found.append(f"a step changes the weights by {span} of their size")
    _, dead = run.layers.greatest(run.layers.shares("dead"))
    if dead < 0.5:
        found.append(f"at most {percent(dead)} of a layer's units are dead" if dead else "no dead units")
    _, saturated = run.layers.greatest(run.layers.shares("saturated"))
    if saturated < 0.5:
        share = percent(saturated)
        found.append("no saturated units" if share == "0%" else f"at most {share} of a layer's outputs are saturated")
    return ", ".join(found)


def _words(name: str) -> str:
    metric = name.rpartition("/")[2]
    return {"r2": "R²"}.get(metric, metric.replace("_", " "))
