"""What a text network remembers, at the end of a fit."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, final

from lightning.pytorch import Callback, LightningModule, Trainer

from dlcore.callbacks.logged_figures import evaluating, log_figure, run_loggers, say_without_run_logger, tokenizer_of
from dlcore.callbacks.metric_callback import record, say
from dlcore.errors import ArgumentError, CheckpointError, check_number, never_fatal
from dlcore.lightning_compat import data_module_of
from dlcore.text.memory import MemoryReport, measure_memory
from dlcore.text.token_store import TokenPart
from dlcore.tracking.figures.text_memory import text_memory
from dlcore.tracking.run_file import run_title
from dlcore.translation import _


@final
class TextMemory(Callback):
    """Measures what a text network remembers, once, at the end of a fit: for TensorBoard, `explain` and memory.png.

    Four charts: the gradient of a token's loss by the embeddings of the tokens before it, so how far back the loss
    reaches; the loss by position in the document; the loss by frequency of the token in the training text; what
    generated texts copy from the training text, beside held-out text. Training draws the same random numbers with and
    without it.

    Args:
        lags: Greatest number of tokens back, 1 to 4,096.
        windows: Pieces of the validation text over which the gradient is averaged, 1 to 4,096.
        num_tokens: Tokens of the validation whose loss is computed, about; at least 1.
        seed: Seed of the generated texts, at least 0.

    Raises:
        ArgumentError: A value is out of range, or the run is not about text.
    """

    def __init__(self, lags: int = 64, windows: int = 12, num_tokens: int = 2000, seed: int = 0) -> None:
        check_number("lags", lags, at_least=1, at_most=4096, whole=True)
        check_number("windows", windows, at_least=1, at_most=4096, whole=True)
        check_number("num_tokens", num_tokens, at_least=1, whole=True)
        check_number("seed", seed, at_least=0, whole=True)
        self.lags, self.windows, self.num_tokens, self.seed = lags, windows, num_tokens, seed

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check that the run is about text."""
        say_without_run_logger(trainer, self)
        tokenizer_of(trainer, pl_module, "text_memory")
        parts = getattr(data_module_of(trainer), "parts", {})
        if not all(isinstance(parts.get(name), TokenPart) for name in ("train", "val")):
            name = type(data_module_of(trainer)).__name__
            remedy = "Switch it off: --text_memory off"
            raise ArgumentError(
                "text_memory", "data with tokens to train and to validate (ChineseCorpus)", name, remedy
            )

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Measure, record and draw."""
        if not run_loggers(trainer):
            return
        # Measure on all processes: with sharded parameters, a single process would deadlock.
        with (
            never_fatal("the memory of the network", partial(say, trainer)),
            suppress(CheckpointError),  # a diverged training: others report it
        ):
            report = self._measure(trainer, pl_module)
            numbers = {
                "reach": report.reach,
                "lags": len(report.gradient) - 1,
                "growth": report.growth,
                "characters": report.samples.characters,
                "copied": len(report.samples.copied),
                "copied_held_out": len(report.held_out.copied),
                "distinct_2": report.samples.distinct[1],
                "distinct_2_held_out": report.held_out.distinct[1],
            }
            record(trainer, "text_memory", _in_words(report), **numbers)
            if trainer.is_global_zero:
                length = getattr(data_module_of(trainer), "sequence_length", None)
                title = f"Memory of {run_title(Path(run_loggers(trainer)[0].log_dir))}"
                log_figure(trainer, "text_memory/network", partial(text_memory, report, title, length), "memory.png")

    def _measure(self, trainer: Trainer, model: LightningModule) -> MemoryReport:
        tokenizer = tokenizer_of(trainer, model, "text_memory")
        data: Any = data_module_of(trainer)
        with evaluating(model), trainer.precision_plugin.forward_context():
            return measure_memory(
                model, tokenizer, data.parts["train"], data.parts["val"], self.lags, self.windows, self.num_tokens,
                seed=self.seed,
            )  # fmt: skip


def _in_words(report: MemoryReport) -> str:
    copied = _(
        "the longest span that samples share with the training text has {ours} characters, that of as much held-out "
        "text {theirs}"
    ).format(ours=len(report.samples.copied), theirs=len(report.held_out.copied))
    if report.reach is None:
        return _("Memory: no gradient comes back; {copied}.").format(copied=copied)
    said = _("Memory: 95% of the gradient lies within lag {lag} of {lags}; {copied}.")
    return said.format(lag=report.reach, lags=len(report.gradient) - 1, copied=copied)
