"""What the text network of a recipe or a checkpoint remembers of its data's held-out text."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import LightningDataModule, LightningModule

from dlcore.callbacks.logged_figures import evaluating
from dlcore.errors import FitError
from dlcore.insight.short_training import read_data
from dlcore.text.memory import MemoryReport, measure_memory


def memory_of_run(
    model: LightningModule, datamodule: LightningDataModule, lags: int = 64, windows: int = 64, seed: int = 0
) -> MemoryReport:
    """Measure what a text model remembers, on the validation text of its data.

    Args:
        model: A text model (TextRNN), with the weights to look at.
        datamodule: Data of text (ChineseCorpus); they are read.
        lags: Greatest lag of the gradient, at least 1.
        windows: Pieces of text over which the gradient is averaged, at least 1.
        seed: Seed of the generated texts, at least 0.

    Raises:
        FitError: It is not a text model, or the data are not text.
        CheckpointError: The network's scores are not finite.
    """
    if not hasattr(model, "scores"):
        raise FitError(
            f"model: expected a text model, which has scores (TextRNN), got {type(model).__name__}. For example: "
            "python -m dlcore show memory -c rnn_lyrics"
        )
    read_data(datamodule)
    data: Any = datamodule
    tokenizer = getattr(data, "tokenizer", None)
    if tokenizer is None:
        raise FitError(f"data: expected text with a tokenizer (ChineseCorpus), got {type(data).__name__}.")
    with evaluating(model):
        return measure_memory(model, tokenizer, data.parts["train"], data.parts["val"], lags, windows, seed=seed)
