"""Text models: load one, generate texts with it, and find the neighbours of its words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

import dlcore.models
from dlcore.config import strict_yaml
from dlcore.config.recipe import recipe_text
from dlcore.errors import ArgumentError, CheckpointError, ConfigError, UnknownNameError, check_number, nearest
from dlcore.plain_text import shell_word
from dlcore.runs.checkpoint_file import RECORD_KEY, check_weights, checkpoint_of_run, find_checkpoint, read_checkpoint
from dlcore.runs.folder import run_folders, runs_root
from dlcore.text import Tokenizer
from dlcore.text.constrained_decoding import ConstrainedDecoder
from dlcore.text.documents import normalize
from dlcore.text.generation import GeneratedText, OnPiece, generate_texts
from dlcore.text.network import nearest_words
from dlcore.text.sampling import Sampling
from dlcore.text.text_constraints import TextConstraints
from dlcore.text.tokenizer import Prompt, read_prompt
from dlcore.text.vocabulary import SPECIAL, UNKNOWN

_TRAIN = "python -m dlcore fit -c rnn_lyrics"


class TextModel(NamedTuple):
    """A network that generates text, with its tokenizer.

    Attributes:
        model: The network, in evaluation mode and float64, so that a text does not depend on its batch.
        tokenizer: The tokenizer of the training, with its `vocabulary`.
        path: The checkpoint.
    """

    model: nn.Module
    tokenizer: Tokenizer
    path: Path


def load_text_model(ckpt_path: str | Path = "best", name: str | None = None, root: Path | None = None) -> TextModel:
    """Load a text model from its checkpoint, without its corpus.

    ``model, tokenizer, path = load_text_model("best")``

    Args:
        ckpt_path: ``best`` or ``last`` of the newest run of a text model, a run's folder (its last), or a file.
        name: Search only the runs of this recipe; None: all runs.
        root: Folder of all runs; None: lightning_logs in the working folder.

    Raises:
        CheckpointError: There is none, it cannot be read, or it is not from a text model.
    """
    path = find_text_checkpoint(str(ckpt_path), root, name)
    checkpoint, config = read_with_config(path)
    model_class = class_of(config)
    if not hasattr(model_class, "scores"):
        what = class_path(config, "model").rpartition(".")[2] or "model without a name"
        raise CheckpointError(
            f"{path}: expected a text model's checkpoint, got one of {what}, which writes no text. For its answers: "
            f"python -m dlcore predict --ckpt_path {shell_word(str(path))}. To train one that writes: {_TRAIN}"
        )
    kept = checkpoint.get(class_path(config, "data").rpartition(".")[2])
    if not isinstance(kept, dict) or "tokenizer" not in kept:
        raise CheckpointError(f"{path}: holds no vocabulary. Train with data that keep it: {_TRAIN}")
    try:
        model: nn.Module = model_class(**checkpoint["hyper_parameters"])
        tokenizer = Tokenizer.from_state(kept["tokenizer"])
    except (TypeError, KeyError, AttributeError, ValueError, RuntimeError, MemoryError) as error:
        # The file is from another version, edited by hand or malicious.
        raise CheckpointError(
            f"{path}: expected a text model's checkpoint as dlcore writes it; its settings or its words are not: "
            f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        ) from error
    check_weights(model, checkpoint, str(path))
    model.load_state_dict(checkpoint["state_dict"])
    return TextModel(model.eval().double(), tokenizer, path)


def find_text_checkpoint(wanted: str, root: Path | None = None, name: str | None = None) -> Path:
    """Return the checkpoint's file; for ``best`` and ``last`` without a recipe, in the newest run of a text model.

    Takes what `load_text_model` takes, and raises its errors.
    """
    return newest_of(_writes_text, "a text model", _TRAIN, wanted, root or runs_root(), name)


def read_with_config(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the content of a checkpoint, and the config of its run."""
    checkpoint = read_checkpoint(path)
    record = checkpoint.get(RECORD_KEY)
    if record is None:
        raise CheckpointError(f"{path}: holds no config of dlcore's, so that nobody knows which model it is of.")
    return checkpoint, record["config"]


def newest_of(
    fits: Callable[[dict[str, Any]], bool], kind: str, train: str, wanted: str, root: Path, name: str | None
) -> Path:
    """Return a checkpoint's file; for ``best`` and ``last`` without a recipe, in the newest run whose config fits.

    kind and train are for the error if there is none: the kind of model, and the command that trains one.
    """
    if wanted not in ("best", "last") or name is not None:
        path = find_checkpoint(wanted, root, name)
        if not path.exists():
            raise CheckpointError(f"{wanted}: expected best, last, a run's folder or a file that is there.")
        return path
    for folder in reversed(run_folders(root)):
        if any((folder / "checkpoints").glob("*.ckpt")) and fits(_config_of(folder / "config.yaml")):
            return checkpoint_of_run(folder, wanted)
    raise CheckpointError(
        f"--ckpt_path {wanted}: expected a checkpoint of {kind} in {root}, but there is none. Train one first: {train}"
    )


def _config_of(path: Path) -> dict[str, Any]:
    try:
        content = strict_yaml.load(recipe_text(path), str(path))
    except ConfigError:
        return {}
    return content if isinstance(content, dict) else {}


def _writes_text(config: dict[str, Any]) -> bool:
    return hasattr(class_of(config), "scores")


def class_of(config: dict[str, Any]) -> Any:
    """Return the model's class, only from dlcore: a checkpoint must not cause the import of other code."""
    return getattr(dlcore.models, class_path(config, "model").removeprefix("dlcore.models."), None)


def class_path(config: dict[str, Any], section: str) -> str:
    """Return the path of the class that a config names in a section; empty without one."""
    chosen = config.get(section)
    found = chosen.get("class_path") if isinstance(chosen, dict) else chosen
    return found if isinstance(found, str) else ""


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
        words: Words of the model's vocabulary; they are normalised as its text was (Ｑ１ is Q1).
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
        if normalize(word) not in vocabulary:
            raise ArgumentError("neighbors", "a word that the model knows", word, _instead(normalize(word), loaded))
    ids = [vocabulary.id(normalize(word)) for word in wanted]
    found = nearest_words(loaded.model.embeddings, ids, num)  # type: ignore[arg-type]
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
    others = [other for other in vocabulary.words[len(SPECIAL) :] if not other.isspace()]
    near = nearest(word, others) or next((other for other in others if word.strip() and word in other), None)
    return f"It knows {near}." if near else f"It knows {', '.join(others[1:6])} and others."


def _of(kind: type[TextConstraints] | type[Sampling], settings: dict[str, Any]) -> dict[str, Any]:
    names = {field.name for field in fields(kind)}
    return {name: value for name, value in settings.items() if name in names}
