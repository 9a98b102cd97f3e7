"""Batch size: what batch normalisation, memory and another number of processes ask of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from traceback import walk_tb
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from dlcore.data import ArrayData
from dlcore.errors import FitError
from dlcore.lightning_compat import data_module_of
from dlcore.nn import BATCH_NORMS

_UNITS = {"bytes": 1.0, "KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30, "TiB": 2.0**40}
# torch's messages, of the CPU's allocator and of CUDA's.
_WANTED = re.compile(r"(?:allocate|Tried to allocate) (?P<size>[\d.]+) (?P<unit>bytes|[KMGT]iB)")
# The trainer's state is reset by now; the function names in the traceback give the stage.
_STAGES = {"predict_step": "prediction", "test_step": "test", "validation_step": "validation"}


def leaves_one_sample(samples: int, batch_size: int, world_size: int, batches: int) -> bool:
    """Return whether some rank gets a single sample, or none, in some step."""
    whole, rest = divmod(samples, batch_size * world_size)
    # The last batch counts only if the epoch is not cut short before it.
    return batch_size == 1 or (0 < rest < 2 * world_size and batches > whole)


class BatchNormCheck(Callback):
    """Check before training that batch normalisation never gets a single sample, which has no variance."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check the size of the batches of an epoch."""
        data = data_module_of(trainer)
        normalises = any(isinstance(layer, BATCH_NORMS) for layer in pl_module.modules())
        if not normalises or not isinstance(data, ArrayData):
            return
        samples, together = len(data.parts["train"]), data.batch_size * trainer.world_size
        batches = int(trainer.num_training_batches)
        if leaves_one_sample(samples, data.batch_size, trainer.world_size, batches):
            raise FitError(
                f"data.batch_size: {samples:,} samples in batches of {together:,} leave some process a batch of one "
                "sample, on which batch normalisation cannot work. Choose another size, or --data.drop_last true."
            )


def keep_batches(data: Any, kept: Mapping[str, Any], before: int | None, config: dict[str, Any], processes: int) -> str:
    """Divide the samples of a step among the current number of processes.

    Change nothing if the user has chosen another batch size, or the samples are not divisible.

    Args:
        data: The data module, before setup; its `batch_size` is per process.
        kept: Its state in the checkpoint.
        before: The batch size in the checkpoint's config.
        config: The arguments of the data in the config, which get the same batch size.
        processes: Current number of processes.

    Returns:
        A line about the new batch size, or about the new number of samples per step; empty if neither changes.
    """
    together = kept.get("samples_of_a_batch") or kept.get("form_of_a_batch", {}).get("batch_size")
    if not together or not before or data.batch_size != before or together == before * processes:
        return ""
    if together % processes:
        return (
            f"data.batch_size: {before} in each of {processes} processes: a step has {before * processes} samples now, "
            f"before it had {together} in {together // before}."
        )
    data.batch_size = config["batch_size"] = together // processes
    return (
        f"data.batch_size: {data.batch_size} in each of {processes} processes (before: {before} in each of "
        f"{together // before}), so that a step keeps its {together} samples."
    )


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
