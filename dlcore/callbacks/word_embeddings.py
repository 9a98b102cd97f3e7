"""Word embeddings of a text model in TensorBoard's projector."""

from __future__ import annotations

from pathlib import Path
from typing import Any, final

from lightning.pytorch import Callback, LightningModule, Trainer

from dlcore.callbacks.logged_figures import run_loggers, say_without_run_logger, tokenizer_of
from dlcore.errors import check_number
from dlcore.text import END

_FOLDER = "words"


@final
class WordEmbeddings(Callback):
    """Writes the embeddings of the most frequent words, with the words as labels, for TensorBoard's PROJECTOR tab.

    Runs once, at the end of a fit, in the background.

    Args:
        num_words: How many words, the most frequent first, 2 to 100,000; fewer where there are fewer.

    Raises:
        ArgumentError: The number is out of range, or the run is not about text.
    """

    def __init__(self, num_words: int = 2000) -> None:
        check_number("num_words", num_words, at_least=2, at_most=100_000, whole=True)
        self.num_words = num_words

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check that the run is about text."""
        say_without_run_logger(trainer, self)
        tokenizer_of(trainer, pl_module, "word_embeddings")

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the embeddings."""
        if not trainer.is_global_zero:
            return
        words = tokenizer_of(trainer, pl_module, "word_embeddings").vocabulary.words
        places = slice(END + 1, END + 1 + self.num_words)
        labels = [label(word) for word in words[places]]
        embeddings: Any = pl_module.embeddings
        vectors = embeddings[places].detach().float().cpu().clone()
        for logger in run_loggers(trainer):
            if (Path(logger.log_dir) / f"{trainer.global_step:05}" / _FOLDER).exists():
                continue  # a resumed run that took no step
            logger.background.submit(
                logger.experiment.add_embedding, vectors, metadata=labels, global_step=trainer.global_step, tag=_FOLDER
            )


def label(word: str) -> str:
    """Return a word's label without tabs and line breaks, which separate cells and rows of the projector's table."""
    named = {"\n": "⏎", "\t": "⇥", " ": "␣"}
    return "".join(named.get(sign) or (sign if sign.isprintable() else f"\\u{ord(sign):04x}") for sign in word)
