"""Parser for a name with arguments in brackets, as in configs and flags: ``leaky_relu(negative_slope=0.2)``."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dlcore.errors import ArgumentError, UnknownNameError, check_number

REQUIRED = object()
"""Stands for the default of an argument that must be given."""


@dataclass(frozen=True)
class CallText:
    """Name with literal values in brackets. Only literals are evaluated."""

    argument: str  # argument that has the text as its value (``activation``), for messages
    text: str  # the text itself
    name: str  # the name before the brackets
    positional: tuple[Any, ...]  # values without a name, in order
    named: dict[str, Any]  # values by name

    def values(self, owner: str, defaults: Mapping[str, Any]) -> dict[str, Any]:
        """Check the given values, and add the defaults of the others.

        The owner of the arguments is for messages (``LeakyReLU``). defaults are its arguments in order, `REQUIRED` for
        a number without one; a value must have the kind of its default: number, string or bool.
        """
        if not defaults and (self.positional or self.named):
            raise ArgumentError(self.argument, f"{owner} without arguments", self.text)
        if len(self.positional) > len(defaults):
            raise ArgumentError(self.argument, f"no more in brackets than {', '.join(defaults)}", self.text)
        given = dict(zip(defaults, self.positional, strict=False))
        for name, value in self.named.items():
            if name not in defaults:
                raise UnknownNameError(f"argument of {owner} (in {self.argument})", name, defaults)
            if name in given:
                raise ArgumentError(f"{self.argument}.{name}", "one value", self.text)
            given[name] = value
        for name, default in defaults.items():
            if name in given:
                self._check_kind(name, given[name], default)
            elif default is REQUIRED:
                example = ", ".join(f"{each}=0.1" for each, value in defaults.items() if value is REQUIRED)
                expected, remedy = f"a number, which {owner} needs", f"For example: {owner}({example})"
                raise ArgumentError(f"{self.argument}.{name}", expected, None, remedy)
        return {name: default for name, default in defaults.items() if name not in given} | given

    def _check_kind(self, name: str, value: Any, default: Any) -> None:
        where = f"{self.argument}.{name}"
        if isinstance(default, bool):
            if not isinstance(value, bool):
                raise ArgumentError(where, "True or False", value)
        elif isinstance(default, str):
            if not isinstance(value, str):
                raise ArgumentError(where, "text in quotes", value)
        else:
            check_number(where, value)


def read_call(argument: str, text: str) -> CallText:
    """Read a name, or a name with literal arguments in brackets: ``leaky_relu(negative_slope=0.2)``."""
    text = text.strip()
    if "(" not in text:
        return CallText(argument, text, text, (), {})
    try:
        call = ast.parse(text, mode="eval").body
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
            raise ValueError("no call")
        positional = tuple(ast.literal_eval(value) for value in call.args)
        named = {str(word.arg): ast.literal_eval(word.value) for word in call.keywords if word.arg is not None}
        if len(named) != len(call.keywords):
            raise ValueError("** is no literal")
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError) as error:
        expected = "a name, or a name with plain values in brackets, text in quotes, as in name(number=0.2, text='x')"
        raise ArgumentError(argument, expected, text) from error
    return CallText(argument, text, call.func.id, positional, named)
