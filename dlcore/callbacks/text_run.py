"""What the callbacks of text models ask of a run; they know model and data only by what these offer."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import LightningModule, Trainer

from dlcore.errors import ArgumentError
from dlcore.text import Tokenizer


def tokenizer_of(trainer: Trainer, model: LightningModule, section: str) -> Tokenizer:
    """What cuts text for the model.

    Args:
        trainer: The run's trainer.
        model: Its model.
        section: The section of the callback that asks, for the message.

    Raises:
        ArgumentError: The run is not about text.
    """
    remedy = f"Switch it off: --{section} off"
    if not hasattr(model, "scores"):
        raise ArgumentError(section, "a text model, which has scores (TextRNN)", type(model).__name__, remedy)
    datamodule: Any = trainer.datamodule  # type: ignore[attr-defined]
    tokenizer = getattr(datamodule, "tokenizer", None)
    if tokenizer is None:
        raise ArgumentError(section, "data with a tokenizer (ChineseCorpus)", type(datamodule).__name__, remedy)
    return tokenizer
