"""The report of a text model's test: bits per character by position and by frequency, and intervals from documents."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from dlcore.callbacks.logged_figures import evaluating
from dlcore.evaluation.bootstrap import Estimate, bootstrap, text_statistic
from dlcore.nn import LanguageModeling
from dlcore.nn.metrics import SPELLING_BITS
from dlcore.text import UNKNOWN
from dlcore.text.token_losses import Bin, TokenLosses, held_out_documents, token_losses
from dlcore.text.token_store import TokenPart

if TYPE_CHECKING:
    from dlcore.runs.command import Command

_MOST = 20_000  # tokens that are read


@dataclass(frozen=True)
class TextBin:
    """Tokens in a range of positions or of frequencies.

    Attributes:
        label: The range.
        bits: Bits per character; NaN if the tokens have no characters, as ends of documents.
        tokens: Number of tokens.
    """

    label: str
    bits: float
    tokens: int


@dataclass(frozen=True)
class TextReport:
    """How well a text model predicts documents that it reads from their beginnings.

    Attributes:
        by_position: Bits per character by position of the token in its document.
        by_frequency: Bits per character by how often the token is in the training text; empty without that.
        bits: Bits per character of all the documents.
        documents: Documents that were read.
        tokens: Tokens in them.
        estimates: The metrics with intervals for the whole test text.
    """

    by_position: list[TextBin]
    by_frequency: list[TextBin]
    bits: float
    documents: int
    tokens: int
    estimates: dict[str, Estimate]


def report_text(command: Command) -> TextReport | None:
    """Return the report of a text model on its test text, at most 20,000 tokens spread over it; None for others.

    A metric's interval is the spread between documents, which are drawn again and again. Documents that were read are
    part of the test only: the spread is narrowed by √(documents read / all documents).
    """
    part = getattr(command.datamodule, "parts", {}).get("test")
    if not isinstance(getattr(command.model, "task", None), LanguageModeling) or not isinstance(part, TokenPart):
        return None
    tokenizer = command.datamodule.known_tokenizer
    with evaluating(command.model):
        losses = token_losses(command.model, held_out_documents(part, _MOST))
    characters = np.array(tokenizer.vocabulary.characters(tokenizer.unknown_characters))[losses.tokens]
    bits = losses.losses / math.log(2) + SPELLING_BITS * characters * (losses.tokens == UNKNOWN)
    of_bits, of_characters = replace(losses, losses=bits), replace(losses, losses=characters)
    training = getattr(command.datamodule, "parts", {}).get("train")
    by_frequency: list[TextBin] = []
    if isinstance(training, TokenPart):
        counts = training.word_counts(len(tokenizer.vocabulary))
        by_frequency = _bins(of_bits.by_frequency(counts), of_characters.by_frequency(counts))
    return TextReport(
        _bins(of_bits.by_position(), of_characters.by_position()),
        by_frequency,
        float(bits.sum() / characters.sum()) if characters.any() else math.nan,
        int(losses.documents.max()) + 1 if len(losses.documents) else 0,
        len(bits),
        _estimates(command, losses, bits, characters, part.documents),
    )


def _bins(bits: list[Bin], characters: list[Bin]) -> list[TextBin]:
    return [
        TextBin(each.label, each.loss / one.loss if one.loss else math.nan, each.tokens)
        for each, one in zip(bits, characters, strict=True)
    ]


def _estimates(
    command: Command, losses: TokenLosses, bits: np.ndarray, characters: np.ndarray, documents: int
) -> dict[str, Estimate]:
    """Return the logged metrics, with the spread of the documents laid around them."""

    def sums(values: np.ndarray) -> np.ndarray:
        return np.bincount(losses.documents, values)

    counts = np.stack([sums(np.ones(len(bits))), sums(characters), sums(losses.tokens == UNKNOWN), sums(losses.right)])
    read = counts.shape[1]
    found = bootstrap(text_statistic(sums(losses.losses), sums(bits), counts), read)
    narrower = math.sqrt(read / documents)
    logged = {name.partition("/")[2]: float(value) for name, value in command.output[0].items()}
    return {
        name: Estimate(logged[name], *(logged[name] + narrower * (end - each.value) for end in (each.low, each.high)))
        for name, each in found.items()
        if name in logged
    }
