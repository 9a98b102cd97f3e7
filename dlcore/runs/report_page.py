"""The page of a test's report: its words, tables and pictures, as one HTML file."""

from __future__ import annotations

import base64
import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from dlcore.evaluation.bootstrap import Estimate
from dlcore.evaluation.curves import MOST_CLASSES
from dlcore.runs.decision import Decision
from dlcore.runs.evaluation_report import ClassReport, EvaluationReport, NumberReport
from dlcore.runs.table_baselines import Baselines
from dlcore.runs.text_report import TextReport
from dlcore.translation import N_, _, language

if TYPE_CHECKING:
    import jinja2

_LEAST_GAP = 0.02  # of mean probability and accuracy, to be spoken of
_CRITERIA = {"f1": N_("the best F1"), "balanced_accuracy": N_("the best balanced accuracy")}


@dataclass(frozen=True)
class Section:
    """A part of the page: a heading, then text, a picture and a table, if there are any."""

    heading: str
    text: str = ""
    picture: str = ""  # PNG, in base64
    small: bool = False
    heads: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()


@dataclass(frozen=True)
class Page:
    """The content of the page."""

    title: str
    subject: str
    words: list[str]
    metrics: list[list[str]]
    notes: list[str]
    lacks: list[str] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)
    fine_print: list[str] = field(default_factory=list)


def in_words(estimate: Estimate) -> str:
    """Return a metric with its interval: ``0.8410 (0.8341 to 0.8480)``."""
    value = f"{estimate.value:.4f}"
    return f"{value} ({interval(estimate)})" if estimate.has_interval else value


def interval(estimate: Estimate) -> str:
    """Return an interval in words; a dash if there is none."""
    if not estimate.has_interval:
        return "–"
    return _("{low:.4f} to {high:.4f}").format(low=estimate.low, high=estimate.high)


def html_page(
    report: EvaluationReport, title: str, subject: str, pictures: dict[str, bytes], fine_print: list[str]
) -> bytes:
    """Return the page.

    Args:
        report: The report.
        title: Title of the page.
        subject: The data and the checkpoint, a line.
        pictures: PNG files, by name: ``test`` and ``confusion_matrix``.
        fine_print: Lines at the end.
    """
    coded = {name: base64.b64encode(content).decode() for name, content in pictures.items()}
    page = Page(
        title,
        subject,
        plain_words(report),
        [[name, f"{each.value:.4f}", interval(each)] for name, each in report.metrics.items()],
        [report.method] if report.method else [],
        report.lacks,
        _sections(report, coded),
        fine_print,
    )
    html_lang = {"en": "en", "zh": "zh-CN"}[language()]
    return _template().render(page=page, html_lang=html_lang).strip().encode(errors="replace") + b"\n"


@functools.cache
def _template() -> jinja2.Template:
    import jinja2  # here: a fit does not need it

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("dlcore.runs"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals["_"] = _
    return environment.get_template("test_report.html.j2")


def plain_words(report: EvaluationReport) -> list[str]:
    """Return what the numbers mean, in sentences."""
    content = report.content
    if isinstance(content, ClassReport):
        return _words_of_classes(report, content)
    if isinstance(content, NumberReport):
        return _words_of_numbers(content)
    if isinstance(content, TextReport):
        said = _(
            "The model needs {bits:.2f} bits for each character of text that it has not seen: fewer is better, and 0 "
            "would be a text known by heart. A character costs as much as guessing among {n:.0f} equally likely ones."
        )
        return [said.format(bits=content.bits, n=2**content.bits)] if np.isfinite(content.bits) else []
    return []


def _words_of_classes(report: EvaluationReport, content: ClassReport) -> list[str]:
    targets, count = content.targets, len(content.targets)
    right = float((content.decision.classes(content.probabilities) == targets).mean())
    sizes = np.bincount(targets, minlength=len(content.names))
    words = [
        _(
            "Of {n:,} test samples, the model classifies {share:.1%} rightly. Always answering "
            "“{name}”, the most frequent class, would be right for {guess:.1%}."
        ).format(n=count, share=right, name=content.names[int(sizes.argmax())], guess=sizes.max() / count)
    ]
    if any(each.has_interval for each in report.metrics.values()):
        words.append(
            _(
                "Other test samples of the same kind would give other numbers: the interval beside a metric shows how "
                "far chance alone may move it. Two models whose intervals overlap widely may be equally good."
            )
        )
    there = [(each.f1, name) for each, name in zip(content.scores, content.names, strict=True) if each.support]
    (least, hardest), (most, easiest) = min(there), max(there)  # of one class at least: there are test samples
    if len(there) > 2 and f"{least:.2f}" != f"{most:.2f}":
        said = _("Easiest is “{easiest}” (F1 {most:.2f}), hardest “{hardest}” (F1 {least:.2f}).")
        words.append(said.format(easiest=easiest, most=most, hardest=hardest, least=least))
    if missing := [name for each, name in zip(content.scores, content.names, strict=True) if not each.support]:
        said = _("Without a test sample, so that nothing can be said of them: {names}.")
        words.append(said.format(names=_(", ").join(missing[:10]) + ("…" if len(missing) > 10 else "")))
    said = _(
        "Its probabilities are off by {error:.1%} on average: of 100 answers given with 90%, about 90 should be right."
    )
    words.append(said.format(error=content.calibration.error))
    given = content.probabilities.max(axis=1)
    sure, usual = given.mean(), (content.probabilities.argmax(axis=1) == targets).mean()
    chance = 2 * np.sqrt((given * (1 - given)).sum()) / count  # two standard errors, if they are what they say
    if abs(sure - usual) > max(_LEAST_GAP, chance) and content.decision.temperature == 1:
        too_sure = _("It is too sure: on average it gives its answer {sure:.1%}. test --calibrate corrects that.")
        too_careful = _("It is too careful: on average it gives its answer {sure:.1%}. test --calibrate corrects that.")
        words.append((too_sure if sure > usual else too_careful).format(sure=sure))
    return words


def _words_of_numbers(content: NumberReport) -> list[str]:
    errors = content.predicted - content.targets
    off, guess = np.abs(errors).mean(), np.abs(content.targets - np.median(content.targets, axis=0)).mean()
    return [
        _(
            "Over {n:,} test samples, a prediction is off by {off:.4g} on average (MAE). Always answering the median "
            "of the targets would be off by {guess:.4g}."
        ).format(n=len(errors), off=off, guess=guess),
        _(
            "RMSE weighs large errors more. R² is the share of the targets' variance that the predictions explain: 1 "
            "is perfect, 0 no better than their mean, below 0 worse."
        ),
    ]


def _sections(report: EvaluationReport, pictures: dict[str, str]) -> list[Section]:
    content, figure = report.content, pictures.get("test", "")
    if isinstance(content, ClassReport):
        parts = _sections_of_classes(content, figure)
    elif isinstance(content, NumberReport):
        parts = [Section(_("Predictions and residuals"), picture=figure)]
    elif isinstance(content, TextReport):
        parts = _sections_of_text(content, figure)
    else:
        parts = []
    if report.baselines is not None:
        parts.append(_section_of_baselines(report, report.baselines))
    if "confusion_matrix" in pictures:
        parts.append(Section(_("Confusion matrix"), picture=pictures["confusion_matrix"], small=True))
    return parts


def _section_of_baselines(report: EvaluationReport, baselines: Baselines) -> Section:
    own = {name.partition("/")[2]: each for name, each in report.metrics.items()}
    names = [name for name in next(iter(baselines.models.values())) if name in own]
    rows = {_("this network"): own, **{_(name): metrics for name, metrics in baselines.models.items()}}
    said = _(
        "scikit-learn's models with default settings, trained on {rows:,} of the {all:,} training rows, encoded as for "
        "the network, and tested on the same rows. In brackets: 95% intervals, from the same draws."
    ).format(rows=baselines.rows, all=baselines.of_rows)
    table = [[model, *(in_words(metrics[name]) for name in names)] for model, metrics in rows.items()]
    return Section(_("Other models on the same rows"), said, heads=[_("model"), *names], rows=table)


def _sections_of_classes(content: ClassReport, figure: str) -> list[Section]:
    said = _(
        "ROC: how many of a class are found, for how many others are taken for it; its area is the chance that a "
        "sample of the class scores above another. Precision: how many of the found are right; recall: how many of the "
        "class are found. Calibration: on the diagonal, probabilities are what they say."
    )
    sections = [Section(_("Curves"), said, figure)]
    if content.thresholds:
        sections.append(
            Section(_("Threshold"), threshold_words(content.decision), "", False, *threshold_table(content))
        )
    note = ""
    if content.decision.threshold is not None:
        note = _("At the threshold {threshold:.4g}.").format(threshold=content.decision.threshold)
    if len(content.names) > MOST_CLASSES:
        note = _("With more than {n} classes, no curves are computed.").format(n=MOST_CLASSES)
    sections.append(Section(_("Classes"), note, "", False, *class_table(content)))
    if content.decision.temperature != 1:
        sections.append(Section(_("Temperature"), temperature_words(content)))
    return sections


def class_table(content: ClassReport) -> tuple[list[str], list[list[str]]]:
    """Return precision, recall, F1, support and areas of each class, as heads and rows; a dash is what is unknown."""
    heads = [_("class"), _("precision"), _("recall"), "F1", _("samples"), "AUROC", _("average precision")]
    curves = content.curves or [None] * len(content.names)
    rows = []
    for name, each, curve in zip(content.names, content.scores, curves, strict=True):
        areas = ["–", "–"] if curve is None else [f"{curve.area:.3f}", f"{curve.average_precision:.3f}"]
        rows.append([name, *map(_number, (each.precision, each.recall, each.f1)), f"{each.support:,}", *areas])
    return heads, rows


def threshold_table(content: ClassReport) -> tuple[list[str], list[list[str]]]:
    """Return the scores at 0.5 and at the checkpoint's threshold, as heads and rows."""
    heads = [_("threshold"), _("accuracy"), _("balanced accuracy"), _("precision"), _("recall"), "F1"]
    return heads, [
        [f"{at.threshold:.4g}", *map(_number, (at.accuracy, at.balanced_accuracy, *_three(at.scores)))]
        for at in content.thresholds
    ]


def _three(scores: Any) -> tuple[float, float, float]:
    return scores.precision, scores.recall, scores.f1


def _number(value: float) -> str:
    return f"{value:.3f}" if np.isfinite(value) else "–"


def threshold_words(decision: Decision) -> str:
    """Return where the threshold is from."""
    if decision.threshold is None:
        return _(
            "Above a probability of 0.5 of the second class, it is the answer. Another threshold, chosen on the "
            "validation samples: test --threshold."
        )
    if not decision.chosen_by:
        return _("{threshold:.4g}, as given by --threshold; kept in the checkpoint.").format(
            threshold=decision.threshold
        )
    return _("{threshold:.4g} has {best} on {n:,} validation samples; kept in the checkpoint.").format(
        threshold=decision.threshold, best=_(_CRITERIA[decision.chosen_by]), n=decision.samples
    )


def temperature_words(content: ClassReport) -> str:
    """Return the temperature, and the calibration errors before and after it."""
    before = content.uncalibrated.error if content.uncalibrated else content.calibration.error
    return _(
        "{temperature:.3g}, fitted on the validation samples, kept in the checkpoint: raw scores are divided by it. It "
        "changes the test's calibration error from {before:.4f} to {after:.4f}, and no answer."
    ).format(temperature=content.decision.temperature, before=before, after=content.calibration.error)


def _sections_of_text(content: TextReport, figure: str) -> list[Section]:
    said = _(
        "{n:,} documents, {tokens:,} tokens, each document read from its beginning: {bits:.3f} bits per character. At "
        "the beginning little is known of a document; rare words are hard to guess."
    ).format(n=content.documents, tokens=content.tokens, bits=content.bits)
    heads = [_("tokens"), _("bits per character")]
    sections = [Section(_("Bits per character"), said, figure)]
    for heading, bins in (
        (_("By position in the document"), content.by_position),
        (_("By frequency in the training text"), content.by_frequency),
    ):
        rows = [[each.label, f"{each.tokens:,}", _number(each.bits)] for each in bins]
        sections += [Section(heading, heads=[_("range"), *heads], rows=rows)] if rows else []
    return sections
