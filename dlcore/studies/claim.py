"""Parsed claims: numbers, quantities of variants, comparisons, and their logical combinations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Number:
    """A number."""

    value: float


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


Value = Number | Quantity | Arithmetic
Condition = Comparison | Logic


@dataclass(frozen=True)
class Expression:
    """A parsed claim: its text and its condition."""

    text: str
    condition: Condition

    def quantities(self) -> Iterator[Quantity]:
        """Yield all quantities of variants in it."""
        yield from quantities_of(self.condition)

    def comparisons(self) -> Iterator[Comparison]:
        """Yield its comparisons, in order."""
        yield from _comparisons(self.condition)


def signs_of(node: Condition | Value) -> Iterator[str]:
    """Yield the signs of its arithmetic."""
    if isinstance(node, Arithmetic):
        yield node.sign
    if isinstance(node, Arithmetic | Comparison):
        yield from signs_of(node.left)
        yield from signs_of(node.right)


def quantities_of(node: Condition | Value) -> Iterator[Quantity]:
    """Yield all quantities of variants in it, in order."""
    if isinstance(node, Quantity):
        yield node
    elif isinstance(node, Arithmetic | Comparison):
        yield from quantities_of(node.left)
        yield from quantities_of(node.right)
    elif isinstance(node, Logic):
        for part in node.parts:
            yield from quantities_of(part)


def _comparisons(node: Condition) -> Iterator[Comparison]:
    if isinstance(node, Comparison):
        yield node
    else:
        for part in node.parts:
            yield from _comparisons(part)
