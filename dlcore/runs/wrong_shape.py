"""A batch whose shape the network cannot take: said in a line, with both shapes."""

from __future__ import annotations

import re
from traceback import walk_tb
from typing import Any

from lightning.pytorch import Trainer
from torch import Tensor, nn

from dlcore.errors import FitError

_SHAPES = re.compile(r"shape|size|dimension|channels|must match|expected .* input", re.IGNORECASE)


def shapes_do_not_fit(error: BaseException, trainer: Trainer) -> FitError | None:
    """The error in one line, where a layer of torch's refuses a tensor for its shape; None for any other.

    Args:
        error: What came out of the trainer.
        trainer: The trainer, as the error left it.
    """
    if not isinstance(error, RuntimeError | ValueError | IndexError) or not _SHAPES.search(str(error)):
        return None
    said = " ".join(str(error).split())
    for frame, _ in reversed(list(walk_tb(error.__traceback__))):
        if not frame.f_globals.get("__name__", "").startswith("torch.nn"):
            continue
        tensors = {name: value for name, value in frame.f_locals.items() if isinstance(value, Tensor)}
        layer: Any = frame.f_locals.get("self")
        module = getattr(trainer, "lightning_module", None)
        if isinstance(layer, nn.Module) and "input" in tensors:
            names = {id(each): name for name, each in module.named_modules()} if module is not None else {}
            where = f"{type(module).__name__}.{names.get(id(layer), type(layer).__name__)}"
            got = _shape(tensors["input"])
            return FitError(
                f"{where}: expected a tensor that fits {type(layer).__name__}({layer.extra_repr()}), got one of shape "
                f"{got} ({said}). Set the model's sizes to those of the data, or let the data module offer them as "
                "in_features or image_shape. DLCORE_DEBUG=1 shows where."
            )
        if {"input", "target"} <= tensors.keys():
            return FitError(
                f"{type(module).__name__}: the loss does not fit outputs of shape {_shape(tensors['input'])} and "
                f"targets of shape {_shape(tensors['target'])} ({said}). DLCORE_DEBUG=1 shows where."
            )
    return None


def _shape(tensor: Tensor) -> str:
    return " × ".join(map(str, tensor.shape)) or "one number"
