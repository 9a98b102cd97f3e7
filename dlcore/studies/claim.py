"""The language of claims: ``accuracy("lr 0.1") < 0.4 and accuracy("lr 0.001") > 0.85``.

A claim is a Python expression, plus percentages. Values are numbers (``0.4``, ``1e-3``, ``40%``) and results of a
variant: ``accuracy("NAME")`` and the other `QUANTITIES`. They are combined by ``+ - * /`` and brackets, compared by
``< <= > >=`` (also ``0.2 < x < 0.4``), and comparisons are combined by ``and``, ``or``, ``not`` and brackets. Python
parses the text; nothing of it is run.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from dlcore.errors import ConfigError, nearest

# Name: number of arguments after the variant, and the meaning.
QUANTITIES: dict[str, tuple[int, str]] = {
    "accuracy": (0, "accuracy on the validation samples at the end"),
    "best_accuracy": (0, "highest accuracy on the validation samples"),
    "train_accuracy": (0, "accuracy on the training samples at the end"),
    "test_accuracy": (0, "accuracy of the best checkpoint on the test samples"),
    "gap": (0, "by how much validation accuracy is worse than training accuracy at the end"),
    "loss": (0, "loss on the validation samples at the end"),
    "best_loss": (0, "lowest loss on the validation samples"),
    "train_loss": (0, "loss on the training samples at the end"),
    "loss_gap": (0, "by how much validation loss is worse (higher) than training loss at the end"),
    "accuracy_after": (1, "accuracy on the validation samples after so many epochs"),
    "epochs_to": (1, "epochs until the validation accuracy is at least so much; infinite if it never is"),
    "weight_std": (0, "standard deviation of all weights at the end"),
    "weight_reach": (0, "what 95% of all weights lie within, on both sides of 0, at the end"),
    "lr_cuts": (0, "how often the learning rate was cut"),
    "parameters": (0, "trained parameters"),
    "seconds": (0, "seconds of training"),
}
# Those that are shares of 1, shown as percentages.
SHARES = ("accuracy", "best_accuracy", "train_accuracy", "test_accuracy", "gap", "accuracy_after")
# last("val/rmse", "NAME") and the like accept any logged metric.
ANY_METRIC = {"last": "a metric's last value", "lowest": "its lowest value", "highest": "its highest value"}

_LONGEST, _DEEPEST = 2_000, 50
_SIGNS: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_RELATIONS: dict[type[ast.cmpop], str] = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
_VALUE = 'a number or a quantity such as accuracy("NAME")'
_CONDITION = 'a comparison such as accuracy("A") > accuracy("B") + 0.02'
_NEVER_EQUAL = " Two measured numbers are never equal: give a range, as in 0.84 < x < 0.86."
_TEXT_OR_PERCENT = re.compile(r"\"[^\"]*\"|'[^']*'|(?<=[\d.])\s*%")
_TOKEN = re.compile(r"\w+|\"[^\"]*\"|'[^']*'|[<>=!]=|\S")


@dataclass(frozen=True)
class Quantity:
    """A result of a variant: its name, the variant's, and a metric or a number if the quantity has that argument."""

    name: str
    variant: str
    metric: str = ""
    at: float = 0.0
    column: int = 0

    def __str__(self) -> str:
        first = f'"{self.metric}", ' if self.metric else ""
        at = f", {self.at:g}" if QUANTITIES.get(self.name, (0,))[0] else ""
        return f'{self.name}({first}"{self.variant}"{at})'


@dataclass(frozen=True)
class Arithmetic:
    """Two values joined by ``+ - * /``."""

    sign: str
    left: Value
    right: Value


@dataclass(frozen=True)
class Comparison:
    """Two values compared."""

    relation: str
    left: Value
    right: Value
    text: str


@dataclass(frozen=True)
class Logic:
    """``and``, ``or`` or ``not`` of conditions."""

    word: str
    parts: tuple[Condition, ...]


Value = float | Quantity | Arithmetic
Condition = Comparison | Logic


@dataclass(frozen=True)
class Expression:
    """A parsed claim: its text and its condition."""

    text: str
    condition: Condition

    def quantities(self) -> Iterator[Quantity]:
        """Yield all quantities of variants in it, in order."""
        return (node for node in nodes_of(self.condition) if isinstance(node, Quantity))


def nodes_of(node: Condition | Value) -> Iterator[Condition | Value]:
    """Yield a condition or a value and all its parts, in order."""
    yield node
    if isinstance(node, Logic):
        for part in node.parts:
            yield from nodes_of(part)
    elif isinstance(node, Arithmetic | Comparison):
        yield from nodes_of(node.left)
        yield from nodes_of(node.right)


def read_claim(text: str, where: str = "claim") -> Expression:
    """Read a claim.

    Raises:
        ConfigError: It is not a valid claim; the message is ``where, column N: expected …, got …``.
    """
    if len(text) > _LONGEST:
        raise ConfigError(f"{where}: expected at most {_LONGEST:,} characters, got {len(text):,}.")
    return Expression(" ".join(text.split()), _Reader(text.strip(), where).read())


class _Reader:
    """Turns Python's syntax tree of a claim into conditions and values."""

    def __init__(self, text: str, where: str) -> None:
        self.text, self.where = text, where

    def read(self) -> Condition:
        """Parse a copy of equal length, so that Python's columns are those of the text.

        A percentage becomes an imaginary number (40% is 40j). Signs that are not ASCII (whose bytes Python counts),
        backslashes (escapes) and # (a comment) become underscores: names in quotes are read from the text itself.
        """
        source = _TEXT_OR_PERCENT.sub(lambda each: f"j{each[0][:-1]}" if each[0][-1] == "%" else each[0], self.text)
        source = re.sub(r"[^ -~]|[\\#]", lambda sign: " " if sign[0].isspace() else "_", source)
        try:
            return self.condition(ast.parse(source, mode="eval").body, 0)
        except SyntaxError as error:
            if "nested" in error.msg:
                raise self.too_deep(0) from error
            why = "" if error.msg.startswith("invalid syntax") else f" ({error.msg})"
            raise self.wrong(_CONDITION + why, error.offset - 1 if error.offset else len(self.text)) from error
        except (MemoryError, RecursionError) as error:
            raise self.too_deep(0) from error

    def written(self, node: ast.expr) -> str:
        percent = re.match(r"\s*%", self.text[node.end_col_offset :])
        return " ".join(f"{self.text[node.col_offset : node.end_col_offset]}{'%' * bool(percent)}".split())

    def wrong(self, expected: str, place: int) -> ConfigError:
        token = _TOKEN.search(self.text, place)
        got, place = (repr(token[0]), token.start()) if token else ("its end", place)
        hint = _NEVER_EQUAL if token and token[0] in ("=", "==", "!=") else ""
        return ConfigError(f"{self.where}, column {place + 1}: expected {expected}, got {got}.{hint}")

    def too_deep(self, place: int) -> ConfigError:
        limit = f"at most {_DEEPEST} brackets in each other, or signs"
        return ConfigError(f"{self.where}, column {place + 1}: expected {limit}.")

    def condition(self, node: ast.expr, depth: int) -> Condition:
        if depth > _DEEPEST:
            raise self.too_deep(node.col_offset)
        if isinstance(node, ast.BoolOp):
            word = "and" if isinstance(node.op, ast.And) else "or"
            return Logic(word, tuple(self.condition(part, depth + 1) for part in node.values))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return Logic("not", (self.condition(node.operand, depth + 1),))
        if not isinstance(node, ast.Compare):
            self.value(node, depth)
            raise self.wrong("<, <=, > or >=", node.end_col_offset or 0)
        parts: list[Condition] = []
        for sign, (left, right) in zip(node.ops, pairwise([node.left, *node.comparators]), strict=True):
            if type(sign) not in _RELATIONS:
                raise self.wrong("<, <=, > or >=", left.end_col_offset or 0)
            relation = _RELATIONS[type(sign)]
            text = f"{self.written(left)} {relation} {self.written(right)}"
            parts.append(Comparison(relation, self.value(left, depth), self.value(right, depth), text))
        return parts[0] if len(parts) == 1 else Logic("and", tuple(parts))

    def value(self, node: ast.expr, depth: int) -> Value:
        if depth > _DEEPEST:
            raise self.too_deep(node.col_offset)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return Arithmetic("-", 0.0, self.value(node.operand, depth + 1))
        if isinstance(node, ast.BinOp) and type(node.op) in _SIGNS:
            return Arithmetic(
                _SIGNS[type(node.op)], self.value(node.left, depth + 1), self.value(node.right, depth + 1)
            )
        if isinstance(node, ast.Call):
            return self.quantity(node)
        return self.number(node, _VALUE)

    def number(self, node: ast.expr, expected: str = "a number") -> float:
        number = node.value if isinstance(node, ast.Constant) else None
        if isinstance(number, complex) and "j" not in self.written(node).lower():
            return number.imag / 100
        if isinstance(number, int | float) and not isinstance(number, bool) and "_" not in self.written(node):
            return float(number)
        raise self.wrong(expected, node.col_offset)

    def quantity(self, node: ast.Call) -> Quantity:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in QUANTITIES and name not in ANY_METRIC:
            near = nearest(name, [*QUANTITIES, *ANY_METRIC])
            expected = f"{near}, or another quantity" if near else f"one of {', '.join(QUANTITIES)}"
            raise self.wrong(expected, node.col_offset)
        has_number = bool(QUANTITIES.get(name, (0,))[0])
        form = ['"METRIC"'] * (name in ANY_METRIC) + ['"NAME"'] + ["NUMBER"] * has_number
        if node.keywords or len(node.args) != len(form):
            place = f"{self.where}, column {node.col_offset + 1}"
            raise ConfigError(f"{place}: expected {name}({', '.join(form)}), got {self.written(node)}.")
        metric = self.name(node.args[0], "a metric in quotes") if name in ANY_METRIC else ""
        variant = self.name(node.args[len(form) - 1 - has_number], "the variant's name in quotes")
        return Quantity(name, variant, metric, self.number(node.args[-1]) if has_number else 0.0, node.col_offset)

    def name(self, node: ast.expr, expected: str) -> str:
        text = self.text[node.col_offset : node.end_col_offset]
        if not isinstance(node, ast.Constant) or text[0] not in "\"'" or text[0] in text[1:-1]:
            raise self.wrong(expected, node.col_offset)
        return text[1:-1]
