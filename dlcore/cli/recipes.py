"""The command ``recipes``: list them, show one, copy one to start your own from."""

from __future__ import annotations

from pathlib import Path

from rich.text import Text

from dlcore.cli.packaged_yaml import ACTIONS, check_words, copy_yaml, say_copied, show_yaml
from dlcore.cli.terminal import HEADING, NAME, QUIET, open_console, print_columns, print_paragraph
from dlcore.config.recipe import find_recipe, recipe_header, recipe_name, recipe_names, recipe_text
from dlcore.errors import UnknownNameError

_USAGE = (
    ("python -m dlcore recipes", "list the recipes that come with dlcore"),
    ("python -m dlcore recipes show NAME", "print a recipe"),
    ("python -m dlcore recipes copy NAME FILE", "copy a recipe to a file of your own"),
)


def run(argv: list[str]) -> int:
    """Run ``recipes``, ``recipes show NAME`` or ``recipes copy NAME FILE``."""
    if {"-h", "--help"} & set(argv):
        _print_usage()
        return 0
    action, *words = argv or ["list"]
    if action not in ACTIONS:
        remedy = f"To see it: python -m dlcore recipes show {action}." if action in recipe_names() else ""
        raise UnknownNameError("action of `recipes`", action, ACTIONS, remedy)
    check_words("recipes", action, words, "recipe")
    if action == "show":
        show_yaml(recipe_text(find_recipe(words[0])))
    elif action == "copy":
        _copy(words[0], words[1])
    else:
        _list()
    return 0


def _list() -> None:
    console = open_console()
    names = recipe_names()
    column = 4 + max(map(len, names), default=0)
    purposes = [recipe_header(find_recipe(name)).partition("\n")[0] for name in names]
    print_columns(
        console,
        [(Text(name, style=NAME), purpose) for name, purpose in zip(names, purposes, strict=True)],
        column=column,
    )
    console.print()
    print_paragraph(console, Text("Train one: python -m dlcore fit -c NAME", style=QUIET))
    print_paragraph(console, Text("Look at one: python -m dlcore recipes show NAME", style=QUIET))
    print_paragraph(console, Text("Start your own: python -m dlcore recipes copy NAME FILE", style=QUIET))


def _copy(name: str, target: str) -> None:
    content, path = recipe_text(find_recipe(name)), Path(target).expanduser()
    copy_yaml(content, path, "recipe", name)
    say_copied(path, f"Its runs will lie in lightning_logs/{recipe_name(path)}/.", "fit -c")


def _print_usage() -> None:
    console = open_console()
    console.print(Text("Recipes: ready-made experiments, each one YAML file", style=HEADING))
    print_columns(console, [(Text(command, style=NAME), meaning) for command, meaning in _USAGE], column=44)
