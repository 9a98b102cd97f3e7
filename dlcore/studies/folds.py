"""Cross-validation in a study: intervals over the folds, and the out-of-fold predictions."""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dlcore.studies.results import Results, RunResult
from dlcore.studies.study import Study, folder_name
from dlcore.studies.verdict import interval
from dlcore.tracking.metric_names import is_share, mode_of
from dlcore.tracking.run_file import replace_file
from dlcore.translation import _

PREDICTIONS = "predictions.csv"


def overlap(study: Study) -> float:
    """Return the test samples by training samples of a study's folds; 0 without folds. See `verdict.interval`."""
    return 1 / (study.folds - 1) if study.folds else 0.0


def fold_lines(results: Results) -> list[str]:
    """Return the interval of each variant's test metric, and those of the differences from the best, in words."""
    study, metric = results.study, f"test/{results.score}"
    values = {
        variant.name: np.array([value for _, value in _by_number(results, variant.name, metric)])
        for variant in study.variants
    }
    values = {name: numbers for name, numbers in values.items() if len(numbers) > 1}
    if not study.folds or not values:
        return []
    shown: Callable[[float], str] = "{:.1%}".format if is_share(metric) else "{:.4g}".format
    lines = []
    for name, numbers in values.items():
        low, high, _margin = interval(numbers, overlap(study))
        if is_share(metric):
            low = max(low, 0.0)
        if is_share(metric) or results.score == "r2":
            high = min(high, 1.0)
        said = _("{variant}: {metric} {mean}, 95% interval {low} to {high} over {n} folds")
        mean = shown(float(numbers.mean()))
        lines.append(
            said.format(variant=name, metric=metric, mean=mean, low=shown(low), high=shown(high), n=len(numbers))
        )
    best = max(values, key=lambda name: values[name].mean() * (1 if mode_of(metric) == "max" else -1))
    for name in values:
        if name == best:
            continue
        pairs = [dict(_by_number(results, each, metric)) for each in (best, name)]
        numbers = np.array([pairs[0][place] - pairs[1][place] for place in pairs[0] if place in pairs[1]])
        if len(numbers) > 1:
            low, high, _margin = interval(numbers, overlap(study))
            said = _("{best} − {variant}: {mean}, 95% interval {low} to {high}")
            mean = shown(float(numbers.mean()))
            lines.append(said.format(best=best, variant=name, mean=mean, low=shown(low), high=shown(high)))
    lines.append(
        _(
            "The intervals are those of the corrected resampled t (Nadeau and Bengio 2003): training samples of folds "
            "overlap, so that the plain t would be too narrow."
        )
    )
    return lines


def _by_number(results: Results, variant: str, metric: str) -> list[tuple[int, float]]:
    runs = results.of(variant)
    return [(run.record.seed, run.record.test[metric]) for run in runs if metric in run.record.test]


def write_out_of_fold(results: Results, folder: Path) -> list[Path]:
    """Write the predictions of each sample by the run that has not seen it: ``out_of_fold_VARIANT.csv``, by index.

    Returns:
        The files; none without folds.
    """
    written = []
    for variant in results.study.variants if results.study.folds else ():
        rows: list[list[str]] = []
        heads: list[str] = []
        for run in results.of(variant.name):
            heads, own = _predictions(run, results.study.folds)
            rows += own
        if rows:
            file = io.StringIO()
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([*heads, "seed", "fold"])
            rows.sort(key=lambda row: (int(row[-2]), int(row[0])))
            writer.writerows(rows)
            written.append(folder / f"out_of_fold_{folder_name(variant.name)}.csv")
            replace_file(written[-1], file.getvalue().encode())
    return written


def _predictions(run: RunResult, folds: int) -> tuple[list[str], list[list[str]]]:
    try:
        with (run.folder / PREDICTIONS).open(newline="", encoding="utf-8") as file:
            heads, *rows = list(csv.reader(file))
    except (OSError, ValueError) as error:  # never made, or taken away since: the other folds stand
        warnings.warn(f"{run.folder}: its predictions are not out of fold: {run.record.note or error}", stacklevel=2)
        return [], []
    seed, fold = divmod(run.record.seed, folds)
    return heads, [[*row, str(seed), str(fold)] for row in rows]
