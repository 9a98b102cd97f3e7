"""A test's report as numbers for ``test.json``, and as a figure."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from dlcore.evaluation.curves import Calibration, ClassScores
from dlcore.runs.evaluation_report import SEED, ClassReport, EvaluationReport, NumberReport
from dlcore.runs.table_baselines import Baselines
from dlcore.runs.text_report import TextReport
from dlcore.tracking.figures import classifier_curves, regression_errors, text_bins

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plain_number(value: float) -> float | None:
    """Return a number with six digits, more precise than 10,000 samples are; JSON has no NaN: None."""
    return round(value, 6) if math.isfinite(value) else None


def report_numbers(report: EvaluationReport) -> dict[str, Any]:
    """Return the intervals of the metrics, and what belongs to classes or text, as plain values."""
    found: dict[str, Any] = {
        "intervals_95": {
            name: [plain_number(each.low), plain_number(each.high)]
            for name, each in report.metrics.items()
            if each.has_interval
        },
        "bootstrap_seed": SEED,
    }
    if report.baselines is not None:
        found["baselines"] = _of_baselines(report.baselines)
    content = report.content
    if isinstance(content, ClassReport):
        found |= _of_classes(content)
    elif isinstance(content, TextReport):
        found["bits_per_character"] = {
            name: {each.label: plain_number(each.bits) for each in bins}
            for name, bins in (("by_position", content.by_position), ("by_frequency", content.by_frequency))
        }
    return found


def _of_baselines(baselines: Baselines) -> dict[str, Any]:
    models = {
        model: {
            **{name: plain_number(each.value) for name, each in metrics.items()},
            "intervals_95": {
                name: [plain_number(each.low), plain_number(each.high)]
                for name, each in metrics.items()
                if each.has_interval
            },
        }
        for model, metrics in baselines.models.items()
    }
    return {"training_rows": baselines.rows, "of_training_rows": baselines.of_rows, **models}


def _of_classes(content: ClassReport) -> dict[str, Any]:
    curves = content.curves or [None] * len(content.names)
    classes = [
        {
            "class": name,
            **_scores(scores),
            "auroc": curve and plain_number(curve.area),
            "average_precision": curve and plain_number(curve.average_precision),
        }
        for name, scores, curve in zip(content.names, content.scores, curves, strict=True)
    ]
    found: dict[str, Any] = {"classes": classes, "calibration": _calibration(content.calibration)}
    if content.uncalibrated is not None:
        found["calibration_without_temperature"] = _calibration(content.uncalibrated)
    if content.thresholds:
        found["thresholds"] = [
            {
                "threshold": each.threshold,
                "accuracy": plain_number(each.accuracy),
                "balanced_accuracy": plain_number(each.balanced_accuracy),
                **_scores(each.scores),
            }
            for each in content.thresholds
        ]
    return {**found, "decision": asdict(content.decision)}


def _scores(scores: ClassScores) -> dict[str, Any]:
    return {name: plain_number(value) for name, value in asdict(scores).items()}


def _calibration(calibration: Calibration) -> dict[str, Any]:
    columns = {name: getattr(calibration, name).tolist() for name in ("predicted", "observed", "counts")}
    return {"expected_calibration_error": plain_number(calibration.error), **columns}


def report_figure(report: EvaluationReport, title: str) -> Figure | None:
    """Return the figure of a report; None for one without content."""
    content = report.content
    if isinstance(content, ClassReport):
        two = len(content.names) == 2
        return classifier_curves(
            content.names,
            content.curves,
            content.scores,
            content.calibration,
            content.uncalibrated,
            title,
            content.decision.threshold,
            (content.targets == 1, content.probabilities[:, 1]) if two else None,
        )
    if isinstance(content, NumberReport):
        return regression_errors(content.predicted, content.targets, content.names, title)
    if isinstance(content, TextReport):
        position, frequency = (
            [(each.label, each.bits, each.tokens) for each in bins]
            for bins in (content.by_position, content.by_frequency)
        )
        return text_bins(position, frequency, content.bits, title)
    return None
