"""Lines of the short help: each flag as it is typed, with its present value and its meaning."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from typing import Any

from rich.text import Text

from dlcore.cli.terminal import NAME, QUIET, VALUE, shell_word
from dlcore.config.catalogue import Argument, ClassInfo, factory_info, summary
from dlcore.config.merge import class_and_arguments, own_name
from dlcore.plain_text import without_markup

Row = tuple[Text, Text]
_LONGEST_VALUE = 40
_PLACEHOLDERS = {"bool": "true|false", "int": "INT", "float": "NUMBER", "str": "TEXT"}
# Arguments of optimisers and schedules: reading their own docstrings would need an import of torch.
_COMMON = {"lr": "Learning rate.", "weight_decay": "Weight decay.", "momentum": "Momentum, in [0, 1)."}


def flag_row(flag: str, value: str, meaning: str, detail: str = "") -> Row:
    """Return one line of the help.

    Args:
        flag: ``--trainer.max_epochs``.
        value: The value after it, as it would be typed; empty for a flag without value.
        meaning: Its meaning; backticks are removed.
        detail: Type or choices, dimmed after the meaning.
    """
    left = Text(flag, style=NAME)
    if value:
        left.append(" ").append(value, style=VALUE)
    right = Text(without_markup(meaning))
    if detail:
        right.append(f" ({detail})" if meaning else detail, style=QUIET)
    return left, right


def class_rows(
    section: str,
    info: ClassInfo,
    settings: dict[str, Any] | None,
    names: Iterable[str],
    chosen: Mapping[str, str] | None = None,
) -> list[Row]:
    """Return lines for arguments of a class.

    Args:
        section: ``model`` or ``data``.
        info: The class.
        settings: The recipe's settings; others have the class's default. None: settings are unknown, and each flag is
            followed by the kind of its value.
        names: The arguments to show.
        chosen: Optimiser and schedule that the command line chooses, by flag name: all their arguments are shown.
    """
    rows: list[Row] = []
    for argument in (info.arguments[name] for name in names):
        flag = f"--{section}.{argument.name}"
        if settings is None:
            rows.append(flag_row(flag, placeholder(argument.annotation), summary(argument.help)))
            continue
        value = settings.get(argument.name, default_value(argument))
        name = (chosen or {}).get(flag.removeprefix("--"))
        if is_factory(argument) and name is not None:
            kept = class_and_arguments(value)[1] if class_and_arguments(value)[0] == name else {}
            rows.append(flag_row(flag, name, summary(argument.help)))
            rows += _chosen_rows(flag, name, kept)
            continue
        shown = yaml_text(value) if argument.name in settings or argument.default is not None else ""
        known = shown or placeholder(argument.annotation)
        rows.append(flag_row(flag, known, summary(argument.help), _detail(argument, value)))
        if is_factory(argument):
            rows += _factory_rows(flag, value)
    return rows


def is_factory(argument: Argument) -> bool:
    """Return whether an argument takes an optimiser or a schedule by name."""
    return "OptimizerCallable" in argument.annotation or "LRSchedulerCallable" in argument.annotation


def _factory_rows(flag: str, value: Any) -> list[Row]:
    """Return lines for the recipe's settings of an optimiser or schedule, always with the learning rate."""
    _, settings = class_and_arguments(value)
    rows = [flag_row(f"{flag}.{key}", yaml_text(given), _COMMON.get(key, "")) for key, given in settings.items()]
    if flag.endswith("optimizer") and "lr" not in settings:
        rows.insert(0, flag_row(f"{flag}.lr", "NUMBER", _COMMON["lr"], "left out: torch's default"))
    return rows


def _chosen_rows(flag: str, name: str, settings: dict[str, Any]) -> list[Row]:
    """Return lines for all arguments of a chosen optimiser or schedule; none for a user's own class."""
    if "." in name:
        return []
    info = factory_info(flag.removeprefix("--"), name)
    rows = []
    for argument in info.arguments.values():
        value = yaml_text(settings.get(argument.name, default_value(argument)))
        needed = argument.default is None and argument.name not in settings
        shown = placeholder(argument.annotation) if needed or value == "null" else value
        help_text = _COMMON.get(argument.name) or summary(argument.help)
        rows.append(flag_row(f"{flag}.{argument.name}", shown, help_text, "must be given" if needed else ""))
    return rows


def default_value(argument: Argument) -> Any:
    """Return an argument's default as a value; a class by its name; other expressions as written."""
    if argument.default is None:
        return None
    try:
        return ast.literal_eval(argument.default)
    except ValueError:
        dotted = re.fullmatch(r"[\w.]+", argument.default)
        return argument.default.rpartition(".")[2] if dotted else argument.default


def yaml_text(value: Any) -> str:
    """Return a value as typed after a flag, i.e. as YAML, cut at 40 characters."""
    if value is None:
        text = "null"
    elif isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, list | tuple):
        text = f"[{','.join(map(yaml_text, value))}]"
    elif isinstance(value, dict):
        name, _ = class_and_arguments(value)
        text = name or "{" + ",".join(f"{key}: {yaml_text(item)}" for key, item in value.items()) + "}"
    else:
        text = own_name(str(value))
        text = shell_word(text) if not text or re.search(r"\s", text) else text
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"


def placeholder(annotation: str) -> str:
    """Return a placeholder for a value of this type: ``INT``, ``true|false``."""
    return _PLACEHOLDERS.get(annotation.removesuffix(" | None"), "NAME" if "Callable" in annotation else "VALUE")


def _detail(argument: Argument, value: Any) -> str:
    """Return the type, if neither the value nor the help text shows it."""
    choices = re.search(r"Literal\[(.*?)\]", argument.annotation)
    if choices:
        words = [word.strip().strip("'\"") for word in choices.group(1).split(",")]
        return "" if all(word in argument.help for word in words) else " | ".join(words)
    if value is None and argument.annotation and not is_factory(argument):
        return argument.annotation.removesuffix(" | None")
    return ""
