"""The command ``recipes``: list the YAML files that come with dlcore, show one, copy one to start your own from."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.text import Text

from dlcore.cli.terminal import HEADING, NAME, QUIET, open_console, print_hints, print_names, shell_word
from dlcore.config.recipe import find_recipe, recipe_header, recipe_name, recipe_names, recipe_text
from dlcore.errors import ConfigError, UnknownNameError
from dlcore.translation import _

ACTIONS = {"list": 0, "show": 1, "copy": 2}

_USAGE = (
    ("python -m dlcore recipes", "list the recipes that come with dlcore"),
    ("python -m dlcore recipes show NAME", "print a recipe"),
    ("python -m dlcore recipes copy NAME FILE", "copy a recipe to a file of your own"),
)


def check_words(command: str, action: str, words: Sequence[str], kind: str) -> None:
    """Check that an action has the right number of words after it."""
    if len(words) != ACTIONS[action]:
        expected = {
            "list": "nothing",
            "show": f"one {kind} (show NAME)",
            "copy": f"a {kind} and a file (copy NAME FILE)",
        }
        received = f"`{' '.join(map(shell_word, words))}`" if words else "nothing"
        raise ConfigError(f"{command} {action}: expected {expected[action]} after it, got {received}.")


def show_yaml(content: str) -> None:
    """Print a file: with colours on a terminal, elsewhere unchanged, since the output may become a file."""
    console = open_console()
    if not console.is_terminal:
        sys.stdout.write(content)
        return
    text = Text(content)
    text.highlight_regex(r"(?m)^ *(?:- )?[\w./ ]+(?=:)", NAME)
    text.highlight_regex(r"(?m)(?:^|(?<=\s))#.*$", QUIET)
    console.print(text, soft_wrap=True, end="")


def copy_yaml(content: str, path: Path, kind: str, name: str) -> None:
    """Write a file that does not exist yet."""
    try:
        if path.is_dir():
            raise ConfigError(f"{path}: a folder; name a file in it, such as {path / f'{name}.yaml'}.")
        if path.suffix not in (".yaml", ".yml"):
            raise ConfigError(f"{path}: a {kind}'s file name ends in .yaml; call it {path.with_suffix('.yaml')}.")
        if not path.parent.is_dir():
            folder = shell_word(str(path.parent))
            raise ConfigError(f"{path}: its folder does not exist. Make it first: mkdir -p {folder}")
        with path.open("x", encoding="utf-8") as file:
            file.write(content)
    except FileExistsError as error:
        raise ConfigError(f"{path}: exists already, and is left as it is. Choose another name.") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}.") from error


def say_copied(path: Path, change: str, command: str) -> None:
    """Print that the copy is written, how to use it, and the command for it."""
    console = open_console()
    console.print(Text(_("Copied to {path}; change what you like. {change}").format(path=path, change=change)))
    console.print(Text.assemble(_("Next: "), (f"python -m dlcore {command} {shell_word(str(path))}", NAME)))


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
        list_yaml(
            recipe_names(),
            find_recipe,
            "",
            _("Train one: python -m dlcore fit -c NAME"),
            _("Look at one: python -m dlcore recipes show NAME"),
            _("Start your own: python -m dlcore recipes copy NAME FILE"),
        )
    return 0


def list_yaml(names: Sequence[str], find: Callable[[str], Path], heading: str, *hints: str) -> None:
    """Print the names of files with their purposes, and what to do with them."""
    console = open_console()
    if heading:
        console.print(Text(heading, style=HEADING))
    rows = [(name, _(recipe_header(find(name)).partition("\n")[0])) for name in names]
    print_names(console, rows, column=4 + max(map(len, names), default=0))
    print_hints(console, *hints)


def _copy(name: str, target: str) -> None:
    content, path = recipe_text(find_recipe(name)), Path(target).expanduser()
    copy_yaml(content, path, "recipe", name)
    runs = _("Its runs will be in {folder}.").format(folder=f"lightning_logs/{recipe_name(path)}/")
    say_copied(path, runs, "fit -c")


def _print_usage() -> None:
    console = open_console()
    console.print(Text("Recipes: ready-made experiments, each one YAML file", style=HEADING))
    print_names(console, _USAGE, column=44)
