"""The table of a study, for terminal, report and files."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dlcore.plain_text import csv_cell
from dlcore.studies.claim import QUANTITIES, SHARES
from dlcore.studies.results import Results, Spread, number, spread
from dlcore.studies.study import Claim
from dlcore.studies.study_run_record import write_json
from dlcore.studies.verdict import CONTRADICTED, Verdict
from dlcore.tracking.metric_names import is_share
from dlcore.tracking.run_file import replace_file
from dlcore.tracking.run_page import duration
from dlcore.translation import N_, _

Verdicts = Sequence[tuple[Claim, Verdict]]
# The quantities of claims in words.
_QUANTITIES = (
    N_("accuracy"), N_("best accuracy"), N_("train accuracy"), N_("test accuracy"), N_("gap"), N_("loss"),
    N_("best loss"), N_("train loss"), N_("loss gap"), N_("accuracy after {at:g}"), N_("epochs to {at:g}"),
    N_("weight std"), N_("weight reach"), N_("lr cuts"), N_("parameters"), N_("seconds"),
)  # fmt: skip


def table(results: Results, brief: bool = False) -> tuple[list[str], list[list[str]]]:
    """Return heads and rows of the table: a row per variant, numbers as mean ± standard deviation over the runs.

    Args:
        results: The results.
        brief: Leave out columns for a narrow terminal.
    """
    score = results.score
    share = is_share(score)
    last_train, last_loss = _("last train {metric}").format(metric=score), _("last val {metric}").format(metric="loss")
    epochs, seeds = _("epochs"), _("folds") if results.study.folds else _("seeds")
    columns: list[tuple[str, Any]] = [
        (_("parameters"), lambda name: _shown(results.spread(name, "parameters"), "{:,.0f}".format)),
        (
            _("best val {metric}").format(metric=score),
            lambda name: _number(results.spread(name, f"val/{score}", "best"), share),
        ),
        (
            _("last val {metric}").format(metric=score),
            lambda name: _number(results.spread(name, f"val/{score}"), share),
        ),
        (last_train, lambda name: _number(results.spread(name, f"train/{score}"), share)),
        (_("gap"), lambda name: _number(results.spread(name, f"gap/{score}"), share)),
    ]
    if score != "loss":
        columns.append((last_loss, lambda name: _number(results.spread(name, "val/loss"), False)))
    if results.study.test:
        head = _("test {metric}").format(metric=score)
        columns.append((head, lambda name: _number(results.spread(name, f"test/{score}"), share)))
    if any(each.name.startswith("weight_") for claim in results.study.claims for each in claim.holds.quantities()):
        head = _("95% of weights within ±")
        columns.append((head, lambda name: _number(results.spread(name, "weight_reach"), False)))
    columns += [
        (epochs, lambda name: _epochs(results.spread(name, "epochs"))),
        (_("time"), lambda name: _shown(results.spread(name, "seconds"), duration)),
        (seeds, lambda name: str(len(results.of(name)))),
    ]
    if brief:
        columns = [pair for pair in columns if pair[0] not in (last_train, last_loss, epochs, seeds)]
    heads = [_("variant"), *(head for head, _ in columns)]
    rows = [[variant.name, *(cell(variant.name) for _, cell in columns)] for variant in results.study.variants]
    return heads, rows


def claim_rows(verdicts: Verdicts) -> Iterable[tuple[str, str, str, str, str]]:
    """Yield verdict, claim, measurement, the textbook's number, and the reason if contradicted, of each claim."""
    for claim, verdict in verdicts:
        yield verdict.name, _(claim.says), _("; ").join(measured(verdict)), _(claim.textbook), why_not(claim, verdict)


def why_not(claim: Claim, verdict: Verdict) -> str:
    """Return the study's explanation of a contradicted claim; empty otherwise."""
    return _(claim.why_not) if verdict.name == CONTRADICTED else ""


def measured(verdict: Verdict) -> list[str]:
    """Return each comparison of a claim with its two sides, in words."""
    lines = [_("not judged: {why}").format(why=verdict.why)] if verdict.why else []
    for each in verdict.checked:
        said = each.text
        if each.left is not None and each.right is not None:
            said += _(" [{left:.4g} against {right:.4g}]").format(left=each.left, right=each.right)
        if each.margin is not None:
            said += _(", ± {margin:.2g} over {n} seeds").format(margin=each.margin, n=each.seeds)
        holds = {True: _("holds"), False: _("does not hold"), None: _("cannot be told: {why}").format(why=each.why)}
        lines.append(_(": ").join([said, holds[each.outcome]]))
    if verdict.one_seed:
        lines.append(_("one seed: chance is not measured"))
    return lines


def claim_values(results: Results, claim: Claim) -> str:
    """Return a claim's measurements in one cell: each of its quantities as a mean over the seeds."""
    quantities = list({str(each): each for each in claim.holds.quantities()}.values())
    kinds = {(each.name, each.metric, each.at) for each in quantities}
    variants = {each.variant for each in quantities}
    cells = []
    for each in quantities:
        at = " {at:g}" if QUANTITIES.get(each.name, (0,))[0] else ""
        kind = each.metric or _(each.name.replace("_", " ") + at).format(at=each.at)
        words = _(", ").join([each.variant] * (len(variants) > 1) + [kind] * (len(kinds) > 1))
        share = is_share(each.metric) if each.metric else each.name in SHARES
        value = _number(spread(list(results.measure(each).values())), share)
        cells.append(_(": ").join([words, value] if words else [value]))
    return _("; ").join(cells)


def write_csv(results: Results, path: Path) -> None:
    """Write a CSV file with a row per run."""
    score = results.score
    kinds = [("val", "best"), ("val", "last"), ("train", "last")]
    names = [f"{kind} {part}/{metric}" for metric in dict.fromkeys((score, "loss")) for part, kind in kinds]
    tests = sorted({name for run in results.runs for name in run.record.test})
    heads = ("seed", *(["folds"] * bool(results.study.folds)), "parameters", "epochs", "steps", "seconds")
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["variant", *heads, *names, *tests, "folder"])
    for run in results.runs:
        record = run.record
        numbers = [number(run, metric, kind) for kind, _, metric in (name.partition(" ") for name in names)]
        numbers += [record.test.get(name) for name in tests]
        cells = ("" if value is None else f"{value:.6g}" for value in numbers)
        plain = (getattr(record, head) for head in heads)
        writer.writerow([csv_cell(record.variant), *plain, *cells, _place(run.folder, path)])
    replace_file(path, file.getvalue().encode())


def _place(folder: Path, file: Path) -> str:
    """Return a run's folder relative to a file: both may be moved together."""
    return Path(os.path.relpath(folder, file.parent)).as_posix()


def write_json_results(results: Results, verdicts: Verdicts, path: Path) -> None:
    """Write all results as JSON."""
    study, score = results.study, results.score
    variants = [
        {
            "name": variant.name,
            "recipe": variant.recipe,
            "settings": dict(variant.settings),
            **{
                f"{kind} {name}": found and asdict(found)
                for name, kind in (
                    (f"val/{score}", "best"), (f"val/{score}", "last"), (f"train/{score}", "last"),
                    (f"gap/{score}", "last"), ("val/loss", "last"), (f"test/{score}", "last"), ("seconds", "last"),
                    ("parameters", "last"),
                )
                for found in [results.spread(variant.name, name, kind)]
            },
        }
        for variant in study.variants
    ]  # fmt: skip
    runs = [
        {
            "variant": run.record.variant,
            "seed": run.record.seed,
            "folder": _place(run.folder, path),
            "epochs": run.record.epochs,
            "seconds": run.record.seconds,
            "test": run.record.test,
            "curves": {
                name: {"epoch": curve.epochs.tolist(), "value": curve.values.tolist()}
                for name, curve in run.curves.items()
                if not name.endswith("_step")
            },
        }
        for run in results.runs
    ]
    claims = [
        {
            "says": claim.says,
            "holds": claim.holds.text,
            "textbook": claim.textbook,
            "verdict": verdict.name,
            "why": verdict.why or why_not(claim, verdict),
            "checked": [asdict(each) for each in verdict.checked],
        }
        for claim, verdict in verdicts
    ]
    failures = [{"variant": name, "seed": seed, "error": error} for name, seed, error in results.failures]
    write_json(
        path,
        {
            "study": study.name, "title": study.title, "quick": study.quick, "seeds": list(study.seeds),
            "claims": claims,
            "variants": variants, "runs": runs, "failures": failures,
        },
    )  # fmt: skip


def _number(spread: Spread | None, share: bool) -> str:
    if spread is None:
        return "–"
    if not math.isfinite(spread.mean):
        return _("not finite")
    if share:
        return f"{spread.mean:.1%}" + ("" if spread.deviation is None else f" ± {spread.deviation:.1%}")
    if spread.mean.is_integer() and not spread.deviation:  # a count: of parameters, of cuts
        return f"{spread.mean:,.0f}"
    return f"{spread.mean:.4g}" + ("" if spread.deviation is None else f" ± {spread.deviation:.2g}")


def _epochs(spread: Spread | None) -> str:
    return _shown(spread, f"{{:{'g' if spread and not spread.deviation else '.1f'}}}".format)


def _shown(spread: Spread | None, written: Callable[[float], str]) -> str:
    return "–" if spread is None else written(spread.mean)
