"""Text model: load it from its checkpoint, which contains all that generation needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from torch import nn

import dlcore.models
from dlcore.config import strict_yaml
from dlcore.config.recipe import recipe_text
from dlcore.errors import CheckpointError, ConfigError
from dlcore.plain_text import shell_word
from dlcore.runs.checkpoint_checks import check_weights
from dlcore.runs.checkpoint_file import RECORD_KEY, checkpoint_of_run, find_checkpoint, read_checkpoint
from dlcore.runs.folder import run_folders, runs_root
from dlcore.text import Tokenizer

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
    path = _find(str(ckpt_path), root or runs_root(), name)
    checkpoint = read_checkpoint(path)
    record = checkpoint.get(RECORD_KEY)
    if record is None:
        raise CheckpointError(f"{path}: holds no config of dlcore's, so that nobody knows which model it is of.")
    model_class = _class_of(record["config"])
    if not hasattr(model_class, "scores"):
        what = _class_path(record["config"], "model").rpartition(".")[2] or "model without a name"
        raise CheckpointError(
            f"{path}: expected a text model's checkpoint, got one of {what}, which writes no text. For its answers: "
            f"python -m dlcore predict --ckpt_path {shell_word(str(path))}. To train one that writes: {_TRAIN}"
        )
    kept = checkpoint.get(_class_path(record["config"], "data").rpartition(".")[2])
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


def _find(wanted: str, root: Path, name: str | None) -> Path:
    """Return the checkpoint's file; for ``best`` and ``last`` without a recipe, in the newest run of a text model."""
    if wanted not in ("best", "last") or name is not None:
        path = find_checkpoint(wanted, root, name)
        if not path.exists():
            raise CheckpointError(f"{wanted}: expected best, last, a run's folder or a file that is there.")
        return path
    for folder in reversed(run_folders(root)):
        if any((folder / "checkpoints").glob("*.ckpt")) and _writes_text(folder / "config.yaml"):
            return checkpoint_of_run(folder, wanted)
    raise CheckpointError(
        f"--ckpt_path {wanted}: expected a checkpoint of a text model in {root}, but there is none. Train one first: "
        f"{_TRAIN}"
    )


def _writes_text(config: Path) -> bool:
    try:
        content = strict_yaml.load(recipe_text(config), str(config))
    except ConfigError:
        return False
    return isinstance(content, dict) and hasattr(_class_of(content), "scores")


def _class_of(config: dict[str, Any]) -> Any:
    """Return the model's class, only from dlcore: a checkpoint must not cause the import of other code."""
    return getattr(dlcore.models, _class_path(config, "model").removeprefix("dlcore.models."), None)


def _class_path(config: dict[str, Any], section: str) -> str:
    chosen = config.get(section)
    found = chosen.get("class_path") if isinstance(chosen, dict) else chosen
    return found if isinstance(found, str) else ""
