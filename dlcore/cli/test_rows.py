"""What the panel of a test shows of its report: intervals, calibration, threshold, and a table of the classes."""

from __future__ import annotations

from rich.console import Console

from dlcore.cli.terminal import new_table
from dlcore.runs.evaluation_report import ClassReport, EvaluationReport
from dlcore.runs.report_page import class_table, in_words, temperature_words, threshold_table, threshold_words
from dlcore.runs.table_baselines import BOOSTING
from dlcore.runs.text_report import TextReport
from dlcore.translation import _

_MOST_CLASSES = 20


def report_rows(report: EvaluationReport) -> dict[str, str]:
    """Return the rows of a report below the metrics."""
    rows: dict[str, str] = {}
    if lines := _baseline_lines(report):
        rows[_("beside it")] = "\n".join(lines)
    content = report.content
    if isinstance(content, ClassReport):
        said = _("expected calibration error {error:.4f}").format(error=content.calibration.error)
        rows[_("calibration")] = said
        if content.decision.temperature != 1:
            rows[_("temperature")] = temperature_words(content)
        if content.thresholds and content.decision.threshold is not None:
            rows[_("threshold")] = threshold_words(content.decision)
    if isinstance(content, TextReport):
        said = _("{bits:.3f} bits per character, each of {n:,} documents read from its beginning")
        rows[_("documents")] = said.format(bits=content.bits, n=content.documents)
    if report.method:
        rows[_("in brackets")] = report.method
    if report.lacks:
        rows[_("note")] = "\n".join(report.lacks)
    return rows


def _baseline_lines(report: EvaluationReport) -> list[str]:
    """Return a line for each other model: its accuracy, or R² and RMSE; and of how many training rows it knows."""
    if report.baselines is None:
        return []
    lines = []
    for model, metrics in report.baselines.models.items():
        shown = [f"{name} {in_words(metrics[name])}" for name in ("accuracy", "r2", "rmse") if name in metrics]
        lines.append(_("{title}: {text}").format(title=_(model), text=_(", ").join(shown)))
    if BOOSTING not in report.baselines.models:
        lines.append(_("{title}: {text}").format(title=_(BOOSTING), text=_("left out: too many columns or classes")))
    if report.baselines.rows < report.baselines.of_rows:
        said = _("trained on {rows:,} of the {all:,} training rows")
        lines.append(said.format(rows=report.baselines.rows, all=report.baselines.of_rows))
    return lines


def print_class_scores(console: Console, report: EvaluationReport) -> None:
    """Print precision, recall and F1 of at most 20 classes, and of two classes at each threshold."""
    content = report.content
    if not isinstance(content, ClassReport) or len(content.names) > _MOST_CLASSES:
        return
    if content.decision.threshold is not None:
        console.print()
        console.print(_("At the threshold {threshold:.4g}.").format(threshold=content.decision.threshold))
    tables = [class_table(content)]
    if len(content.thresholds) > 1:
        tables.append(threshold_table(content))
    for heads, rows in tables:
        table = new_table(heads[0], *(f">{head}" for head in heads[1:]))
        for row in rows:
            table.add_row(*row)
        console.print()
        console.print(table)
