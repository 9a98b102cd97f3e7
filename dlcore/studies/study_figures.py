"""The pictures of a study."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dlcore.errors import ArgumentError, DataError
from dlcore.studies.results import Results, RunResult
from dlcore.tracking.figures.overlaid_curves import Family, Points, hidden_spread, overlaid_curves
from dlcore.tracking.figures.parameter_histograms import Column, variant_histograms
from dlcore.tracking.figures.style import write_png
from dlcore.tracking.histogram import read_distributions
from dlcore.tracking.layer_table import read_layers

CURVES, DISTRIBUTIONS, ACTIVATIONS = "curves.png", "distributions.png", "activations.png"


@dataclass(frozen=True)
class Picture:
    """A picture of a study."""

    heading: str  # its heading, a word
    path: Path | None  # its file; None if there is none
    text: str  # its alternative text; or why there is no picture


def draw_pictures(results: Results, folder: Path) -> tuple[Picture, ...]:
    """Draw a study's pictures from the results so far; remove outdated ones."""
    pictures = [_curves(results, folder / CURVES)]
    if "distributions" in results.study.plot:
        pictures.append(_distributions(results, folder / DISTRIBUTIONS))
    if "activations" in results.study.plot:
        pictures.append(_activations(results, folder / ACTIVATIONS))
    return tuple(pictures)


def _curves(results: Results, path: Path) -> Picture:
    study = results.study
    why = "no run has ended well"
    if results.runs:
        # Draw the compared quantity too, even if the study's `plot` does not name it.
        drawn = study.quantities
        wanted = dict.fromkeys((*drawn, *((results.score,) if "accuracy" in drawn else ())))
        quantities = [name for name in wanted if _is_there(results, name)] or ["loss", results.score]
        try:
            write_png(overlaid_curves(families(results), quantities, study.x, study.heading, _note(results)), path)
        except ArgumentError:
            asked = ", ".join(dict.fromkeys((*drawn, *quantities)))
            why = f"no run has logged train/X or val/X for an X of {asked}"
        else:
            return Picture("Curves", path, f"Curves of all variants: {', '.join(quantities)}")
    return _absent("Curves", path, why)


def _distributions(results: Results, path: Path) -> Picture:
    """Draw weights and biases of each variant next to each other; of several seeds the first."""
    columns = []
    for name, run in _first_runs(results):
        with contextlib.suppress(DataError):  # switched off in this run
            columns.append(Column(name, *read_distributions(run.folder)))
    heading = "Distributions"
    try:
        figure = variant_histograms(columns, results.study.heading, _seed_note(results))
    except ArgumentError:
        return _absent(heading, path, "no run has kept histograms (parameter_distribution makes them)")
    write_png(figure, path)
    return Picture(heading, path, "Histograms of weights and biases, a column a variant, a row a layer's group")


def _activations(results: Results, path: Path) -> Picture:
    """Draw the standard deviation of hidden values of each variant; of several seeds the first."""
    runs = []
    for name, run in _first_runs(results):
        with contextlib.suppress(DataError):
            runs.append((name, _spreads(read_layers(run.folder))))
    heading = "Hidden values"
    try:
        figure = hidden_spread(runs, results.study.heading, _seed_note(results))
    except ArgumentError:
        return _absent(heading, path, "no run has looked at activations (parameter_distribution does)")
    write_png(figure, path)
    return Picture(heading, path, "Standard deviation of the values of hidden units, by epoch")


def _spreads(table: Mapping[str, Sequence[Any]]) -> dict[str, Points]:
    """Return epochs and standard deviations of each hidden layer's values."""
    looks: dict[str, tuple[list[float], list[float]]] = {}
    for layer, kind, epoch, std in zip(table["layer"], table["kind"], table["epoch"], table["std"], strict=True):
        if kind not in ("inputs", "outputs") and not math.isnan(std):
            epochs, values = looks.setdefault(layer, ([], []))
            epochs.append(epoch)
            values.append(std)
    return {layer: (np.array(epochs), np.array(values)) for layer, (epochs, values) in looks.items()}


def _first_runs(results: Results) -> list[tuple[str, RunResult]]:
    return [
        (variant.name, results.of(variant.name)[0]) for variant in results.study.variants if results.of(variant.name)
    ]


def _seed_note(results: Results) -> str:
    return f"seed {results.study.seeds[0]} of {len(results.study.seeds)}" if len(results.study.seeds) > 1 else ""


def _absent(heading: str, path: Path, why: str) -> Picture:
    path.unlink(missing_ok=True)  # from an earlier call
    return Picture(heading, None, f"No {heading.lower()} are drawn: {why}.")


def families(results: Results) -> list[Family]:
    """Return the curves of each variant that has any, for the picture."""
    found = []
    for variant in results.study.variants:
        runs = results.of(variant.name)
        names = {name for run in runs for name in run.curves}
        curves = {
            name: [(run.curves[name].x(results.study.x), run.curves[name].values) for run in runs if name in run.curves]
            for name in names
        }
        if curves:
            found.append(Family(variant.name, curves))
    return found


def _note(results: Results) -> str:
    seeds: Sequence[int] = results.study.seeds
    source = next((run.record.source for run in results.runs if run.record.source), "")
    words = [f"mean of {len(seeds)} seeds, band from the lowest to the highest" if len(seeds) > 1 else "one seed"]
    if source:
        words.append(source)
    return "; ".join(words)


def _is_there(results: Results, quantity: str) -> bool:
    return any(f"{kind}/{quantity}" in run.curves for run in results.runs for kind in ("train", "val"))
