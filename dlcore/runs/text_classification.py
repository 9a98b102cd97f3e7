"""Text classifiers: load one, and classify texts with it, with what each word contributes.

Shapes: N texts, T tokens, K classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from dlcore.data.texts.words import words_of
from dlcore.errors import ArgumentError, CheckpointError
from dlcore.models import TextClassifier
from dlcore.plain_text import shell_word
from dlcore.runs.checkpoint_file import check_weights
from dlcore.runs.decision import kept_decision
from dlcore.runs.folder import runs_root
from dlcore.runs.text_generation import class_of, class_path, newest_of, read_with_config
from dlcore.text import END, Tokenizer

_TRAIN = "python -m dlcore fit -c rnn_topics"
_TOGETHER = 20_000  # tokens of a batch


class TextClassifierModel(NamedTuple):
    """A trained text classifier.

    Attributes:
        model: The network, in evaluation mode and float64, so that an answer does not depend on its batch.
        tokenizer: The tokenizer of the training.
        class_names: Names of the classes (K).
        max_length: Most tokens of a text; what follows is cut off.
        path: The checkpoint.
    """

    model: TextClassifier
    tokenizer: Tokenizer
    class_names: list[str]
    max_length: int
    path: Path


@dataclass(frozen=True)
class ClassifiedText:
    """The answer to a text.

    Attributes:
        text: The text.
        probabilities: Probability of each class, the most probable first.
        words: The words of the text, as cut; at most the training's max_length.
        contributions: Of each word to the first class: by how many nats its log probability falls when the word is left
            out; below 0 it rises.
        unknown: Words that the training did not have, each once.
        cut_off: Number of words after max_length, which are not read.
    """

    text: str
    probabilities: dict[str, float]
    words: list[str]
    contributions: list[float]
    unknown: list[str]
    cut_off: int = 0


def load_text_classifier(
    ckpt_path: str | Path = "best", name: str | None = None, root: Path | None = None
) -> TextClassifierModel:
    """Load a text classifier from its checkpoint, without its texts.

    Args:
        ckpt_path: ``best`` or ``last`` of the newest run of a text classifier, a run's folder (its last), or a file.
        name: Search only the runs of this recipe; None: all runs.
        root: Folder of all runs; None: lightning_logs in the working folder.

    Raises:
        CheckpointError: There is none, it cannot be read, or it is not from a text classifier.
    """
    path = newest_of(_classifies, "a text classifier", _TRAIN, str(ckpt_path), root or runs_root(), name)
    checkpoint, config = read_with_config(path)
    if not _classifies(config):
        what = class_path(config, "model").rpartition(".")[2] or "model without a name"
        raise CheckpointError(
            f"{path}: expected a text classifier's checkpoint, got one of {what}. For its answers: python -m dlcore "
            f"predict --ckpt_path {shell_word(str(path))}. To train a classifier: {_TRAIN}"
        )
    kept = checkpoint.get(class_path(config, "data").rpartition(".")[2])
    if not isinstance(kept, dict) or not kept.get("tokenizer") or not kept.get("classes"):
        raise CheckpointError(f"{path}: holds no vocabulary and classes. Train with data that keep them: {_TRAIN}")
    try:
        model: TextClassifier = class_of(config)(**checkpoint["hyper_parameters"])
        tokenizer, names = Tokenizer.from_state(kept["tokenizer"]), [str(each) for each in kept["classes"]]
        max_length = int((config["data"].get("init_args") or {}).get("max_length", 200))
    except (TypeError, KeyError, AttributeError, ValueError, RuntimeError, MemoryError) as error:
        # The file is from another version, edited by hand or malicious.
        raise CheckpointError(
            f"{path}: expected a text classifier's checkpoint as dlcore writes it; its settings or its words are not: "
            f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        ) from error
    check_weights(model, checkpoint, str(path))
    kept_decision(checkpoint, path, model)
    model.load_state_dict(checkpoint["state_dict"])
    return TextClassifierModel(model.eval().double(), tokenizer, names, max_length, path)


def _classifies(config: dict[str, Any]) -> bool:
    return class_of(config) is TextClassifier


def classify(texts: str | Sequence[str], ckpt_path: str | Path | TextClassifierModel = "best") -> list[ClassifiedText]:
    """Classify texts: ``classify("今天股市大涨")[0].probabilities`` is {"财经": 0.93, …}.

    What a word contributes is measured by leaving it out (occlusion).

    Args:
        texts: One text or several.
        ckpt_path: A checkpoint, as for `load_text_classifier`, or its result.

    Raises:
        ArgumentError: A text has no words.
        CheckpointError: There is no such checkpoint.

    Reference: Li, Monroe and Jurafsky (2016), "Understanding neural networks through representation erasure",
    arXiv:1612.08220.
    """
    loaded = ckpt_path if isinstance(ckpt_path, TextClassifierModel) else load_text_classifier(ckpt_path)
    return [_classified(text, loaded) for text in ([texts] if isinstance(texts, str) else texts)]


def _classified(text: str, loaded: TextClassifierModel) -> ClassifiedText:
    vocabulary = loaded.tokenizer.vocabulary
    whole = words_of(text, loaded.tokenizer)
    if not whole:
        raise ArgumentError("text", "a text with at least one word", text)
    words = whole[: loaded.max_length]
    ids = torch.tensor([vocabulary.id(word) for word in words])
    shorter = [torch.cat([ids[:place], ids[place + 1 :]]) for place in range(len(ids))]
    logs = torch.cat(list(log_probabilities([ids, *shorter], loaded.model)))
    best = int(logs[0].argmax())
    shares = dict(zip(loaded.class_names, logs[0].exp().tolist(), strict=True))
    ordered = dict(sorted(shares.items(), key=lambda pair: -pair[1]))
    unknown = list(dict.fromkeys(word for word in words if word not in vocabulary))
    contributions = (logs[0, best] - logs[1:, best]).tolist()
    return ClassifiedText(text, ordered, words, contributions, unknown, len(whole) - len(words))


@torch.no_grad()
def log_probabilities(rows: Sequence[Tensor], model: TextClassifier) -> Iterator[Tensor]:
    """Yield log probabilities (B, K) of rows of tokens, a batch at a time."""
    size = max(1, _TOGETHER // max(1, len(rows[0])))
    for start in range(0, len(rows), size):
        batch = pad_sequence(list(rows[start : start + size]), batch_first=True, padding_value=END)
        # A text whose only word is left out is empty: one token of padding.
        batch = batch if batch.shape[1] else batch.new_full((len(batch), 1), END)
        yield (model(batch) / model.task.temperature).log_softmax(dim=1)
