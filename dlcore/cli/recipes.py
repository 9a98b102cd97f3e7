"""The command ``recipes``: list them, show one, copy one to start an own recipe from."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.text import Text

from dlcore.cli.terminal import HEADING, NAME, QUIET, open_console, print_columns, print_paragraph, shell_word
from dlcore.configs.recipe import find_recipe, recipe_header, recipe_name, recipe_names, recipe_text
from dlcore.errors import ConfigError, UnknownNameError

_USAGE = (
    ("python -m dlcore recipes", "list the recipes that come with dlcore"),
    ("python -m dlcore recipes show NAME", "print a recipe"),
    ("python -m dlcore recipes copy NAME FILE", "copy a recipe to a file of your own"),
)
_ACTIONS = {"list": 0, "show": 1, "copy": 2}


def run(argv: list[str]) -> int:
    """Carry out ``recipes``, ``recipes show NAME`` or ``recipes copy NAME FILE``.

    Args:
        argv: What follows the word ``recipes``.

    Returns:
        The exit code, 0.

    Raises:
        UnknownNameError: There is no such action or recipe.
        ConfigError: Too few or too many words, or the copy cannot be made.
    """
    if {"-h", "--help"} & set(argv):
        _print_usage()
        return 0
    action, *words = argv or ["list"]
    if action not in _ACTIONS:
        remedy = f"To see it: python -m dlcore recipes show {action}." if action in recipe_names() else ""
        raise UnknownNameError("action of `recipes`", action, _ACTIONS, remedy)
    if len(words) != _ACTIONS[action]:
        expected = {"list": "nothing", "show": "one recipe (show NAME)", "copy": "a recipe and a file (copy NAME FILE)"}
        received = f"`{' '.join(map(shell_word, words))}`" if words else "nothing"
        raise ConfigError(f"recipes {action}: expected {expected[action]} after it, got {received}.")
    if action == "show":
        _show(words[0])
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


def _show(name: str) -> None:
    content = recipe_text(find_recipe(name))
    console = open_console()
    if not console.is_terminal:
        sys.stdout.write(content)  # to the letter: it may become a file
        return
    text = Text(content)
    text.highlight_regex(r"(?m)^ *(?:- )?[\w./]+(?=:)", NAME)
    text.highlight_regex(r"(?m)(?:^|(?<=\s))#.*$", QUIET)
    console.print(text, soft_wrap=True, end="")


def _copy(name: str, target: str) -> None:
    content = recipe_text(find_recipe(name))
    path = Path(target).expanduser()
    try:
        if path.is_dir():
            raise ConfigError(f"{path}: a folder; name a file in it, such as {path / f'{name}.yaml'}.")
        if path.suffix not in (".yaml", ".yml"):
            raise ConfigError(f"{path}: a recipe's file name ends in .yaml; call it {path}.yaml.")
        if not path.parent.is_dir():
            folder = shell_word(str(path.parent))
            raise ConfigError(f"{path}: its folder does not exist. Make it first: mkdir -p {folder}")
        with path.open("x", encoding="utf-8") as file:
            file.write(content)
    except FileExistsError as error:
        raise ConfigError(f"{path}: exists already, and is left as it is. Choose another name.") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}.") from error
    console = open_console()
    console.print(
        Text(f"Copied to {path}; change what you like. Its runs will lie in lightning_logs/{recipe_name(path)}/.")
    )
    console.print(Text.assemble("Next: ", (f"python -m dlcore fit -c {shell_word(str(path))}", NAME)))


def _print_usage() -> None:
    console = open_console()
    console.print(Text("Recipes: ready-made experiments, each one YAML file", style=HEADING))
    print_columns(console, [(Text(command, style=NAME), meaning) for command, meaning in _USAGE], column=44)
