"""Common parts of the subjects of ``show``: help, own options, and recipe and flags after them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from dlcore.cli.flag_rows import flag_row
from dlcore.cli.terminal import open_console, print_columns, print_examples, print_heading, print_paragraph, print_usage
from dlcore.config.catalogue import callback_sections
from dlcore.config.recipe import DEFAULT_RECIPE
from dlcore.config.request import Request, read_request
from dlcore.errors import ArgumentError, UnknownNameError, nearest

_COLUMN = 37


@dataclass(frozen=True)
class Option:
    """A command's own option.

    Attributes:
        name: Its name, without dashes.
        value: Its default, or a placeholder; empty for an option without value.
        meaning: Its meaning.
    """

    name: str
    value: str
    meaning: str


@dataclass(frozen=True)
class Subject:
    """A command that inspects a recipe or names.

    Attributes:
        command: The words after ``python -m dlcore``: ``show model``.
        summary: What it shows, a sentence.
        takes: The words after the command in the usage line.
        about: A paragraph for the reader of the help.
        options: Its own options.
        examples: Command lines without ``python -m dlcore``.
    """

    command: str
    summary: str
    takes: str
    about: str
    options: tuple[Option, ...] = ()
    examples: tuple[str, ...] = ()

    @property
    def of_recipe(self) -> bool:
        """Whether it inspects a recipe."""
        return "-c RECIPE" in self.takes


@dataclass
class Words:
    """A parsed command line.

    Attributes:
        subject: The command.
        names: Words that are not flags.
        given: The subject's own options: name and value, None for an option without value.
        recipe: The rest: recipes and flags, for `dlcore.runs.prepare`.
        recipes: The recipes, by name or file.
    """

    subject: Subject
    names: list[str] = field(default_factory=list)
    given: dict[str, str | None] = field(default_factory=dict)
    recipe: list[str] = field(default_factory=list)
    recipes: list[str] = field(default_factory=list)

    def number(self, name: str, default: float, whole: bool = False) -> float:
        """Return an option's value as a number."""
        text = self.given.get(name)
        if text is None:
            return default
        try:
            return int(text) if whole else float(text)
        except ValueError as error:
            raise ArgumentError(f"--{name}", "a whole number" if whole else "a number", text) from error

    def choice(self, name: str, options: Sequence[str]) -> str:
        """Return an option's value, one of several; the first is its default."""
        text = self.given.get(name) or options[0]
        if text not in options:
            raise ArgumentError(f"--{name}", " or ".join(options), text)
        return text


def read_words(subject: Subject, argv: Sequence[str]) -> Words:
    """Split a command line into names, own options, recipes and flags."""
    argv, names = list(argv), []
    if not subject.of_recipe:
        while argv and not argv[0].startswith("-"):
            names.append(argv.pop(0))
    request: Request = read_request([subject.command, *argv])
    words = Words(subject, names, recipes=request.recipes)
    own = {option.name: option for option in subject.options}
    for flag in request.flags:
        if flag.name not in own:
            _check_spelling(flag.name, subject, own)
            words.recipe += flag.words()
            continue
        if own[flag.name].value and flag.value is None:
            raise ArgumentError(f"--{flag.name}", "a value behind it", None)
        if not own[flag.name].value and flag.value is not None:
            if flag.value.startswith("-") or subject.of_recipe:
                raise ArgumentError(f"--{flag.name}", "no value behind it", flag.value)
            words.names.append(flag.value)  # a name that follows an option without value
        words.given[flag.name] = flag.value
    words.recipe = [word for recipe in request.recipes for word in ("-c", recipe)] + words.recipe
    return words


def _check_spelling(name: str, subject: Subject, own: Collection[str]) -> None:
    """Refuse a name nearer to an option of the subject than to a flag of fit; `dlcore.runs` checks the others."""
    sections = ("model", "data", "trainer", *callback_sections())
    run = ("seed_everything", "ckpt_path", "print_config", "config", "allow", "steps_per_execution", "tracker")
    flags = (*run, *sections)
    if "." not in name and name not in flags and nearest(name, [*own, *flags]) in own:
        raise UnknownNameError(f"option of `{subject.command}`", name, own)


def wants_help(argv: Sequence[str]) -> bool:
    """Return whether a command line asks for help."""
    return bool({"-h", "--help", "--help-all"} & set(argv))


def run_subject(module: Any, argv: Sequence[str]) -> int:
    """Run a command's module, or print the help of its ``SUBJECT`` if the command line asks for it."""
    if wants_help(argv):
        print_subject_help(module.SUBJECT)
        return 0
    return int(module.run(argv))


def print_subject_help(subject: Subject) -> None:
    """Print the short help of one subject."""
    console = open_console()
    print_usage(console, f"{subject.command} {subject.takes}")
    print_paragraph(console, f"{subject.summary} {subject.about}")
    print_heading(console, "Options")
    rows = [flag_row(f"--{option.name}", option.value, option.meaning) for option in subject.options]
    if subject.of_recipe:
        rows = [
            flag_row("-c", DEFAULT_RECIPE, "A recipe's name or file; of several, later ones beat earlier ones."),
            flag_row("--model.…, --data.…, --trainer.…", "", "Any flag of fit: python -m dlcore fit --help"),
            *rows,
        ]
    print_columns(console, rows, column=_COLUMN)
    print_examples(console, subject.examples)
