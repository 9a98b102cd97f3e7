"""Checks of a checkpoint before it is used: its version of dlcore, and whether its weights fit the model."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import nn
from torch.nn.parameter import is_lazy

import dlcore
from dlcore.errors import CheckpointError
from dlcore.runs.checkpoint_file import RECORD_KEY


def warn_of_newer(checkpoint: dict[str, Any], path: Path | None) -> None:
    """Warn if a checkpoint was written by a newer version of dlcore."""
    made_by = str(checkpoint.get(RECORD_KEY, {}).get("version", "0"))
    if _numbers(made_by) > _numbers(dlcore.__version__):
        warnings.warn(
            f"{path} was written by dlcore {made_by}, which is newer than this one ({dlcore.__version__}): it may hold "
            "what is not known here. If it is refused, or behaves oddly, use that version.",
            UserWarning,
            2,
        )


def check_weights(model: nn.Module, checkpoint: dict[str, Any], path: str) -> None:
    """Check that a checkpoint's weights fit the model, before anything is loaded."""
    values = model.state_dict()
    own = {name: tuple(value.shape) for name, value in values.items() if not is_lazy(value)}
    late = {name for name, value in values.items() if is_lazy(value)}  # lazy parameters: the weights give their shapes
    makes_layers_late = isinstance(model, LightningModule) and any(
        getattr(type(model), hook) is not getattr(LightningModule, hook) for hook in ("setup", "configure_model")
    )
    kept = {name: tuple(value.shape) for name, value in checkpoint["state_dict"].items() if torch.is_tensor(value)}
    for name in [*own, *kept]:
        here, there = own.get(name, "none"), kept.get(name, "none")
        if name in late or (name not in own and makes_layers_late):
            continue  # Lightning compares them after it has created the layers
        if here != there:
            raise CheckpointError(
                f"{path}: expected weights of this {type(model).__name__}, got those of another model: {name} has "
                f"shape {here} here and {there} in "
                "the checkpoint. Leave out the flags that change the network."
            )


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]
