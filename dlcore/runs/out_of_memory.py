"""When memory ends: which size asked for too much, and what to make smaller."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from typing import Any

from lightning.pytorch import Trainer

from dlcore.errors import FitError

_UNITS = {"bytes": 1.0, "KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30, "TiB": 2.0**40}
# torch's own words, of the CPU's allocator and of CUDA's.
_WANTED = re.compile(r"(?:allocate|Tried to allocate) (?P<size>[\d.]+) (?P<unit>bytes|[KMGT]iB)")


def no_memory_for_objects(error: BaseException, section: str) -> FitError | None:
    """What is said when a section of the config asks for more memory than the machine has; else None.

    Args:
        error: What came out of making the section's objects.
        section: ``model``, ``data``, ….
    """
    size = _size_asked_for(error)
    if size is None:
        return None
    return FitError(f"{section}: its sizes need more memory than this machine has{size}. Make them smaller.")


def no_memory_for_batch(error: BaseException, trainer: Trainer) -> FitError | None:
    """What is said when a batch needs more memory than the machine, or the GPU, has; else None.

    Args:
        error: What came out of the trainer.
        trainer: The trainer, as the error left it.
    """
    size = _size_asked_for(error)
    if size is None:
        return None
    data: Any = getattr(trainer, "datamodule", None)
    stage = _stage(error)
    training = stage == "training"
    argument = "batch_size" if training else "eval_batch_size"
    number = getattr(data, argument, None)
    where = "GPU" if trainer.strategy.root_device.type == "cuda" else "machine"
    doing = f"{stage}, step {trainer.global_step + 1:,}" if training else stage
    said = f"Out of memory ({doing}): "
    if not isinstance(number, int):
        return FitError(f"{said}a batch needs more than this {where} has{size}. Make the batches or the model smaller.")
    said += f"a batch of data.{argument} {number:,} needs more than this {where} has{size}. "
    if number == 1:
        return FitError(f"{said}It cannot be smaller: make the model smaller.")
    half = max(number // 2, 1)
    remedy = f"Try --data.{argument} {half}"
    if training:
        together = 2 * trainer.accumulate_grad_batches
        remedy += f"; with --trainer.accumulate_grad_batches {together}, steps stay as large as they were"
    return FitError(f"{said}{remedy}.")


def _stage(error: BaseException) -> str:
    """What the trainer was about: it has forgotten that by now, but the error has not."""
    inner = {frame.f_code.co_name for frame, _ in traceback.walk_tb(error.__traceback__)}
    stages = {"predict_step": "prediction", "test_step": "test", "validation_step": "validation"}
    return next((stage for step, stage in stages.items() if step in inner), "training")


def _size_asked_for(error: BaseException) -> str | None:
    """How much was asked for, in words; empty where that is not known. None: it is no lack of memory."""
    for each in _causes(error):
        text = str(each)
        if isinstance(each, MemoryError) or (
            isinstance(each, RuntimeError) and ("allocate memory" in text or "out of memory" in text)
        ):
            wanted = _WANTED.search(text)
            return f" ({float(wanted['size']) * _UNITS[wanted['unit']] / 1e9:,.1f} GB at once)" if wanted else ""
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
