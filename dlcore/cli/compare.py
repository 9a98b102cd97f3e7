"""``compare``: compare runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from dlcore.cli.show.subject import Option, Subject, read_words
from dlcore.cli.terminal import HEADING, NAME, QUIET, new_table, open_console, print_columns, print_heading
from dlcore.errors import ArgumentError, ConfigError
from dlcore.translation import _

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.console import Console

    from dlcore.insight.run_comparison import Parting, RunComparison

SUBJECT = Subject(
    "compare",
    "Compare runs: which settings and metrics differ, and from which step on.",
    "RUN RUN ... [--out FILE.png]",
    "A run is its folder (lightning_logs/RECIPE/version_N, or what follows lightning_logs/). All are compared with the "
    "first. Runs of other tools are compared too, as far as metrics.csv or TensorBoard's events tell.",
    (
        Option("x", "epoch", "The horizontal axis of the curves: epoch or step."),
        Option("out", "FILE.png", "File of the picture; left out: show/compare_RUN_RUN.png."),
    ),
    ("compare mlp_textbook/version_0 mlp_textbook/version_1", "compare lightning_logs/study_scaling/*/seed_0 --x step"),
)


def run(argv: list[str]) -> int:
    """Compare runs."""
    words = read_words(SUBJECT, argv)
    if words.recipe:
        raise ConfigError(f"compare: expected runs and --x, --out, got {words.recipe[0]!r}.")
    if len(words.names) < 2:
        received = words.names[0] if words.names else None
        raise ArgumentError("compare", "two runs or more", received, f"For example: {SUBJECT.examples[0]}")
    x = words.choice("x", ("epoch", "step"))
    from dlcore.cli.show.picture import picture_path, save_picture
    from dlcore.insight.run_comparison import compare_runs, find_run

    comparison = compare_runs([find_run(name) for name in words.names])
    path = picture_path(words.given.get("out"), f"compare_{'_'.join(comparison.names)}")
    console = open_console()
    _print_settings(console, comparison)
    _print_metrics(console, comparison)
    _print_partings(console, comparison)
    figure = _figure(comparison, x)
    if figure is not None:
        console.print()
        save_picture(figure, path)
    return 0


def _print_settings(console: Console, comparison: RunComparison) -> None:
    console.print(Text(_("Settings that differ"), style=HEADING))
    for place in comparison.no_config:
        console.print(Text("  " + _("{run}: has no config.yaml").format(run=comparison.names[place]), style=QUIET))
    if not comparison.settings:
        console.print(Text("  " + _("none"), style=QUIET))
        return
    rows = [[name, *values] for name, values in comparison.settings]
    console.print(_table([_("setting"), *comparison.names], rows))


def _print_metrics(console: Console, comparison: RunComparison) -> None:
    print_heading(console, _("Metrics"))
    rows = [
        [_(kind) + f" {name}", *("–" if value is None else f"{value:.4g}" for value in values)]
        for name, kind, values in comparison.metrics
    ]
    console.print(_table([_("metric"), *comparison.names], rows))


def _print_partings(console: Console, comparison: RunComparison) -> None:
    print_heading(console, _("Where the curves differ from {run}").format(run=comparison.names[0]))
    by_run: dict[int, list[Parting]] = {}
    for parting in comparison.partings:
        by_run.setdefault(parting.run, []).append(parting)
    rows = [(Text(comparison.names[place]), _first_parting(found)) for place, found in by_run.items()]
    column = 4 + max((name.cell_len for name, text in rows), default=0)
    print_columns(console, rows, column=min(column, 44))


def _first_parting(partings: list[Parting]) -> str:
    apart = [parting for parting in partings if parting.step is not None]
    if not any(parting.common for parting in partings):
        return _("no step is common to both: other batch sizes or intervals")
    if not apart:
        return _("nowhere: equal at all {n:,} common steps").format(n=max(parting.common for parting in partings))
    first = min(apart, key=lambda parting: parting.step or 0)
    left, right = first.values
    said = _("step {step:,}: {metric} {left:.6g} there, {right:.6g} here")
    return said.format(step=first.step, metric=first.metric, left=left, right=right)


def _figure(comparison: RunComparison, x: str) -> Figure | None:
    import numpy as np

    from dlcore.tracking.figures.overlaid_curves import Family, overlaid_curves
    from dlcore.tracking.metric_names import main_metric

    families = []
    by_epoch = x == "epoch" and not any(
        np.isnan(curve.epochs).all() for curves in comparison.curves for curve in curves.values()
    )
    for name, curves in zip(comparison.names, comparison.curves, strict=True):
        points = {
            metric: [(curve.epochs if by_epoch else curve.steps, curve.values)]
            for metric, curve in curves.items()
            if metric.partition("/")[0] in ("train", "val")
        }
        families.append(Family(name, points))
    logged = {metric.partition("/")[2] for family in families for metric in family.curves}
    quantities = [name for name in dict.fromkeys(("loss", main_metric(logged))) if name in logged]
    if not quantities:
        return None
    return overlaid_curves(families, quantities, "epoch" if by_epoch else "step", "Runs compared")


def _table(heads: list[str], rows: list[list[str]]) -> Table:
    table = new_table(heads[0], *(f">{head}" for head in heads[1:]), lined=False)
    for column in table.columns:
        column.no_wrap = False  # the value of a setting may be long
    for row in rows:
        table.add_row(*(Text(cell, style=NAME if not place else "") for place, cell in enumerate(row)))
    return table
