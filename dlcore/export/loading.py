"""Load a checkpoint for export."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lightning.pytorch import LightningDataModule
from torch import nn

import dlcore
from dlcore.callbacks.data_facts import data_facts
from dlcore.errors import CheckpointError, in_a_line
from dlcore.export.exportable import Exportable
from dlcore.export.samples import model_of_samples
from dlcore.export.texts import text_classifier, text_model
from dlcore.models import TextClassifier
from dlcore.runs import prepare
from dlcore.runs.checkpoint_file import find_checkpoint
from dlcore.runs.folder import runs_root
from dlcore.runs.text_generation import class_of, class_path, read_with_config


def load_exportable(ckpt_path: str = "best", name: str | None = None, words: Sequence[str] = ()) -> Exportable:
    """Load a checkpoint for export.

    Args:
        ckpt_path: ``best``, ``last``, a run's folder or a file.
        name: Search only the runs of this recipe; None: all runs.
        words: Flags of the data or the trainer, as for ``test``.

    Raises:
        CheckpointError: There is no such checkpoint, or its model cannot be exported.
    """
    path = find_checkpoint(ckpt_path, runs_root(), name)
    checkpoint, config = read_with_config(path)
    kind = class_of(config)
    about = {
        "made_by": f"dlcore {dlcore.__version__}",
        "checkpoint": path.name,
        "step": checkpoint["global_step"],
        "model": class_path(config, "model"),
        "arguments": _plain(checkpoint.get("hyper_parameters") or {}),
    }
    if hasattr(kind, "scores"):
        return text_model(path, about)
    command = prepare("test", "--ckpt_path", str(path), *words)
    model = command.model.eval()
    try:
        model.load_state_dict(checkpoint["state_dict"])
    except RuntimeError as error:
        raise CheckpointError(
            f"{path}: expected a model whose layers are made in __init__(), got {type(model).__name__}, which makes "
            f"them when a fit begins: {in_a_line(error)[:200]}"
        ) from error
    about |= {"task": getattr(model, "task", None) and type(model.task).__name__.lower()}
    about |= {"classes": _class_names(model, command.datamodule), "threshold": command.decision.threshold}
    if kind is TextClassifier:
        return text_classifier(path, model, command.datamodule, about)
    return model_of_samples(path, model, command.datamodule, about)


def _plain(values: Any) -> dict[str, Any]:
    return {key: value for key, value in dict(values).items() if not key.startswith("_")}


def _class_names(model: nn.Module, data: LightningDataModule) -> list[str] | None:
    task: Any = getattr(model, "task", None)
    if task is not None and not hasattr(task, "num_classes"):
        return None  # a regression
    names = data_facts(data).get("class_names")
    return [str(name) for name in names] if names else None
