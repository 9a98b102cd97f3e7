"""``show``: list the subjects, and call the chosen one."""

from __future__ import annotations

import importlib

from rich.text import Text

from dlcore.cli.show.subject import print_subject_help, wants_help
from dlcore.cli.terminal import HEADING, NAME, QUIET, open_console, print_columns, print_paragraph
from dlcore.errors import UnknownNameError

# Each is a module of this package with a SUBJECT and a `run(argv)`; imported on demand.
SUBJECTS = ("data", "model", "activation", "schedule", "gradients", "config")


def run(argv: list[str]) -> int:
    """Run ``show SUBJECT …``."""
    if not argv or argv[0] in ("-h", "--help", "help"):
        print_overview()
        return 0
    name, *rest = argv
    if name not in SUBJECTS:
        raise UnknownNameError("subject of `show`", name, SUBJECTS, "See: python -m dlcore show")
    module = importlib.import_module(f"dlcore.cli.show.{name}")
    if wants_help(rest):
        print_subject_help(module.SUBJECT)
        return 0
    return module.run(rest)


def print_overview() -> None:
    """Print each subject with its summary and an example."""
    console = open_console()
    console.print(Text("Show: look before training", style=HEADING))
    print_paragraph(console, "Pictures go to show/*.png, tables to the terminal; nothing is trained.")
    console.print()
    subjects = [importlib.import_module(f"dlcore.cli.show.{name}").SUBJECT for name in SUBJECTS]
    rows = [(Text(f"python -m dlcore {subject.command}", style=NAME), subject.summary) for subject in subjects]
    print_columns(console, rows, column=36)
    console.print()
    console.print(Text("For example", style=HEADING))
    for subject in subjects:
        console.print(Text(f"  python -m dlcore {subject.examples[0]}", style=NAME), soft_wrap=True)
    console.print()
    print_paragraph(console, Text("More of each: python -m dlcore show SUBJECT --help", style=QUIET))
    print_paragraph(console, Text("Which learning rate to take: python -m dlcore lr_find --help", style=QUIET))
