"""``show config``: the effective settings, and the source of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlcore.cli.show.subject import Option, Subject, read_words

if TYPE_CHECKING:
    from rich.text import Text

    from dlcore.insight.config_sources import ConfigLine

SUBJECT = Subject(
    "show config",
    "The settings that count, and their sources.",
    "[-c RECIPE] [--flag VALUE ...]",
    "Recipes, flags, what the data know and defaults, laid on each other as a fit does it. What is printed is YAML, "
    "with the source of each value as a comment behind it: written to a file, it is a recipe.",
    (Option("all", "", "Also the settings of Lightning's Trainer that nobody chose."),),
    ("show config -c mlp_textbook --model.hidden_sizes [500]", "show config -c mlp_textbook --trainer.max_epochs 3"),
)
_COLUMN = 46  # column where comments start; after longer lines they follow at once


def run(argv: list[str]) -> int:
    """Print the config of a recipe with flags."""
    words = read_words(SUBJECT, argv)
    from rich.text import Text

    from dlcore.cli.show.prepared import prepared, recipe_title
    from dlcore.cli.terminal import QUIET, open_console
    from dlcore.insight.config_sources import config_lines

    command = prepared(words)
    console = open_console()
    # Not wrapped: a wrapped line is not valid YAML.
    console.print(
        Text(f"# {recipe_title(words)}: a value, and behind it where it comes from", style=QUIET), soft_wrap=True
    )
    for line in config_lines(command, "all" in words.given):
        console.print(_colored(line), soft_wrap=True)
    return 0


def _colored(line: ConfigLine) -> Text:
    from rich.text import Text

    from dlcore.cli.terminal import HEADING, NAME, QUIET, VALUE

    # A user's flags stand out most, defaults least.
    look = {"flag": "bold yellow", "default": QUIET, "data": VALUE, "": HEADING}.get(line.source, NAME)
    text = Text(line.text, style=look)
    if line.source:
        blanks = " " * max(_COLUMN - text.cell_len, 2)
        text.append(f"{blanks}# {line.source}", style=look if line.source == "flag" else QUIET)
    return text
