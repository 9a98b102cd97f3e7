"""Access to a text run's tokenizer for callbacks, with any model and data that have the attributes."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import LightningModule, Trainer

from dlcore.errors import ArgumentError
from dlcore.text import Tokenizer


def tokenizer_of(trainer: Trainer, model: LightningModule, section: str) -> Tokenizer:
    """Return the tokenizer of the run's data."""
    remedy = f"Switch it off: --{section} off"
    if not hasattr(model, "scores"):
        raise ArgumentError(section, "a text model, which has scores (TextRNN)", type(model).__name__, remedy)
    datamodule: Any = trainer.datamodule  # type: ignore[attr-defined]
    tokenizer = getattr(datamodule, "tokenizer", None)
    if tokenizer is None:
        raise ArgumentError(section, "data with a tokenizer (ChineseCorpus)", type(datamodule).__name__, remedy)
    return tokenizer
