"""``explain``: why a run went well or badly."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from dlcore.cli.show.subject import Option, Subject, read_words
from dlcore.cli.terminal import (
    HEADING,
    NAME,
    QUIET,
    open_console,
    print_columns,
    print_examples,
    print_heading,
    print_paragraph,
    shell_word,
    short_path,
)
from dlcore.config.allow_list import allow_flag
from dlcore.errors import ConfigError
from dlcore.translation import _

if TYPE_CHECKING:
    from rich.console import Console

    from dlcore.diagnosis import Diagnosis, Finding

SUBJECT = Subject(
    "explain",
    "Say why a run went well or badly, and what to try.",
    "[RUN ...] [--json]",
    "A run is its folder (lightning_logs/RECIPE/version_N, or what follows lightning_logs/); left out, the newest one. "
    "Its curves, its config and what the callback ParameterDistribution recorded of its layers are examined. "
    "Runs of other tools are explained from metrics.csv or TensorBoard's events alone.",
    (Option("json", "", "Print a line of JSON a run, with all numbers."),),
    (
        "explain",
        "explain mlp_textbook/version_0 mlp_textbook/version_1",
        "explain lightning_logs/mine/version_3 --json",
    ),
)


def run(argv: list[str]) -> int:
    """Explain runs."""
    words = read_words(SUBJECT, argv)
    if words.recipe:
        raise ConfigError(f"explain: expected runs and --json, got {words.recipe[0]!r}.")
    from dlcore.diagnosis import diagnose
    from dlcore.insight.run_comparison import find_run, newest_run

    folders = [find_run(name) for name in words.names] or [newest_run()]
    diagnoses = [diagnose(folder) for folder in folders]  # diagnose all before printing the first line
    if "json" in words.given:
        for each in diagnoses:
            print(json.dumps(each.as_json(), ensure_ascii=False))
        return 0
    console = open_console()
    for number, each in enumerate(diagnoses):
        if number:
            console.print()
        _print_diagnosis(console, each)
    return 0


def _print_diagnosis(console: Console, diagnosis: Diagnosis) -> None:
    console.print(Text(str(diagnosis.folder), style=HEADING), soft_wrap=True)
    print_paragraph(console, diagnosis.summary, indent=2)
    found = [*diagnosis.faults, *(finding for finding, cause in diagnosis.consequences), *diagnosis.notes]
    column = max((cell_len(finding.title) for finding in found), default=0) + 4  # two blanks on each side
    if diagnosis.faults:
        _print_findings(console, _("What is wrong"), diagnosis.faults, column)
        if diagnosis.consequences:
            print_heading(console, _("What follows from it"))
            _print_columns(console, [(finding, finding.text) for finding, cause in diagnosis.consequences], column)
    else:
        print_heading(console, diagnosis.verdict[:1].upper() + diagnosis.verdict[1:])
        for clause in diagnosis.healthy:
            print_paragraph(console, _("{text}.").format(text=clause[:1].upper() + clause[1:]), indent=2)
    _print_findings(console, _("Worth knowing"), diagnosis.notes, column)
    if diagnosis.missing:
        print_heading(console, _("What could not be examined"))
        for sentence in diagnosis.missing:
            print_paragraph(console, Text(sentence, style=QUIET), indent=2)
    _print_next(console, diagnosis)


def _print_findings(console: Console, heading: str, findings: tuple[Finding, ...], column: int) -> None:
    from dlcore.diagnosis.layer_looks import INPUTS, OUTPUTS, VAL_INPUTS

    if not findings:
        return
    print_heading(console, heading)
    rows: list[tuple[Finding | None, Text | str]] = []
    for finding in findings:
        layer = _(finding.layer) if finding.layer in (INPUTS, OUTPUTS, VAL_INPUTS) else finding.layer
        where = f" [{layer}]" if layer and layer not in finding.text else ""
        said = _("{text}.") if finding.kind == "note" else _("{text}. ({confidence})")
        rows.append((finding, said.format(text=f"{finding.text}{where}", confidence=_(finding.confidence))))
        attempt = _("try: {remedy}")
        if finding.flags:
            rows.append((None, Text(attempt.format(remedy="")).append(" ".join(finding.flags), style=NAME)))
        if finding.advice:
            said = "{remedy}" if finding.flags else attempt
            rows.append((None, Text(said.format(remedy=finding.advice), style=QUIET)))
    _print_columns(console, rows, column)


def _print_columns(console: Console, rows: list[tuple[Finding | None, Text | str]], column: int) -> None:
    print_columns(console, [("" if finding is None else finding.title, text) for finding, text in rows], column=column)


def _print_next(console: Console, diagnosis: Diagnosis) -> None:
    """Print the command that tries the first remedy; not wrapped, since it must be copied whole."""
    config, last = diagnosis.folder / "config.yaml", diagnosis.folder / "checkpoints" / "last.ckpt"
    first = diagnosis.first or next((note for note in diagnosis.notes if note.flags), None)
    if first is None or not first.flags or not config.is_file():
        return
    # More epochs continue the run; every other remedy needs a new run.
    goes_on = first.name == "stopped_too_early" and last.is_file()
    begin = f"--ckpt_path {shell_word(short_path(last))}" if goes_on else f"-c {shell_word(short_path(config))}"
    allow = allow_flag(diagnosis.folder)
    print_examples(console, [" ".join(["fit", begin, *first.flags, *([allow] if allow else [])])], _("Next"))
    if allow:
        trust = _("{allow} lets code of that package run: type it if you trust it.").format(allow=allow)
        print_paragraph(console, Text(trust, style=QUIET), indent=2)
