"""Text classifiers and text models, prepared for export; their words go into the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from dlcore.export.exportable import MOST, RANDOM, Exportable, at_least_two, predicted, read_test_samples
from dlcore.export.networks import ModelAnswers, NextWord, beginning
from dlcore.runs.text_classification import load_text_classifier
from dlcore.runs.text_generation import load_text_model
from dlcore.text import Tokenizer
from dlcore.text.vocabulary import END


def _about_words(tokenizer: Tokenizer) -> tuple[dict[str, Any], dict[str, str]]:
    dictionary = tokenizer.segmenter.dictionary
    user = "" if dictionary is None else dictionary.user.decode("utf-8")
    about = {
        "words": list(tokenizer.vocabulary.words),
        "jieba": dictionary is not None,
        "hmm": tokenizer.segmenter.hmm,
        "user_dict": bool(user),
    }
    return about, {"user_dict.txt": user} if user else {}


def text_classifier(path: Path, model: nn.Module, data: Any, about: dict[str, Any]) -> Exportable:
    """Return a text classifier; of texts that are not here, random words stand for them."""
    loaded = load_text_classifier(path)
    words, files = _about_words(loaded.tokenizer)
    about = {**about, "kind": "text", "classes": loaded.class_names, "max_length": loaded.max_length, **words}
    why, targets = read_test_samples(data), None
    if why:
        inputs = torch.randint(END + 1, len(words["words"]), (RANDOM, min(20, loaded.max_length)))
    else:
        part = data.parts["test"]
        inputs, targets = data.transform(part.inputs[part.indices[:MOST]]), part.targets[part.indices[:MOST]]
        inputs = inputs[:, : max(2, int((inputs != END).sum(dim=1).max()))]
    inputs = at_least_two(inputs)
    targets = None if targets is None else at_least_two(targets)
    return Exportable(
        path, ModelAnswers(model), (inputs,), ((0, 1),), ("inputs",), ("answers",), about, "classify_texts.py",
        predicted(model, inputs), targets, why, files,
    )  # fmt: skip


def text_model(path: Path, about: dict[str, Any]) -> Exportable:
    """Return a model that writes text."""
    loaded = load_text_model(path)
    model: Any = loaded.model.float()
    words, files = _about_words(loaded.tokenizer)
    with torch.inference_mode():
        tokens, *state = beginning(model, 2)
    names = tuple(f"state_{number}" for number in range(len(state)))
    about = {**about, "kind": "text model", **words, "layers": state[0].shape[0], "hidden_size": state[0].shape[2]}
    return Exportable(
        path, NextWord(model), (tokens.clone(), *(part.clone() for part in state)),
        ((0,), *((1,) for _ in state)), ("tokens", *names), ("scores", *(f"next_{name}" for name in names)),
        about, "write_text.py", files=files,
    )  # fmt: skip
