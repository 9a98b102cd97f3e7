"""The effective config, and the source of each of its values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from dlcore.config import strict_yaml
from dlcore.config.merge import flatten
from dlcore.errors import ConfigError
from dlcore.runs import Command

DEFAULT, FLAG, FROM_DATA = "default", "flag", "data"


@dataclass(frozen=True)
class ConfigLine:
    """A line of a config."""

    text: str  # the line as YAML, indented
    # Source of the value: ``flag``, a recipe's name, ``checkpoint``, ``data`` (a fact of the data, as the number
    # of classes) or ``default``; empty for a section's name.
    source: str
    name: str  # the setting's name as in a flag: ``model.dropout``


def config_lines(command: Command, everything: bool = False) -> list[ConfigLine]:
    """Return the lines of a command's config; together they are YAML.

    Args:
        command: The prepared command.
        everything: Whether to include the trainer's settings with default values.
    """
    sources = _sources(command)
    lines = list(_lines(command.config_dump, sources, indent=0, path=""))
    if not everything:
        lines = [line for line in lines if not (line.name.startswith("trainer.") and line.source == DEFAULT)]
    return lines


def _sources(command: Command) -> dict[str, str]:
    """Return the source of each setting that is not a default."""
    settings = command.settings
    counting = dict(flatten(settings.config))  # without the classes that flags replace, and their arguments
    found: dict[str, str] = {}
    for layer in settings.layers:
        found |= {name: layer.source for name, _ in flatten(layer.config) if name in counting}
        # An empty section (`progress_display: {}`) has no settings, but switches something on.
        found |= {name: layer.source for name, value in layer.config.items() if value == {}}
    found |= dict.fromkeys(command.linked, FROM_DATA)
    for flag in settings.request.flags:
        name = flag.name.replace(".init_args", "").removesuffix(".class_path").removesuffix("+")
        found[name] = FLAG
        value = _parsed(flag.value)
        if isinstance(value, dict):
            found |= {inner: FLAG for inner, _ in flatten(value, name)}
    return found


def _parsed(text: str | None) -> Any:
    try:
        return strict_yaml.load(text, "") if text else None
    except ConfigError:
        return None


def _lines(config: dict[str, Any], sources: dict[str, str], indent: int, path: str) -> Iterator[ConfigLine]:
    blanks = "  " * indent
    for key, value in config.items():
        inside = f"{path}.{key}" if path else str(key)
        name = path if path and key in ("class_path", "init_args") else inside  # same names as `flatten`
        if isinstance(value, dict) and value:
            # The source belongs to the inner lines; a section has one itself only if all inner lines are defaults.
            inner = list(_lines(value, sources, indent + 1, name))
            chosen = any(line.source != DEFAULT for line in inner if line.source)
            own = sources.get(name, "") if key != "init_args" and "class_path" not in value and not chosen else ""
            yield ConfigLine(f"{blanks}{key}:", own, "")
            yield from inner
        else:
            yield ConfigLine(f"{blanks}{key}: {_flow(value)}", sources.get(name, DEFAULT), name)


def _flow(value: Any) -> str:
    """Return a value as YAML in one line."""
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=float("inf"))
    return text.removesuffix("\n").removesuffix("\n...")
