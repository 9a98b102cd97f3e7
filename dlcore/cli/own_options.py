"""Parser for commands with their own options: typed values, each error in one line."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dlcore.cli.flag_rows import Row, default_value, flag_row, placeholder, yaml_text
from dlcore.config.catalogue import Argument, summary
from dlcore.config.recipe import find_recipe, recipe_name
from dlcore.config.request import remedy_for_word
from dlcore.errors import ArgumentError, ConfigError, UnknownNameError

_TRUE, _FALSE, _NULL = ("true", "yes", "on"), ("false", "no", "off"), ("null", "none")


@dataclass
class OwnOptions:
    """A parsed command line.

    Attributes:
        words: Words that are not options.
        values: Each option's values, in order.
        recipes: The values of ``-c``.
    """

    words: list[str] = field(default_factory=list)
    values: dict[str, list[Any]] = field(default_factory=dict)
    recipes: list[str] = field(default_factory=list)

    def get(self, name: str, default: Any = None) -> Any:
        """Return an option's last value."""
        return self.values.get(name, [default])[-1]

    def run_name(self) -> str | None:
        """Return the recipe whose runs are searched; None for all runs."""
        return recipe_name(find_recipe(self.recipes[-1])) if self.recipes else None


def read_options(
    command: str,
    argv: Sequence[str],
    options: Mapping[str, Argument],
    also_called: Mapping[str, str],
    takes_words: bool = False,
    hint: str = "",
) -> OwnOptions:
    """Read a command's options.

    Args:
        command: The command, for messages.
        argv: The words after it.
        options: Its options, with their types as written in the source.
        also_called: Other tools' names for them, and what to type here.
        takes_words: Whether words that are not options are allowed.
        hint: The message for such a word otherwise.
    """
    found = OwnOptions()
    words = list(argv)
    while words:
        word = words.pop(0)
        if word.startswith("-c") and not word.startswith("--"):
            recipe = word[2:].removeprefix("=") or (words.pop(0) if words else None)
            if recipe is None:
                raise ArgumentError("-c", "a recipe behind it", None)
            found.recipes.append(recipe)
        elif word.startswith("--"):
            name, equals, attached = word[2:].partition("=")
            if name not in options:
                if name in also_called:
                    raise UnknownNameError(f"option of `{command}`", name, (), f"Here: {also_called[name]}")
                raise UnknownNameError(f"option of `{command}`", name, options)
            text = attached if equals else _behind(name, words, options[name], takes_words)
            found.values.setdefault(name, []).append(_value(options[name], text))
        elif takes_words and not (word.startswith("-") and len(word) > 1):
            found.words.append(word)
        else:
            remedy = remedy_for_word(word) or f"{hint} See: python -m dlcore {command} --help".lstrip()
            raise ConfigError(f"{command}: expected options, which begin with --, got {word!r}. {remedy}")
    return found


def option_row(argument: Argument, shown: str | None = None) -> Row:
    """Return an option's line in the help: with its default, or a placeholder."""
    value = default_value(argument)
    text = shown or (placeholder(argument.annotation) if value in (None, "") else yaml_text(value))
    choices = re.search(r"Literal\[(.*?)\]", argument.annotation)
    if choices and shown is None:
        text = "|".join(word.strip().strip("'\"") for word in choices[1].split(","))
    return flag_row(f"--{argument.name}", text, summary(argument.help))


def _behind(name: str, words: list[str], argument: Argument, takes_words: bool) -> str:
    """Return the value after an option; for a switch it may be left out."""
    if "bool" in argument.annotation:
        others = takes_words and words and words[0].lower() not in (*_TRUE, *_FALSE, *_NULL)
        if not words or words[0].startswith("-") or others:
            return "true"
    if not words or (words[0].startswith("--") and len(words[0]) > 2):
        remedy = f"A value that begins with -- is given so: --{name}={words[0]}" if words else ""
        raise ArgumentError(f"--{name}", "a value behind it", None, remedy)
    return words.pop(0)


def _value(argument: Argument, text: str) -> Any:
    """Return an option's value, converted to the type in its source."""
    flag, kind = f"--{argument.name}", argument.annotation.removesuffix(" | None")
    if kind != argument.annotation and text.lower() in _NULL and kind != "str":
        return None
    if kind == "bool":
        if text.lower() in (*_TRUE, *_FALSE):
            return text.lower() in _TRUE
        raise ArgumentError(flag, "true or false", text)
    if kind in ("int", "float"):
        try:
            return int(text) if kind == "int" else float(text)
        except ValueError as error:
            raise ArgumentError(flag, "a whole number" if kind == "int" else "a number", text) from error
    if choices := re.fullmatch(r"Literal\[(.*)\]", kind):
        names = [word.strip().strip("'\"") for word in choices[1].split(",")]
        if text not in names:
            raise ArgumentError(flag, " or ".join(names), text)
    return text
