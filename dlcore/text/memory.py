"""What a text network remembers, in numbers: reach of its gradient, losses of held-out tokens, copied text.

Shapes: K lags, V vocabulary.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from dlcore.text.constrained_decoding import ConstrainedDecoder
from dlcore.text.copied_text import TextStatistics, joined, text_statistics
from dlcore.text.generation import generate_texts
from dlcore.text.gradient_by_lag import gradient_by_lag, reach
from dlcore.text.sampling import Sampling
from dlcore.text.text_constraints import TextConstraints
from dlcore.text.token_losses import Bin, held_out_documents, token_losses
from dlcore.text.token_store import TokenPart
from dlcore.text.tokenizer import Tokenizer, read_prompt
from dlcore.text.vocabulary import UNKNOWN, Vocabulary

_SEARCHED = 1 << 22  # training tokens that are searched for copies, at most
_UNKNOWN = "\x02"  # unknown words of the training text: no copy of anything
_END = re.compile(r"\n\n+")


@dataclass(frozen=True)
class MemoryReport:
    """What a text network remembers.

    Attributes:
        gradient: Norm of the loss's gradient by the embedding, by lag (K + 1,); see `gradient_by_lag`.
        loss: Mean loss of the held-out tokens that were looked at, nats per token.
        by_position: Their loss by position in the document.
        by_frequency: Their loss by frequency of the token in the training text.
        samples: Figures of generated texts.
        held_out: The same of held-out text of equal length.
    """

    gradient: list[float]
    loss: float
    by_position: list[Bin]
    by_frequency: list[Bin]
    samples: TextStatistics
    held_out: TextStatistics

    @property
    def reach(self) -> int | None:
        """The lag within which 95% of the gradient lies; None if it is 0 or not finite."""
        return reach(self.gradient)

    @property
    def growth(self) -> float:
        """The gradient at the last quarter of the lags, divided by that at lag 0: far above 1, it explodes."""
        far = float(np.mean(self.gradient[-max(1, len(self.gradient) // 4) :]))
        return far / self.gradient[0] if self.gradient[0] else float("nan")


def measure_memory(
    model: nn.Module,
    tokenizer: Tokenizer,
    training: TokenPart,
    held_out: TokenPart,
    lags: int = 64,
    windows: int = 64,
    most_tokens: int = 20_000,
    num_samples: int = 8,
    sample_length: int = 64,
    seed: int = 0,
) -> MemoryReport:
    """Measure what a text network remembers.

    Args:
        model: The network in evaluation mode, with an `nn.Embedding` and ``scores(tokens, state)``.
        tokenizer: The tokenizer of its data.
        training: The training text; copies are searched in its first 4 million tokens.
        held_out: Text that it was not trained on.
        lags: Greatest lag (K) of the gradient, at least 1.
        windows: Pieces of text over which the gradient is averaged, at least 1.
        most_tokens: Held-out tokens whose loss is computed, about.
        num_samples: Texts that are generated, at temperature 1 from all words.
        sample_length: Tokens of each.
        seed: Seed of their random numbers, at least 0.

    Raises:
        ArgumentError: There is hardly any held-out text, or the model has no embedding.
        CheckpointError: The network's scores are not finite.
    """
    vocabulary = tokenizer.vocabulary
    gradient = gradient_by_lag(model, held_out.tokens, lags, windows)
    losses = token_losses(model, held_out_documents(held_out, most_tokens))
    frequencies = losses.by_frequency(training.word_counts(len(vocabulary)))
    texts = _samples(model, tokenizer, num_samples, sample_length, seed)
    compared = sample_statistics(texts, training_text(training, vocabulary), held_out, vocabulary)
    return MemoryReport(gradient, float(losses.losses.mean()), losses.by_position(), frequencies, *compared)


def sample_statistics(
    texts: Sequence[str], training: str, held_out: TokenPart, vocabulary: Vocabulary
) -> tuple[TextStatistics, TextStatistics]:
    """Return the figures of generated texts, and those of as many pieces of held-out text with as many characters.

    Only as many texts count as the held-out text has pieces for.

    Args:
        texts: The generated texts, at least one; in each, an empty line is the end of a document.
        training: The result of `training_text`.
        held_out: The held-out text; its pieces are spread evenly over it.
        vocabulary: Its words.
    """
    longest = max(1, *map(len, texts))
    texts = texts[: max(1, len(held_out) // longest)]
    starts = np.linspace(0, max(len(held_out) - longest, 0), len(texts)).astype(np.int64)
    pieces = [
        vocabulary.text(held_out.tokens[start : start + len(text)].tolist())[: len(text)]
        for start, text in zip(starts.tolist(), texts, strict=True)
    ]
    ours, theirs = (
        text_statistics([document for text in each for document in _documents(text)], training)
        for each in (texts, pieces)
    )
    return ours, theirs


def training_text(part: TokenPart, vocabulary: Vocabulary, most: int = _SEARCHED) -> str:
    """Return the documents of a training text, joined for `longest_copy`; of a longer one, those in `most` tokens."""
    last = int(np.searchsorted(part.offsets, most, side="right")) - 1
    ids = np.asarray(part.tokens[: int(part.offsets[max(last, 1)])]).tolist()
    part.release()
    text = "".join(_UNKNOWN if number == UNKNOWN else vocabulary.text([number]) for number in ids)
    return joined(_documents(text))


def _documents(text: str) -> list[str]:
    """Return the documents of a text, where the end of a document is an empty line."""
    return [document for document in _END.split(text) if document]


def _samples(model: nn.Module, tokenizer: Tokenizer, count: int, length: int, seed: int) -> list[str]:
    device = next(model.parameters()).device
    guide = ConstrainedDecoder(TextConstraints(length, unit="tokens"), tokenizer.vocabulary, device)
    network: Any = model.scores
    prompt = read_prompt("", tokenizer)
    return [text.generated for text in generate_texts(network, guide, [prompt], Sampling(top_k=0), count, seed)]
