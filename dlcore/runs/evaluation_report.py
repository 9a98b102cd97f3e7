"""The report of a test: what its outputs say, for classes, numbers and text.

Shapes: N samples, K classes, O outputs of a regression.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from dlcore.callbacks.data_facts import data_facts
from dlcore.evaluation import bootstrap as intervals
from dlcore.evaluation.bootstrap import Estimate, bootstrap, resamples_of
from dlcore.evaluation.curves import (
    MOST_CLASSES,
    Calibration,
    ClassCurves,
    ClassScores,
    calibration,
    class_curves,
    class_scores,
)
from dlcore.evaluation.decision import probabilities_of
from dlcore.runs.decision import Decision
from dlcore.runs.output_reading import OutputReading, read_outputs
from dlcore.runs.table_baselines import Baselines
from dlcore.runs.text_report import TextReport, report_text
from dlcore.translation import _

if TYPE_CHECKING:
    from dlcore.runs.command import Command

SEED = 0
_ALSO_CALLED = {"acc": "accuracy", "bpc": "bits_per_character", "auc": "auroc", "ppl": "perplexity"}


@dataclass(frozen=True)
class ThresholdScores:
    """Answers of two classes at a threshold: accuracy, balanced accuracy, and the scores of class 1."""

    threshold: float
    accuracy: float
    balanced_accuracy: float
    scores: ClassScores


@dataclass(frozen=True)
class ClassReport:
    """The report of a classifier.

    Attributes:
        names: Names of the classes (K).
        targets: Classes of the samples (N,).
        probabilities: Their probabilities (N, K), with the temperature.
        scores: Precision, recall and F1 of each class (K), at the threshold of the checkpoint.
        curves: Curves of each class; None for a class without both kinds of samples, empty for more than 100 classes.
        calibration: Calibration of the probabilities.
        uncalibrated: The same without the temperature; None if it is 1.
        thresholds: Of two classes: 0.5, and the checkpoint's threshold if it has one.
        decision: Temperature and threshold.
    """

    names: list[str]
    targets: np.ndarray
    probabilities: np.ndarray
    scores: list[ClassScores]
    curves: list[ClassCurves | None]
    calibration: Calibration
    uncalibrated: Calibration | None
    thresholds: list[ThresholdScores]
    decision: Decision


@dataclass(frozen=True)
class NumberReport:
    """The report of a regression: predictions and targets (N, O), and the outputs' names (O)."""

    predicted: np.ndarray
    targets: np.ndarray
    names: list[str]


@dataclass(frozen=True)
class EvaluationReport:
    """What a test says beyond its metrics.

    Attributes:
        metrics: Each logged metric, by name, with its interval if there is one.
        content: The part for classes, numbers or text; None if the outputs are not known.
        samples: Samples that were judged; of text documents.
        method: How the intervals were made, a sentence; empty if there are none.
        lacks: What the report lacks, and why, a sentence each.
        baselines: What other models reach on the same rows of a table; None for other data.
    """

    metrics: dict[str, Estimate]
    content: ClassReport | NumberReport | TextReport | None = None
    samples: int = 0
    method: str = ""
    lacks: list[str] = field(default_factory=list)
    baselines: Baselines | None = None


def plain_report(command: Command) -> EvaluationReport:
    """Return a report with the logged metrics only."""
    return EvaluationReport({name: Estimate(float(value)) for name, value in command.output[0].items()})


def evaluation_report(command: Command) -> EvaluationReport:
    """Return the report of a test that has been run."""
    report = plain_report(command)
    if (text := report_text(command)) is not None:
        found, samples = text.estimates, text.documents
        how = _(
            "95% intervals: {documents:,} documents of the test text are drawn again, {draws:,} times (bootstrap); "
            "their spread is laid around the metric."
        ).format(documents=samples, draws=resamples_of(samples))
        return _with_intervals(report.metrics, found, text, samples, how, "")
    outputs, targets, why = command.kept_outputs.outputs, command.kept_outputs.targets, command.kept_outputs.why_none
    if outputs is None or targets is None:
        return _lacking(report, _(why) if why else _("no outputs were kept"))
    if bad := int((~outputs.isfinite()).reshape(len(outputs), -1).any(dim=1).sum()):
        return _lacking(report, _("{n:,} of {all:,} outputs are NaN or infinite").format(n=bad, all=len(outputs)))
    read = read_outputs(command.model, outputs, targets)
    if read is None:
        return _lacking(report, _("what the outputs mean is not known: they do not fit the targets"))
    content: ClassReport | NumberReport
    if read.are_classes:
        content, statistic = _of_classes(command, read)
    else:
        content, statistic = _of_numbers(command, read)
    statistic = intervals.together(statistic, intervals.mean_statistic("loss", read.losses, read.weights))
    count = len(outputs)
    how = _("95% intervals: the {n:,} test samples are drawn again, {draws:,} times (bootstrap, seed {seed}).").format(
        n=count, draws=resamples_of(count), seed=SEED
    )
    return _with_intervals(report.metrics, bootstrap(statistic, count, SEED), content, count, how, read.assumed)


def _lacking(report: EvaluationReport, why: str) -> EvaluationReport:
    said = _("No curves, no scores of each class and no intervals: {why}.").format(why=why)
    return EvaluationReport(report.metrics, lacks=[said])


def _with_intervals(
    logged: dict[str, Estimate],
    found: dict[str, Estimate],
    content: ClassReport | NumberReport | TextReport,
    samples: int,
    method: str,
    assumed: str,
) -> EvaluationReport:
    """Give each logged metric the interval of the metric of its name, if their values agree."""
    metrics = {}
    for name, plain in logged.items():
        last = name.replace("/", "_").rpartition("_")[2]
        short = name.partition("/")[2]
        key = short if short in found else _ALSO_CALLED.get(last, last)
        estimate = found.get(key, Estimate(math.nan))
        agrees = math.isclose(estimate.value, plain.value, rel_tol=1e-3, abs_tol=1e-4)
        metrics[name] = Estimate(plain.value, estimate.low, estimate.high) if agrees else plain
    without = [name for name, each in metrics.items() if not each.has_interval]
    lacks = [assumed] if assumed else []
    if samples < 2:
        lacks.append(_("No intervals: they need at least two samples."))
    elif without:
        lacks.append(_("No interval: {names}.").format(names=_(", ").join(without)))
    return EvaluationReport(metrics, content, samples, method if len(without) < len(metrics) else "", lacks)


def _of_classes(command: Command, read: OutputReading) -> tuple[ClassReport, intervals.Statistic]:
    logits, decision = read.outputs, command.decision
    targets, plain = read.targets.numpy(), probabilities_of(logits)
    probabilities = probabilities_of(logits, decision.temperature)
    count = probabilities.shape[1]
    given = [str(name) for name in data_facts(command.datamodule).get("class_names") or ()]
    names = given if len(given) == count else [str(number) for number in range(count)]
    answers = decision.classes(probabilities)
    usual = plain.argmax(axis=1)  # at 0.5: what the logged metrics count
    shown = range(count) if count > 2 else (1,)
    curves = [class_curves(targets == number, probabilities[:, number]) for number in shown if count <= MOST_CLASSES]
    cuts = [0.5, *([] if decision.threshold is None else [decision.threshold])] if count == 2 else []
    report = ClassReport(
        names,
        targets,
        probabilities,
        class_scores(targets, answers, count),
        curves if count != 2 else [None, *curves],
        calibration(probabilities, targets),
        calibration(plain, targets) if decision.temperature != 1 else None,
        [_at(cut, targets, probabilities[:, 1]) for cut in cuts],
        decision,
    )
    return report, intervals.class_statistic(targets, usual, count, _raw(logits) if count == 2 else None)


def _raw(logits: Tensor) -> np.ndarray:
    """Return scores of class 1 (N,) that do not saturate."""
    scores = logits[:, 0] if logits.shape[1] == 1 else logits[:, 1] - logits[:, 0]
    return scores.double().numpy()


def _at(cut: float, targets: np.ndarray, scores: np.ndarray) -> ThresholdScores:
    answers = (scores > cut).astype(np.int64)
    both = class_scores(targets, answers, 2)
    recalls = [each.recall for each in both if each.support]
    return ThresholdScores(cut, float((answers == targets).mean()), float(np.mean(recalls)), both[1])


def _of_numbers(command: Command, read: OutputReading) -> tuple[NumberReport, intervals.Statistic]:
    predicted, truth = read.outputs.double().numpy(), read.targets.double().numpy()
    name = data_facts(command.datamodule).get("target_name")
    names = [str(name)] if name and predicted.shape[1] == 1 else [str(n) for n in range(predicted.shape[1])]
    return NumberReport(predicted, truth, names), intervals.regression_statistic(predicted, truth)
