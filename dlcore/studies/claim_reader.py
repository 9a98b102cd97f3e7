"""The language of claims: ``accuracy("lr 0.1") < 0.4 and accuracy("lr 0.001") > 0.85``.

Values are numbers (``0.4``, ``1e-3``, ``40%``) and results of a variant: ``accuracy("NAME")`` and the other
`dlcore.studies.claim.QUANTITIES`. They are combined by ``+ - * /`` and brackets, compared by ``< <= > >=`` (also
``0.2 < x < 0.4``), and comparisons are combined by ``and``, ``or``, ``not`` and brackets. Nothing is run as Python:
this file has its own parser.

Grammar::

    either     = both {"or" both}
    both       = single {"and" single}
    single     = "not" single | "(" either ")" | comparison
    comparison = sum relation sum {relation sum}
    sum        = product {("+" | "-") product}
    product    = value {("*" | "/") value}
    value      = "-" value | number ["%"] | name "(" text {"," (text | number)} ")" | "(" sum ")"
"""

from __future__ import annotations

import re
from collections.abc import Callable

from dlcore.errors import ConfigError, nearest
from dlcore.studies.claim import (
    ANY_METRIC,
    QUANTITIES,
    Arithmetic,
    Comparison,
    Condition,
    Expression,
    Logic,
    Number,
    Quantity,
    Value,
)

_RELATIONS = ("<", "<=", ">", ">=")
_LONGEST, _DEEPEST = 2_000, 50
_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)|(?P<name>[^\W\d]\w*)"
    r"|(?P<text>\"[^\"]*\"|'[^']*')|(?P<sign><=|>=|==|!=|[<>+\-*/(),%=])|(?P<wrong>\S))"
)


def read_claim(text: str, where: str = "claim") -> Expression:
    """Read a claim.

    Args:
        text: The claim.
        where: Its name in errors: the file and the claim's position in it.

    Raises:
        ConfigError: It is not a valid claim; the message is ``where, column N: expected …, got …``.
    """
    if len(text) > _LONGEST:
        raise ConfigError(f"{where}: expected at most {_LONGEST:,} characters, got {len(text):,}.")
    reader = _Reader(text, where)
    condition = reader.either(0)
    if reader.kind:
        raise reader.wrong("and, or, or the end")
    return Expression(" ".join(text.split()), condition)


class _Reader:
    """Recursive-descent parser of a claim."""

    def __init__(self, text: str, where: str) -> None:
        self.source, self.where = text, where
        self.tokens = [found for found in _TOKEN.finditer(text) if found.lastgroup]
        self.place = 0

    @property
    def kind(self) -> str:
        """Kind of the current token; empty at the end."""
        return self.tokens[self.place].lastgroup or "" if self.place < len(self.tokens) else ""

    @property
    def token(self) -> str:
        return self.tokens[self.place][self.kind] if self.kind else ""

    @property
    def column(self) -> int:
        return self.tokens[self.place].start(self.kind) if self.kind else len(self.source.rstrip())

    def take(self) -> str:
        token, self.place = self.token, self.place + 1
        return token

    def wrong(self, expected: str) -> ConfigError:
        got = f"{self.token!r}" if self.kind else "its end"
        hint = ""
        if self.token in ("==", "=", "!="):
            hint = " Two measured numbers are never equal: say within what, as in 0.84 < x < 0.86."
        return ConfigError(f"{self.where}, column {self.column + 1}: expected {expected}, got {got}.{hint}")

    def expect(self, token: str) -> None:
        if self.token != token:
            raise self.wrong(repr(token))
        self.take()

    # Conditions

    def either(self, depth: int) -> Condition:
        return self.joined("or", lambda: self.both(depth))

    def both(self, depth: int) -> Condition:
        return self.joined("and", lambda: self.single(depth))

    def joined(self, word: str, part: Callable[[], Condition]) -> Condition:
        parts = [part()]
        while self.token == word:
            self.take()
            parts.append(part())
        return parts[0] if len(parts) == 1 else Logic(word, tuple(parts))

    def single(self, depth: int) -> Condition:
        self.check(depth)
        if self.token == "not":
            self.take()
            return Logic("not", (self.single(depth + 1),))
        if self.token == "(" and self.bracket_compares():
            self.take()
            inner = self.either(depth + 1)
            self.expect(")")
            return inner
        return self.comparison(depth)

    def bracket_compares(self) -> bool:
        """Return whether the current bracket holds comparisons, and not a sum."""
        depth = 0
        for found in self.tokens[self.place :]:
            token = found[found.lastgroup or 0]
            depth += (token == "(") - (token == ")")
            if token in _RELATIONS or token in ("and", "or", "not"):
                return True
            if depth == 0:
                return False
        return False

    def comparison(self, depth: int) -> Condition:
        start, left = self.column, self.sum(depth)
        if self.token not in _RELATIONS:
            raise self.wrong("<, <=, > or >=")
        parts: list[Condition] = []
        while self.token in _RELATIONS:
            relation = self.take()
            middle, right = self.column, self.sum(depth)
            end = self.tokens[self.place - 1].end()
            parts.append(Comparison(relation, left, right, " ".join(self.source[start:end].split())))
            start, left = middle, right
        return parts[0] if len(parts) == 1 else Logic("and", tuple(parts))

    # Values

    def sum(self, depth: int) -> Value:
        return self.chain(("+", "-"), lambda: self.chain(("*", "/"), lambda: self.value(depth)))

    def chain(self, signs: tuple[str, str], part: Callable[[], Value]) -> Value:
        left = part()
        while self.token in signs:
            sign = self.take()
            left = Arithmetic(sign, left, part())
        return left

    def value(self, depth: int) -> Value:
        self.check(depth)
        if self.token == "-":
            self.take()
            return Arithmetic("-", Number(0.0), self.value(depth + 1))
        if self.token == "(":
            self.take()
            inner = self.sum(depth + 1)
            self.expect(")")
            return inner
        if self.kind == "number":
            return Number(self.number())
        if self.kind == "name" and self.token not in ("and", "or", "not"):
            return self.quantity()
        raise self.wrong('a number or a quantity such as accuracy("NAME")')

    def number(self) -> float:
        number = float(self.take())
        if self.token == "%":
            self.take()
            number /= 100
        return number

    def quantity(self) -> Quantity:
        column, name = self.column, self.token
        if name not in QUANTITIES and name not in ANY_METRIC:
            near = nearest(name, [*QUANTITIES, *ANY_METRIC])
            raise self.wrong(f"{near}, or another quantity" if near else f"one of {', '.join(QUANTITIES)}")
        self.take()
        self.expect("(")
        metric = self.text("a metric in quotes") if name in ANY_METRIC else ""
        if name in ANY_METRIC:
            self.expect(",")
        variant, at = self.text("the variant's name in quotes"), 0.0
        if QUANTITIES.get(name, (0,))[0]:
            self.expect(",")
            if self.kind != "number":
                raise self.wrong("a number")
            at = self.number()
        self.expect(")")
        return Quantity(name, variant, metric, at, column)

    def text(self, expected: str) -> str:
        if self.kind != "text":
            raise self.wrong(expected)
        return self.take()[1:-1]

    def check(self, depth: int) -> None:
        if depth > _DEEPEST:
            raise ConfigError(
                f"{self.where}, column {self.column + 1}: expected at most {_DEEPEST} brackets in each other."
            )
