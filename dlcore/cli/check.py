"""``check``: check a recipe before a long run. Exit code 1 if a check fails."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from rich.text import Text

from dlcore.cli.show.subject import Subject, read_words
from dlcore.cli.terminal import NAME, QUIET, open_console, print_columns, shell_word
from dlcore.translation import N_, _, ngettext

if TYPE_CHECKING:
    from rich.console import Console

    from dlcore.cli.show.subject import Words
    from dlcore.insight.preflight import CheckResult, PreflightReport

SUBJECT = Subject(
    "check",
    "Check a recipe before a long run: can it learn, and what will it cost?",
    "[-c RECIPE] [--flag VALUE ...]",
    "In some seconds: the scale of the inputs, the balance of the labels, batches sorted by class, a validation set "
    "unlike the training set, samples that are in both, the first loss against that of guessing, the gradient in each "
    "layer, whether one small batch can be learned by heart with the recipe's learning rate, batch normalisation, the "
    "number of updates, weight decay and momentum, a schedule counted in steps and stepped in epochs or the reverse, "
    "the average of the weights, time, memory and disk. Each failure comes with the flag that corrects it. Nothing is "
    "saved: no run, no weights. Exit code 1 if a check fails, 0 with warnings only.",
    (),
    ("check -c cnn_images --data.root photos/", "check -c mlp_textbook --data.scale 1"),
)
_COLUMN = 14
_SIGNS = {"": ("–", "dim"), "ok": ("✓", "green"), "warning": ("!", "yellow"), "failed": ("✗", "bold red")}
_WORDS = {"warning": N_("warning: "), "failed": N_("failed: ")}


def run(argv: list[str]) -> int:
    """Check a recipe."""
    words = read_words(SUBJECT, argv)
    from rich.rule import Rule

    from dlcore.cli.panels import warn_of_sample
    from dlcore.cli.show.prepared import prepared, recipe_title
    from dlcore.insight.preflight import check_training

    warnings.filterwarnings("ignore", r"initializer .* makes all units")  # the check of the layers reports it
    command = prepared(words)
    console = open_console()
    speaks = command.trainer.is_global_zero
    if speaks:
        console.print(Rule(_("dlcore check: {title}").format(title=recipe_title(words)), align="left", style="cyan"))
    report = check_training(
        command.model,
        command.datamodule,
        command.trainer,
        trained=bool(command.settings.checkpoint),
        tell=lambda result: _print_result(console, result) if speaks else None,
    )
    if speaks:
        warn_of_sample(console, command.datamodule)
        _print_end(console, report, words)
    return 0 if report.ready else 1


def _print_result(console: Console, result: CheckResult) -> None:
    """Print a row for each finding, with its remedies below it."""
    for number, finding in enumerate(sorted(result.findings, key=lambda each: -each.verdict)):
        sign, style = _SIGNS[finding.verdict.word]
        further = number > 0 and finding.verdict.word == "ok"
        name = Text.assemble((" " if further else sign, style), " ", _(result.name) if number == 0 else "")
        seen = Text(_(_WORDS.get(finding.verdict.word, "")), style=style)
        seen.append(finding.seen, style="dim" if not finding.verdict else "not bold default")
        if finding.expected:
            expected = _(" (expected: {expected})").format(expected=finding.expected)
            seen.append(expected, style=f"not bold {QUIET}")
        print_columns(console, [(name, seen)], column=_COLUMN, indent=0)
        rows = [("→", _remedy(remedy)) for remedy in finding.remedies]
        print_columns(console, rows, column=_COLUMN + 3, indent=_COLUMN)


def _remedy(remedy: str) -> Text:
    flag, colon, does = remedy.partition(_(": "))
    return Text.assemble((flag, NAME if flag.startswith("--") else ""), (f"{colon}{does}", QUIET))


def _print_end(console: Console, report: PreflightReport, words: Words) -> None:
    from dlcore.insight.preflight.report import listed

    count = len(report.warnings)
    warned = ngettext(", {n} warning", ", {n} warnings", count).format(n=count) if count else ""
    if report.ready:
        flags = " ".join(shell_word(word) for word in words.recipe)
        command = f"python -m dlcore fit {flags}".strip()
        line = Text.assemble((_("ready"), "bold green"), warned, _(": "), (command, NAME))
    else:
        count = len(report.failed)
        failed = _(" ({names})").format(names=listed(list(map(_, report.failed)), most=count))
        line = Text.assemble((_("not ready: {n} failed").format(n=count), "bold red"), failed, warned)
    console.print(line, soft_wrap=True)  # not wrapped: a command must be copied whole
