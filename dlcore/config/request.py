"""The parsed command line: the command, the recipes in order, and the flags, which override them."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dlcore.config.catalogue import callback_sections
from dlcore.config.recipe import find_recipe, read_recipe, recipe_name, recipe_names
from dlcore.config.secrets import text_without_secrets
from dlcore.errors import ArgumentError, CheckpointError, ConfigError, nearest
from dlcore.plain_text import decoded_name, shell_word

COMMANDS = ("fit", "validate", "test", "predict")
# Flags of test, with or without a value: possible values, and the meaning.
DECISION_FLAGS = {
    "threshold": (
        "f1|balanced_accuracy|NUMBER|off",
        "Of two classes: choose the threshold by validation, or give it, and keep it in the checkpoint.",
    ),
    "calibrate": ("on|off", "Fit the temperature of the probabilities by validation, and keep it in the checkpoint."),
}
_OFF = ("false", "off", "no", "none", "null")
_ON = ("true", "on", "yes")


@dataclass(frozen=True)
class Flag:
    """One flag.

    Attributes:
        name: The name without the dashes: ``model.dropout``.
        value: The text after the name; None if there is none.
    """

    name: str
    value: str | None

    def words(self) -> list[str]:
        """Return the flag as command-line words."""
        return [f"--{self.name}"] if self.value is None else [f"--{self.name}={self.value}"]

    def parsed(self) -> Any:
        """Return its value: a list or a dictionary if it is written as one (``[1, 2]``), else its text."""
        from dlcore.config import strict_yaml  # here, so that help need not load a YAML parser

        if self.value and self.value.lstrip().startswith(("{", "[")):
            with contextlib.suppress(ConfigError):
                return strict_yaml.load(self.value, self.name)
        return self.value

    @property
    def plain_name(self) -> str:
        """Its name as `dlcore.config.merge.flatten` writes it: without ``init_args`` and a final ``class_path``."""
        parts = [part for part in self.name.rstrip("+").split(".") if part != "init_args"]
        return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "class_path" else parts)


@dataclass
class Request:
    """A command with its recipes and flags.

    Attributes:
        command: ``fit``, ``validate``, ``test`` or ``predict``.
        recipes: Names of recipes or files, in order; later ones override earlier ones.
        flags: All other flags, in order; they override the recipes, whatever the order.
        inputs: Files, folders and patterns to predict: the words that are no flags.
    """

    command: str
    recipes: list[str] = field(default_factory=list)
    flags: list[Flag] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)

    def value(self, name: str) -> str | None:
        """Return the last value of a flag, or None."""
        return next((flag.value for flag in reversed(self.flags) if flag.name == name), None)

    def without(self, *names: str) -> list[Flag]:
        """Return the flags without those of these names."""
        return [flag for flag in self.flags if flag.name not in names]

    def line(self) -> str:
        """Return the command line that repeats the request; without passwords and keys, because it is saved."""
        words = [*map(shell_word, self.inputs), *(f"-c {shell_word(recipe)}" for recipe in self.recipes)]
        for flag in self.flags:
            switches = {"null": "off", "{}": "on"} if flag.name in callback_sections() else {}
            value = switches.get(flag.value or "", flag.value)
            value = value and text_without_secrets(flag.name, value)
            between = "=" if value and value.startswith("-") else " "
            words.append(f"--{flag.name}" + ("" if value is None else between + shell_word(value)))
        return " ".join(["python -m dlcore", self.command, *words])

    @property
    def name(self) -> str | None:
        """The run's name: its first recipe, or None without a recipe."""
        return recipe_name(find_recipe(self.recipes[0])) if self.recipes else None


def read_request(argv: Sequence[str]) -> Request:
    """Split a command line into command, recipes and flags."""
    request = Request(argv[0])
    words = list(argv[1:])
    while words:
        word = words.pop(0)
        if word.startswith("-c") and not word.startswith("--"):
            name, value = "config", word[2:].removeprefix("=") or None
        else:
            name, equals, attached = word.removeprefix("--").partition("=")
            value = attached if equals else None
            if word == "-h":
                name = "help"
            elif request.command == "predict" and (word == "-" or not word.startswith(("-", "—", "–", "－"))):
                request.inputs.append(word)
                continue
            elif not word.startswith("--"):
                remedy = remedy_for_word(word)
                raise ConfigError(
                    f"{request.command}: expected flags, which begin with --, got {word!r}.{' ' * bool(remedy)}{remedy}"
                )
        if value is None and words and not words[0].startswith(("--", "-c")):
            value = words.pop(0)
        if value is not None and decoded_name(value) != value:
            shown = decoded_name(value)
            raise ConfigError(
                f"--{name}: expected text in UTF-8, got {shown}. A file or folder of such a name needs another, or a "
                f"link: ln -s $'{shown}' photos"
            )
        if name == "config" and value is not None:
            request.recipes.append(value)
        else:
            request.flags.append(Flag(name, _switched(name, value)))
    return request


def check_files(request: Request) -> None:
    """Check that recipes and checkpoint exist, before slow imports."""
    for recipe in request.recipes:
        read_recipe(find_recipe(recipe))
    wanted = request.value("ckpt_path")
    if wanted in (None, "null"):
        without = {"help", "print_config"} | ({"text", "texts_file"} if request.command == "predict" else set())
        if request.command != "fit" and not any(flag.name in without for flag in request.flags):
            raise ArgumentError(
                "--ckpt_path",
                "the checkpoint to work with",
                None,
                f"For example: python -m dlcore {request.command} --ckpt_path best",
            )
    elif "://" in wanted:
        raise CheckpointError(
            f"--ckpt_path: expected best, last or a file, got the address {wanted!r}. Nothing is fetched: download it."
        )
    elif wanted not in ("best", "last") and not Path(wanted).expanduser().exists():
        raise CheckpointError(
            f"--ckpt_path: expected best, last, a run's folder or a file, got {wanted!r}, which is not there."
        )


def _switched(name: str, value: str | None) -> str | None:
    """Return a flag's value in YAML's form: ``--early_stopping off`` becomes null, ``on`` an empty section."""
    if value and name in callback_sections():
        return "null" if value.lower() in _OFF else "{}" if value.lower() in _ON else value
    return "null" if value and value.lower() in _OFF and name in ("model.lr_scheduler", "tracker") else value


def remedy_for_word(word: str) -> str:
    """Return what to type instead of a word that is neither a flag nor a flag's value; empty if unknown."""
    if word.startswith(("—", "–", "－")):
        return f"Type two hyphens: --{word.lstrip('—–－')}"
    if word.startswith("-") and len(word) > 2:
        return f"With two dashes: -{word}"
    if word in recipe_names() or word.endswith((".yaml", ".yml")):
        return f"A recipe stands behind -c: -c {word}"
    near = nearest(word, recipe_names())
    return f"For a recipe: -c {near}" if near else ""
