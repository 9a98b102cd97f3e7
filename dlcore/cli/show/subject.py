"""What the subjects of ``show`` have in common: help, options of their own, the recipe and flags behind them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from rich.text import Text

from dlcore.cli.flag_rows import flag_row
from dlcore.cli.terminal import HEADING, NAME, open_console, print_columns, print_paragraph
from dlcore.config.catalogue import callback_sections
from dlcore.config.recipe import DEFAULT_RECIPE
from dlcore.config.request import Request, read_request
from dlcore.errors import ArgumentError, UnknownNameError, nearest

_COLUMN = 37


@dataclass(frozen=True)
class Option:
    """An option of a command's own.

    Attributes:
        name: What stands behind the dashes.
        value: What to type behind it: its default, or the kind of value; empty for an option without value.
        meaning: What it does.
    """

    name: str
    value: str
    meaning: str


@dataclass(frozen=True)
class Subject:
    """A command that looks at a recipe or at names.

    Attributes:
        command: The words behind ``python -m dlcore``: ``show model``.
        summary: What it shows, a sentence.
        takes: What stands behind the command, in words of a usage line.
        about: What a reader should know, a paragraph.
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
        """Whether it looks at a recipe."""
        return "-c RECIPE" in self.takes


@dataclass
class Words:
    """A command line, parted.

    Attributes:
        subject: Whose.
        names: Words that are no flags.
        given: The subject's own options: name and value, None for one without.
        recipe: What is left: recipes and flags, for `dlcore.runs.prepare`.
        recipes: The recipes, by name or file.
    """

    subject: Subject
    names: list[str] = field(default_factory=list)
    given: dict[str, str | None] = field(default_factory=dict)
    recipe: list[str] = field(default_factory=list)
    recipes: list[str] = field(default_factory=list)

    def number(self, name: str, default: float, whole: bool = False) -> float:
        """An option's value as a number.

        Raises:
            ArgumentError: It is none.
        """
        text = self.given.get(name)
        if text is None:
            return default
        try:
            return int(text) if whole else float(text)
        except ValueError as error:
            raise ArgumentError(f"--{name}", "a whole number" if whole else "a number", text) from error

    def choice(self, name: str, options: Sequence[str]) -> str:
        """An option's value, one of some; the first is its default.

        Raises:
            ArgumentError: It is none of them.
        """
        text = self.given.get(name) or options[0]
        if text not in options:
            raise ArgumentError(f"--{name}", " or ".join(options), text)
        return text


def read_words(subject: Subject, argv: Sequence[str]) -> Words:
    """Part a command line into names, own options, recipes and flags.

    Raises:
        ArgumentError: An option has no value where it needs one, or has one where it takes none.
        UnknownNameError: An option is mistyped.
        ConfigError: A word is neither a flag nor a flag's value, where there are no names.
    """
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
            words.names.append(flag.value)  # a name that happens to stand behind it
        words.given[flag.name] = flag.value
    words.recipe = [word for recipe in request.recipes for word in ("-c", recipe)] + words.recipe
    return words


def _check_spelling(name: str, subject: Subject, own: Collection[str]) -> None:
    """Refuse what is nearer to an option of the subject's own than to a flag of fit, which `dlcore.runs` checks."""
    sections = ("model", "data", "trainer", *callback_sections())
    flags = ("seed_everything", "ckpt_path", "print_config", "config", "allow", "steps_per_execution", *sections)
    if "." not in name and name not in flags and nearest(name, [*own, *flags]) in own:
        raise UnknownNameError(f"option of `{subject.command}`", name, own)


def wants_help(argv: Sequence[str]) -> bool:
    """Whether a command line asks for help."""
    return bool({"-h", "--help", "--help-all"} & set(argv))


def print_subject_help(subject: Subject) -> None:
    """Print the short help of one subject."""
    console = open_console()
    usage = f"python -m dlcore {subject.command} {subject.takes}"
    console.print(Text.assemble(("Usage: ", HEADING), usage), soft_wrap=True)
    print_paragraph(console, f"{subject.summary} {subject.about}")
    console.print()
    console.print(Text("Options", style=HEADING))
    rows = [flag_row(f"--{option.name}", option.value, option.meaning) for option in subject.options]
    if subject.of_recipe:
        rows = [
            flag_row("-c", DEFAULT_RECIPE, "A recipe's name or file; of several, later ones beat earlier ones."),
            flag_row("--model.…, --data.…, --trainer.…", "", "Any flag of fit: python -m dlcore fit --help"),
            *rows,
        ]
    print_columns(console, rows, column=_COLUMN)
    console.print()
    console.print(Text("Examples", style=HEADING))
    for example in subject.examples:  # never wrapped: a command is copied whole
        console.print(Text(f"  python -m dlcore {example}", style=NAME), soft_wrap=True)
