"""The pictures of a study."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dlcore.errors import ArgumentError, DataError
from dlcore.studies.results import Results
from dlcore.studies.study import Study, run_label
from dlcore.tracking.figures.overlaid_curves import Family, Points, hidden_spread, overlaid_curves
from dlcore.tracking.figures.parameter_histograms import Column, variant_histograms
from dlcore.tracking.figures.style import write_png
from dlcore.tracking.histogram import read_distributions
from dlcore.tracking.layer_table import read_layers
from dlcore.translation import _

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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


def _title(study: Study) -> str:
    """Return the title of the pictures, which are in English as their axes are."""
    return f"{study.title}{' (quick)' * study.quick}"


def _curves(results: Results, path: Path) -> Picture:
    study = results.study
    why = _("no run has ended well")
    if results.runs:
        # Draw the compared quantity too, even if the study's `plot` does not name it.
        drawn = study.quantities
        logged = {name for run in results.runs for name in run.curves}
        wanted = dict.fromkeys((*drawn, *((results.score,) if "accuracy" in drawn else ())))
        quantities = [name for name in wanted if {f"train/{name}", f"val/{name}"} & logged] or ["loss", results.score]
        try:
            write_png(overlaid_curves(families(results), quantities, study.x, _title(study), _note(results)), path)
        except ArgumentError:
            asked = ", ".join(dict.fromkeys((*drawn, *quantities)))
            why = _("no run has logged train/X or val/X for an X of {quantities}").format(quantities=asked)
        else:
            text = _("Curves of all variants: {quantities}").format(quantities=", ".join(quantities))
            return Picture(_("Curves"), path, text)
    return _absent(path, _("Curves"), _("No curves are drawn: {why}."), why)


def _distributions(results: Results, path: Path) -> Picture:
    """Draw weights and biases of each variant next to each other; of several seeds the first."""
    columns = [Column(name, *look) for name, look in _first_looks(results, read_distributions)]
    return _side_by_side(
        Picture(
            _("Distributions"), path, _("Histograms of weights and biases, a column a variant, a row a layer's group")
        ),
        lambda: variant_histograms(columns, _title(results.study), _seed_note(results)),
        _("No distributions are drawn: {why}."),
        _("no run has kept histograms (parameter_distribution makes them)"),
    )


def _activations(results: Results, path: Path) -> Picture:
    """Draw the standard deviation of hidden values of each variant; of several seeds the first."""
    runs = [(name, _spreads(table)) for name, table in _first_looks(results, read_layers)]
    return _side_by_side(
        Picture(_("Hidden values"), path, _("Standard deviation of the values of hidden units, by epoch")),
        lambda: hidden_spread(runs, _title(results.study), _seed_note(results)),
        _("No hidden values are drawn: {why}."),
        _("no run has recorded activations (parameter_distribution does)"),
    )


def _side_by_side(picture: Picture, draw: Callable[[], Figure], absent: str, why: str) -> Picture:
    if picture.path is None:
        return picture
    try:
        write_png(draw(), picture.path)
    except ArgumentError:
        return _absent(picture.path, picture.heading, absent, why)
    return picture


def _spreads(table: Mapping[str, Sequence[Any]]) -> dict[str, Points]:
    """Return epochs and standard deviations of each hidden layer's values."""
    looks: dict[str, tuple[list[float], list[float]]] = {}
    for layer, kind, epoch, std in zip(table["layer"], table["kind"], table["epoch"], table["std"], strict=True):
        if kind not in ("inputs", "outputs", "validation inputs") and not math.isnan(std):
            epochs, values = looks.setdefault(layer, ([], []))
            epochs.append(epoch)
            values.append(std)
    return {layer: (np.array(epochs), np.array(values)) for layer, (epochs, values) in looks.items()}


def _first_looks(results: Results, read: Callable[[Path], Any]) -> Iterator[tuple[str, Any]]:
    """Yield each variant's name and what its first run has kept, if it has."""
    for variant in results.study.variants:
        for run in results.of(variant.name)[:1]:
            with contextlib.suppress(DataError):  # switched off in this run
                yield variant.name, read(run.folder)


def _seed_note(results: Results) -> str:
    study = results.study
    return f"{run_label(study.numbers[0], study.folds)} of {len(study.numbers)}" if len(study.numbers) > 1 else ""


def _absent(path: Path, heading: str, absent: str, why: str) -> Picture:
    path.unlink(missing_ok=True)  # from an earlier call
    return Picture(heading, None, absent.format(why=why))


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
    count, what = len(results.study.numbers), "folds" if results.study.folds else "seeds"
    source = next((f"; {run.record.source}" for run in results.runs if run.record.source), "")
    return (f"mean of {count} {what}, band from the lowest to the highest" if count > 1 else "one seed") + source
