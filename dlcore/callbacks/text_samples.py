"""Texts that a model generates during training."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any, final

from lightning.pytorch import LightningModule, Trainer

from dlcore.callbacks.logged_figures import evaluating, run_loggers, say_without_run_logger, tokenizer_of
from dlcore.callbacks.metric_callback import MetricCallback
from dlcore.errors import CheckpointError, check_number
from dlcore.lightning_compat import data_module_of
from dlcore.text import Vocabulary
from dlcore.text.constrained_decoding import ConstrainedDecoder
from dlcore.text.copied_text import TextStatistics
from dlcore.text.generation import GeneratedText, generate_texts
from dlcore.text.memory import sample_statistics, training_text
from dlcore.text.sampling import Sampling
from dlcore.text.text_constraints import TextConstraints
from dlcore.text.token_store import TokenPart
from dlcore.text.tokenizer import read_prompt

_LONGEST_TAG = 20


@final
class TextSamples(MetricCallback):
    """Writes texts for the same prompts with the same random numbers at each validation, and shows them in TensorBoard.

    The TEXT tab has one card per prompt, and one with the longest span that the texts copy from the training text and
    their distinct n-grams, beside those of as much held-out text. Training draws the same random numbers with and
    without this callback.

    Args:
        prompts: Beginnings of the texts; an empty one starts a new document.
        length: Characters of each text, without its prompt.
        temperature: Scores are divided by it, above 0: below 1 is more careful.
        top_k: Draw from the k most likely words only; 0: from all.
        top_p: Draw from the fewest words whose probabilities add up to at least this, in (0, 1].
        seed: Seed of the random numbers, at least 0.
        every_n_epochs: Epochs from one set of texts to the next, at least 1; every validation of such an epoch writes.

    Raises:
        ArgumentError: A value is out of range, or the run is not about text.
    """

    def __init__(
        self,
        prompts: list[str] = ["", "我", "春天"],  # noqa: B006 (never changed; a plain list is what --help shows)
        length: int = 100,
        temperature: float = 1.0,
        top_k: int = 50,
        top_p: float = 1.0,
        seed: int = 0,
        every_n_epochs: int = 1,
    ) -> None:
        check_number("seed", seed, at_least=0, whole=True)
        check_number("every_n_epochs", every_n_epochs, at_least=1, whole=True)
        self.prompts, self.seed, self.every_n_epochs = list(prompts), seed, every_n_epochs
        self._training: tuple[Vocabulary, str] | None = None  # the training text in the words of a vocabulary
        self.form, self.sampling = TextConstraints(length), Sampling(temperature=temperature, top_k=top_k, top_p=top_p)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check that the run is about text."""
        super().on_train_start(trainer, pl_module)
        say_without_run_logger(trainer, self)
        ConstrainedDecoder(self.form, tokenizer_of(trainer, pl_module, "text_samples").vocabulary)

    def on_metrics(self, trainer: Trainer, model: LightningModule) -> None:
        """Generate and log the texts every `every_n_epochs`."""
        if (trainer.current_epoch + 1) % self.every_n_epochs or not self.prompts:
            return
        tokenizer = tokenizer_of(trainer, model, "text_samples")
        guide = ConstrainedDecoder(self.form, tokenizer.vocabulary, model.device)
        prompts = [read_prompt(prompt, tokenizer) for prompt in self.prompts]
        scores: Any = model.scores
        # Generate on all processes: with sharded parameters, a single process would deadlock.
        try:
            with evaluating(model), trainer.precision_plugin.forward_context():
                texts = list(generate_texts(scores, guide, prompts, self.sampling, seed=self.seed))
        except CheckpointError:  # a diverged training continues; others report it
            return
        if trainer.is_global_zero:
            compared = self._compared(trainer, [text.generated for text in texts], tokenizer.vocabulary)
            for logger in run_loggers(trainer):
                if compared:
                    logger.log_text("samples/copies", compared, trainer.global_step)
                for number, text in enumerate(texts, start=1):
                    logger.log_text(f"samples/{tag(text.prompt, number)}", as_markdown(text), trainer.global_step)

    def _compared(self, trainer: Trainer, texts: list[str], vocabulary: Vocabulary) -> str:
        """Return the figures of texts and of held-out text as a table; empty for data that keep no tokens."""
        training, held_out = (getattr(data_module_of(trainer), "parts", {}).get(name) for name in ("train", "val"))
        if not isinstance(training, TokenPart) or not isinstance(held_out, TokenPart):
            return ""
        if self._training is None or self._training[0] is not vocabulary:
            self._training = vocabulary, training_text(training, vocabulary)
        ours, theirs = sample_statistics(texts, self._training[1], held_out, vocabulary)
        return statistics_table({"samples": ours, "held-out text": theirs})


def statistics_table(rows: Mapping[str, TextStatistics]) -> str:
    """Format figures of texts as a Markdown table."""
    lines = ["| text | characters | longest copy | it reads | distinct-1 | distinct-2 | distinct-3 |", "|---" * 7 + "|"]
    for name, text in rows.items():
        shares = " | ".join(f"{share:.3f}" for share in text.distinct)
        copied = _literal(text.copied.replace("\n", "⏎"))
        lines.append(f"| {name} | {text.characters:,} | {len(text.copied)} | {copied} | {shares} |")
    return "\n".join(lines)


def tag(prompt: str, number: int) -> str:
    """Return a card's name: the prompt's number and its beginning, without ``/`` and line breaks."""
    words = re.sub(r"[\s/]+", " ", prompt).strip()
    short = words if len(words) <= _LONGEST_TAG else f"{words[:_LONGEST_TAG]}…"
    return f"{number} {short or 'beginning of a text'}"


def as_markdown(text: GeneratedText) -> str:
    """Format a text for TensorBoard: verbatim, with a bold prompt and the perplexity below."""
    prompt = f"<strong>{_literal(text.prompt)}</strong>" if text.prompt else ""
    return f"{prompt}{_literal(text.generated)}\n\n*perplexity {text.perplexity:.1f}*"


def _literal(text: str) -> str:
    """Escape all characters that are special in Markdown and HTML."""
    escaped = re.sub(r"[\\`*_{}\[\]()#+.!|~:=^$>-]", lambda found: f"&#{ord(found[0])};", html.escape(text))
    return escaped.replace("\n", "<br>").replace("  ", " &nbsp;")
