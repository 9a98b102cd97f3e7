"""The pictures of a study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dlcore.errors import ArgumentError
from dlcore.studies.results import Results
from dlcore.tracking.figures.overlaid_curves import Family, overlaid_curves
from dlcore.tracking.figures.png_file import write_png

CURVES = "curves.png"


@dataclass(frozen=True)
class Picture:
    """A picture of a study.

    Args:
        heading: What it shows, a word.
        path: Its file; None where there is none.
        text: What it shows, for who cannot see it; or why there is none.
    """

    heading: str
    path: Path | None
    text: str


def draw_pictures(results: Results, folder: Path) -> tuple[Picture, ...]:
    """Draw what a study shows, as far as there are results; older pictures that do not fit them any more go."""
    return (_curves(results, folder / CURVES),)


def _curves(results: Results, path: Path) -> Picture:
    study = results.study
    why = "no run has ended well"
    if results.runs:
        # What is compared is drawn, also where the study names what is drawn for pictures and has a text.
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
    path.unlink(missing_ok=True)  # of an earlier time
    return Picture("Curves", None, f"No curves are drawn: {why}.")


def families(results: Results) -> list[Family]:
    """The curves of each variant that has any, for the picture."""
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
