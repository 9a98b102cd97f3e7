"""Text generation: texts and nearest words from a checkpoint, as functions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch

from dlcore.errors import ArgumentError, UnknownNameError, check_number, nearest
from dlcore.runs.text_model import TextModel, load_text_model
from dlcore.text.constrained_decoding import ConstrainedDecoder
from dlcore.text.generation import GeneratedText, OnPiece, generate_texts
from dlcore.text.network import nearest_words
from dlcore.text.sampling import Sampling
from dlcore.text.text_constraints import TextConstraints
from dlcore.text.tokenizer import Prompt, read_prompt
from dlcore.text.vocabulary import UNKNOWN


def generate(
    prompts: str | Sequence[str] = "",
    ckpt_path: str | Path | TextModel = "best",
    num: int = 1,
    seed: int = 0,
    batch_size: int = 64,
    **settings: Any,
) -> list[GeneratedText]:
    """Write texts: ``generate("明月", length=50)[0].text``.

    Args:
        prompts: The beginnings of the texts; an empty one is the beginning of a document.
        ckpt_path: A checkpoint, as for `load_text_model`, or its result.
        num: Number of texts per prompt.
        seed: Seed of the random numbers: the same seed gives the same texts for any batch size.
        batch_size: Number of texts written at once.
        settings: Fields of `dlcore.text.text_constraints.TextConstraints` (``length``, ``line_length``, …) and of
            `dlcore.text.sampling.Sampling` (``temperature``, ``top_p``, …).

    Raises:
        DlcoreError: There is no such checkpoint, or a setting is invalid.
    """
    names = {field.name for kind in (TextConstraints, Sampling) for field in fields(kind)}
    for name in settings:
        if name not in names:
            raise UnknownNameError("argument of generate", name, sorted(names))
    form, sampling = TextConstraints(**_of(TextConstraints, settings)), Sampling(**_of(Sampling, settings))
    loaded = ckpt_path if isinstance(ckpt_path, TextModel) else load_text_model(ckpt_path)
    read = [read_prompt(text, loaded.tokenizer) for text in ([prompts] if isinstance(prompts, str) else prompts)]
    return list(write(loaded, read, form, sampling, num, seed, batch_size))


def write(
    loaded: TextModel,
    prompts: Sequence[Prompt],
    form: TextConstraints,
    sampling: Sampling,
    num: int,
    seed: int,
    batch_size: int = 64,
    on_piece: OnPiece | None = None,
) -> Iterator[GeneratedText]:
    """Write texts batch by batch; see `generate` and `dlcore.text.generation.generate_texts`."""
    device = next(loaded.model.parameters()).device
    guide = ConstrainedDecoder(form, loaded.tokenizer.vocabulary, device)
    network: Any = loaded.model.scores
    return generate_texts(network, guide, prompts, sampling, num, seed, batch_size, on_piece)


@torch.no_grad()
def neighbors(
    words: str | Sequence[str], ckpt_path: str | Path | TextModel = "best", num: int = 10
) -> dict[str, list[tuple[str, float]]]:
    """Return the nearest words by embedding: ``neighbors("明月")["明月"]`` is [("月明", 0.71), …].

    Args:
        words: Words of the model's vocabulary.
        ckpt_path: A checkpoint, as for `load_text_model`, or its result.
        num: Number of neighbours of each, at least 1.

    Returns:
        For each word its neighbours with the cosine of the embeddings, the nearest first.

    Raises:
        ArgumentError: A word is not in the vocabulary; the message names words to try.
        CheckpointError: There is no such checkpoint.
    """
    check_number("num", num, at_least=1, whole=True)
    loaded = ckpt_path if isinstance(ckpt_path, TextModel) else load_text_model(ckpt_path)
    wanted = [words] if isinstance(words, str) else list(words)
    vocabulary = loaded.tokenizer.vocabulary
    for word in wanted:
        if word not in vocabulary:
            raise ArgumentError("neighbors", "a word that the model knows", word, _instead(word, loaded))
    found = nearest_words(loaded.model.embeddings, [vocabulary.id(word) for word in wanted], num)  # type: ignore[arg-type]
    return {
        word: [(vocabulary.words[number], cosine) for number, cosine in near]
        for word, near in zip(wanted, found, strict=True)
    }


def _instead(word: str, loaded: TextModel) -> str:
    """Return words to try for one that is not in the vocabulary: its parts, else similar or other words."""
    vocabulary = loaded.tokenizer.vocabulary
    known = [vocabulary.words[number] for number in loaded.tokenizer.encode(word) if number != UNKNOWN]
    parts = [part for part in dict.fromkeys(known) if not part.isspace()]
    if parts:
        return f"It knows its parts: {' '.join(parts)}"
    near = nearest(word, vocabulary.words[2:]) or next((other for other in vocabulary.words[2:] if word in other), None)
    return f"It knows {near}." if near else f"It knows {', '.join(vocabulary.words[3:8])} and others."


def _of(kind: type[TextConstraints] | type[Sampling], settings: dict[str, Any]) -> dict[str, Any]:
    names = {field.name for field in fields(kind)}
    return {name: value for name, value in settings.items() if name in names}
