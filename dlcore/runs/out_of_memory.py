"""Out of memory: the error names the setting that needs too much memory, and a smaller value."""

from __future__ import annotations

import re
from traceback import walk_tb

from lightning.pytorch import Trainer

from dlcore.errors import FitError

_UNITS = {"bytes": 1.0, "KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30, "TiB": 2.0**40}
# torch's messages, of the CPU's allocator and of CUDA's.
_WANTED = re.compile(r"(?:allocate|Tried to allocate) (?P<size>[\d.]+) (?P<unit>bytes|[KMGT]iB)")
# The trainer's state is reset by now; the function names in the traceback give the stage.
_STAGES = {"predict_step": "prediction", "test_step": "test", "validation_step": "validation"}


def no_memory_for_objects(error: BaseException, section: str) -> FitError | None:
    """Return the error for a section of the config (``model``) that needs more memory than there is; else None."""
    size = _size_asked_for(error)
    if size is None:
        return None
    return FitError(f"{section}: its sizes need more memory than this machine has{size}. Make them smaller.")


def no_memory_for_batch(error: BaseException, trainer: Trainer) -> FitError | None:
    """Return the error for a batch that needs more memory than the machine, or the GPU, has; else None."""
    size = _size_asked_for(error)
    if size is None:
        return None
    functions = {frame.f_code.co_name for frame, _ in walk_tb(error.__traceback__)}
    stage = next((stage for step, stage in _STAGES.items() if step in functions), "training")
    training = stage == "training"
    argument = "batch_size" if training else "eval_batch_size"
    number = getattr(getattr(trainer, "datamodule", None), argument, None)
    where = "GPU" if trainer.strategy.root_device.type == "cuda" else "machine"
    said = f"Out of memory ({stage}{f', step {trainer.global_step + 1:,}' * training}): "
    if not isinstance(number, int):
        return FitError(f"{said}a batch needs more than this {where} has{size}. Make the batches or the model smaller.")
    said += f"a batch of data.{argument} {number:,} needs more than this {where} has{size}. "
    if number == 1:
        return FitError(f"{said}It cannot be smaller: make the model smaller.")
    remedy = f"Try --data.{argument} {number // 2}"
    if training:
        together = 2 * trainer.accumulate_grad_batches
        remedy += f"; with --trainer.accumulate_grad_batches {together}, steps stay as large as they were"
    return FitError(f"{said}{remedy}.")


def _size_asked_for(error: BaseException | None) -> str | None:
    """Return the requested size as text, empty if unknown; None if the error is not a lack of memory."""
    while error is not None:
        text = str(error)
        lacks = isinstance(error, RuntimeError) and ("allocate memory" in text or "out of memory" in text)
        if lacks or isinstance(error, MemoryError):
            wanted = _WANTED.search(text)
            return f" ({float(wanted['size']) * _UNITS[wanted['unit']] / 1e9:,.1f} GB at once)" if wanted else ""
        error = error.__cause__ or error.__context__
    return None
