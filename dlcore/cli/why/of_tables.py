"""``why`` of tables: all columns over the test split, the columns of one row, or those of the worst answers."""

from __future__ import annotations

import torch

from dlcore.cli.why.report import (
    LISTED_MISTAKES,
    MOST_MISTAKES,
    Report,
    check_note,
    for_and_against,
    no_mistakes,
    percent,
    why_again,
)
from dlcore.insight.attribution.tables import REPEATS, explain_rows, explain_table
from dlcore.insight.attribution.trained import Sample, Trained
from dlcore.runs.evaluation_files import name_of_data
from dlcore.tracking.figures import Bars, attribution_bars
from dlcore.translation import _

_STRONGEST = 3  # columns that are named beside a mistake


def report_of_table(trained: Trained) -> Report:
    """Return the report of all columns."""
    reason = explain_table(trained)
    permutation, gradients = reason.permutation, reason.gradients
    name = trained.command.settings.name
    title = _("What decides the answers of {name}?").format(name=name)
    falls = _("R² falls by") if reason.score == "R²" else _("cross-entropy rises by (nats)")
    size = _("mean size, in the target's unit") if reason.score == "R²" else _("mean size, in log odds")
    charts = [
        Bars(_("Permutation importance"), falls, permutation.mean.tolist(), permutation.std.tolist(), signed=False),
        Bars(_("Integrated gradients"), size, gradients.mean.tolist(), gradients.std.tolist(), signed=False),
    ]
    note = _("Lines: standard deviation over {n} shuffles; over {rows:,} rows.").format(n=REPEATS, rows=reason.rows)
    order = permutation.mean.argsort(descending=True, stable=True).tolist()
    table = [
        [
            reason.columns[place],
            *(f"{float(each[place]):.4f}" for each in (permutation.mean, permutation.std)),
            *(f"{float(each[place]):.3g}" for each in (gradients.mean, gradients.std)),
        ]
        for place in order
    ]
    heads = [_("column"), ">" + _("permutation"), ">±", ">" + _("gradients"), ">±"]
    part = _("{n:,} of {total:,} rows of the test split").format(n=reason.rows, total=reason.of_rows)
    return Report(
        trained.command.settings.checkpoint_path,
        "_".join(filter(None, ("columns", name_of_data(trained.command.request)))),
        title,
        attribution_bars(reason.columns, charts, title, note),
        [(_("rows"), part), (_("permutation"), falls), (_("gradients"), size)],
        heads,
        table,
        {_("permutation"): permutation.check, _("gradients, row by row"): gradients.check},
        notes=[_permutation_note(), _gradients_note(), check_note()],
        hints=[_("One row: {command}").format(command=why_again(trained, "--index 3"))],
    )


def report_of_row(trained: Trained, sample: Sample) -> Report:
    """Return the report of one row."""
    reason = explain_rows(trained, [sample])
    shares, values = reason.contributions[0], reason.values[0]
    answer = trained.named(reason.answers[0])
    name = sample.name or _("sample {index:,} of the test split").format(index=sample.index)
    title = _("Why “{answer}”? {name}").format(answer=answer, name=name)
    is_number = trained.reading.task == "regression"
    said = answer if is_number else f"{answer} {percent(reason.strengths[0])}"
    label = _("share of the prediction") if is_number else _("share of the log odds")
    names = [f"{column} = {value}" for column, value in zip(reason.columns, values, strict=True)]
    chart = Bars(_("Integrated gradients"), label, shares.tolist())
    order = shares.abs().argsort(descending=True, stable=True).tolist()
    table = [[reason.columns[place], values[place], f"{float(shares[place]):+.3g}"] for place in order]
    target = [] if sample.target is None else [(_("target"), trained.named(sample.target))]
    legend = _("Orange raises the number, blue lowers it.") if is_number else for_and_against()
    return Report(
        trained.command.settings.checkpoint_path,
        "_".join(filter(None, (f"index_{sample.index}", name_of_data(trained.command.request)))),
        title,
        attribution_bars(names, [chart], title, f"{_('answer')}: {said}. {legend}"),
        [*target, (_("answer"), said)],
        [_("column"), ">" + _("value"), ">" + label],
        table,
        {_("integrated gradients"): reason.check},
        notes=[_gradients_note(), check_note()],
        hints=[_("All columns: {command}").format(command=why_again(trained))],
    )


def report_of_mistakes(trained: Trained) -> Report:
    """Return the report of the wrong answers of which the model is surest; of a regression of the largest errors.

    Raises:
        DataError: There is none.
    """
    samples, sizes, wrong, total = trained.mistakes(MOST_MISTAKES)
    if not samples:
        raise no_mistakes(total)
    reason, name = explain_rows(trained, samples), trained.command.settings.name
    is_number = trained.reading.task == "regression"
    # Of a number that is too low, what lowers it leads to the error.
    sign = torch.tensor(sizes).sign()[:, None] if is_number else 1
    towards = reason.contributions * sign
    if is_number:
        title = _("What leads to the largest errors of {name}?").format(name=name)
        label, head = _("share of the prediction, towards the error"), _("error")
    else:
        title = _("What misleads {name}?").format(name=name)
        label, head = _("share of the log odds of the wrong answer"), _("probability")
    std = towards.std(0, correction=0)
    chart = Bars(_("Integrated gradients"), label, towards.mean(0).tolist(), std.tolist())
    note = _("Mean and standard deviation over {n:,} rows. Orange leads to the error, blue away from it.")
    table = []
    for place, (sample, size) in enumerate(zip(samples[:LISTED_MISTAKES], sizes, strict=False)):
        strongest = towards[place].argsort(descending=True, stable=True)[:_STRONGEST].tolist()
        said = [
            f"{reason.columns[each]} = {reason.values[place][each]}" for each in strongest if towards[place, each] > 0
        ]
        answer = trained.named(reason.answers[place])
        shown = f"{size:+.4g}" if is_number else percent(size)
        table.append([str(sample.index), trained.named(sample.target or 0), answer, shown, _(", ").join(said)])
    count = _("{n:,} of {total:,} ({share:.1%})").format(n=wrong, total=total, share=wrong / total)
    part = _("{n:,} of {total:,} rows of the test split").format(n=len(samples), total=total)
    return Report(
        trained.command.settings.checkpoint_path,
        "_".join(filter(None, ("mistakes", name_of_data(trained.command.request)))),
        title,
        attribution_bars(reason.columns, [chart], title, note.format(n=len(samples))),
        [(_("rows"), part) if is_number else (_("mistakes"), count)],
        [">" + _("index"), ">" + _("target"), ">" + _("answer"), ">" + head, _("led to it most")],
        table,
        {_("integrated gradients"): reason.check},
        notes=[_gradients_note(), check_note()],
        hints=[_("One of them: {command}").format(command=why_again(trained, f"--index {samples[0].index}"))],
    )


def _permutation_note() -> str:
    return _(
        "Permutation importance: by how much the held-out loss rises (of a regression: R² falls) when the values of a "
        "column are shuffled among the rows (Breiman 2001; scikit-learn's). Columns that say the same share their "
        "importance: one of them alone may seem to be of no use."
    )


def _gradients_note() -> str:
    return _(
        "Integrated gradients: the gradient along the straight path from the baseline to the row, times their "
        "difference; the inputs of one category are summed (Sundararajan et al. 2017, arXiv:1703.01365). Baseline: the "
        "mean of the training rows, so that what is usual explains nothing."
    )
