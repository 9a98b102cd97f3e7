"""The YAML files that come with dlcore, recipes and studies: show one, or copy one to a new file."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from dlcore.cli.terminal import NAME, QUIET, open_console, shell_word
from dlcore.errors import ConfigError

ACTIONS = {"list": 0, "show": 1, "copy": 2}


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
    console.print(Text(f"Copied to {path}; change what you like. {change}"))
    console.print(Text.assemble("Next: ", (f"python -m dlcore {command} {shell_word(str(path))}", NAME)))
