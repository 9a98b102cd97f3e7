"""A name with arguments in one line of text, as configs and flags hold it: ``leaky_relu(negative_slope=0.2)``."""

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
    """A name and the literal values in brackets behind it. Nothing is evaluated but literals.

    Attributes:
        argument: Whose value the text is (``activation``), for messages.
        text: The text itself.
        name: The name before the brackets.
        positional: Values without a name, in order.
        named: Values by name.
    """

    argument: str
    text: str
    name: str
    positional: tuple[Any, ...]
    named: dict[str, Any]

    def values(self, owner: str, defaults: Mapping[str, Any]) -> dict[str, Any]:
        """Check the values that were given, and fill in the others.

        Args:
            owner: What the arguments belong to, for messages (``LeakyReLU``).
            defaults: Its arguments in order, each with its default; `REQUIRED` for a number without one. A value must
                be of its default's kind: a number for a number, text for text, true or false for those.

        Raises:
            UnknownNameError: It has no argument of that name.
            ArgumentError: A value is of another kind, given twice, or missing, or there are too many.
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
                raise ArgumentError(
                    f"{self.argument}.{name}",
                    f"a number, which {owner} needs",
                    None,
                    f"For example: {owner}({example})",
                )
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
    """Read a name, or a name with literal arguments in brackets.

    Args:
        argument: Whose value the text is, for messages.
        text: ``relu``, ``leaky_relu(negative_slope=0.2)`` or ``leaky_relu(0.2)``.

    Raises:
        ArgumentError: The text is neither.
    """
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
