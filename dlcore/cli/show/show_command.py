"""``show``: list the subjects, and call the chosen one."""

from __future__ import annotations

import importlib

from rich.text import Text

from dlcore.cli.show import backprop, textbook_subject
from dlcore.cli.show.subject import Subject, run_subject, wants_help
from dlcore.cli.terminal import HEADING, open_console, print_examples, print_hints, print_names, print_paragraph
from dlcore.errors import UnknownNameError

# Each is a module of this package with a SUBJECT and a `run(argv)`; imported on demand.
SUBJECTS = ("data", "model", "activation", "schedule", "gradients", "memory", "config")


def run(argv: list[str]) -> int:
    """Run ``show SUBJECT …``."""
    if not argv or argv[0] in ("-h", "--help", "help"):
        print_overview()
        return 0
    name, *rest = argv
    if name == "backprop" and backprop.of_a_recipe(rest):
        return run_subject(backprop, rest)
    # Names after `show schedule` are schedules to compare; without names it is the schedule of a recipe.
    if name in textbook_subject.SUBJECTS or (name == "schedule" and rest and not rest[0].startswith("-")):
        if wants_help(rest):
            textbook_subject.print_help(name)
            return 0
        return textbook_subject.run(name, rest)
    if name not in SUBJECTS:
        names = [*SUBJECTS, *textbook_subject.SUBJECTS]
        raise UnknownNameError("subject of `show`", name, names, "See: python -m dlcore show")
    module = importlib.import_module(f"dlcore.cli.show.{name}")
    return run_subject(module, rest)


def print_overview() -> None:
    """Print each subject with its summary and an example."""
    console = open_console()
    console.print(Text("Show: tables in the terminal, pictures in show/*.png", style=HEADING))
    console.print()
    subjects: list[Subject] = [importlib.import_module(f"dlcore.cli.show.{name}").SUBJECT for name in SUBJECTS]
    print_names(console, [(f"python -m dlcore {each.command}", each.summary) for each in subjects], column=36)
    of_textbook = ", ".join(textbook_subject.SUBJECTS)
    print_paragraph(console, f"And the textbook's, with its numbers or yours: {of_textbook}.", indent=2)
    print_examples(
        console, [each.examples[0] for each in (*subjects, textbook_subject.subject("backprop"))], "For example"
    )
    print_hints(console, "More: python -m dlcore show SUBJECT --help, lessons --help, lr_find --help")
