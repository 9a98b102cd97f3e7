"""``show gradients``: back-propagation against finite differences."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from dlcore.cli.show import textbook_subject
from dlcore.cli.show.subject import Option, Subject, read_words
from dlcore.cli.terminal import new_table
from dlcore.errors import FitError, check_number

if TYPE_CHECKING:
    from rich.table import Table

    from dlcore.insight import GradientReport

SUBJECT = Subject(
    "show gradients",
    "Backward pass against finite differences.",
    "[-c RECIPE] [--flag VALUE ...]",
    "On a few samples of the recipe's data, in float64, a random part of each tensor's entries is compared with the "
    "change of the loss when that entry alone is moved; the table has the greatest gradient of each tensor and the "
    "greatest relative error. Exit code 1 if any disagree.",
    (
        Option("samples", "8", "Samples on which the loss is computed."),
        Option("entries", "20", "Entries compared in each tensor of parameters."),
        Option("seed", "0", "Seed of the choice of entries."),
        Option(
            "by_hand", "", "In place of a recipe: linear, ReLU, linear, squared error, with its backward pass by hand."
        ),
    ),
    (
        "show gradients -c mlp_textbook",
        "show gradients --model.activation GELU --entries 100",
        "show gradients --by_hand",
    ),
)


def run(argv: list[str]) -> int:
    """Check the gradients of a recipe's model."""
    if "--by_hand" in argv:
        return textbook_subject.run("manual_backward", [word for word in argv if word != "--by_hand"])
    words = read_words(SUBJECT, argv)
    samples, entries, seed = (
        int(words.number(n, d, whole=True)) for n, d in (("samples", 8), ("entries", 20), ("seed", 0))
    )
    check_number("--samples", samples, at_least=1)
    check_number("--entries", entries, at_least=1)
    check_number("--seed", seed, at_least=0)
    from dlcore.cli.panels import warn_of_sample
    from dlcore.cli.show.prepared import prepared
    from dlcore.cli.terminal import open_console, print_paragraph
    from dlcore.insight.gradient_check import TOLERANCE, check_gradients
    from dlcore.insight.short_training import first_samples
    from dlcore.models import Model

    command = prepared(words)
    if not isinstance(command.model, Model):
        raise FitError(
            "show gradients: expected a model that derives from dlcore.models.Model, whose loss of any inputs is "
            f"known, got {type(command.model).__name__}. Look at each layer's gradient by: python -m dlcore check"
        )
    inputs, targets = first_samples(command.datamodule, samples)
    report = check_gradients(command.model, inputs, targets, entries, seed)
    console = open_console()
    console.print(_table(report))
    for remark in report.remarks:
        print_paragraph(console, remark)
    kinks = sum(group.kinks for group in report.groups)
    if kinks:
        print_paragraph(
            console, f"{kinks} entries lie on a kink of the loss, where it has no slope: they were not judged."
        )
    warn_of_sample(console, command.datamodule)
    wrong = [group.name for group in report.groups if group.agrees is False]
    about = f"on {report.samples} samples, loss {report.loss:.4f}, in float64; tolerance {TOLERANCE:g}"
    if wrong:
        print_paragraph(console, f"The gradients of {', '.join(wrong)} are WRONG ({about}).")
        return 1
    print_paragraph(console, f"All gradients agree with finite differences ({about}).")
    return 0


def _table(report: GradientReport) -> Table:
    table = new_table("parameters", ">shape", ">checked", ">gradient", ">error", "result")
    verdicts = {True: ("agrees", ""), False: ("DISAGREES", "bold red"), None: ("not judged", "yellow")}
    for group in report.groups:
        verdict, style = verdicts[group.agrees]
        table.add_row(
            group.name.removeprefix("network."),
            " × ".join(f"{length:,}" for length in group.shape) or "1",
            f"{group.checked} of {math.prod(group.shape):,}",
            f"{group.greatest_gradient:.1e}",
            f"{group.greatest_error:.1e}" if group.checked else "",
            verdict,
            style=style,
        )
    return table
