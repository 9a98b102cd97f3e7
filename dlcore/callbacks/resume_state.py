"""State that Lightning's checkpoints omit: random states, sums within an epoch, and the exact position in the loops.

Lightning skips what follows a checkpoint: the validation and the epoch's end after a checkpoint at an epoch's last
batch; the step of `ReduceLROnPlateau` and the epoch's logged means after one at the epoch's end.
"""

from __future__ import annotations

import builtins
import copy
import random
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.utilities import move_data_to_device
from torch import Tensor
from torchmetrics import Metric

from dlcore.lightning_compat import (
    COUNTS,
    SUMS,
    end_batch,
    end_epoch,
    end_restart,
    go_back_to_end_of_batch,
    logged_results,
    put_back,
    validate_from_the_beginning,
    validation_follows,
)

# Arguments of `LightningModule.log` that define an entry of Lightning's logged sums.
_ARGUMENTS = (
    *("name", "prog_bar", "logger", "on_step", "on_epoch", "enable_graph", "add_dataloader_idx", "metric_attribute"),
    "fx",
)


def is_plain(value: Any) -> bool:
    """Return whether a checkpoint can hold a value: numbers, texts, tensors, and lists and dictionaries of them."""
    if isinstance(value, dict):
        return type(value) is dict and all(isinstance(key, str | int) and is_plain(each) for key, each in value.items())
    if isinstance(value, list | tuple):
        return type(value) in (list, tuple) and all(map(is_plain, value))
    return value is None or type(value) in (bool, int, float, str, Tensor)


def plain_copy(value: Any) -> Any:
    """Return a copy that shares no memory and is detached from the autograd graph."""
    if isinstance(value, dict):
        return {key: plain_copy(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(plain_copy, value))
    return value.detach().clone() if isinstance(value, Tensor) else copy.copy(value)


def same(first: Any, second: Any) -> bool:
    """Return whether two values are exactly equal, in type and content."""
    if type(first) is not type(second):
        return False
    if isinstance(first, Tensor):
        return first.dtype == second.dtype and first.device == second.device and torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[key], second[key]) for key in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(same, first, second))
    return bool(first == second)


def random_states(device: torch.device | None = None) -> dict[str, Any]:
    """Return the states as plain values, which a checkpoint can hold."""
    version, words, gauss = random.getstate()
    bits: Any = np.random.get_state(legacy=False)  # noqa: NPY002
    states: dict[str, Any] = {
        "torch": torch.get_rng_state(),
        "python": (version, torch.tensor(words), gauss),
        "numpy": {**bits, "state": {"key": torch.from_numpy(bits["state"]["key"].astype(np.int64))}},
    }
    states["numpy"]["state"]["pos"] = int(bits["state"]["pos"])
    if device is not None and device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def set_random_states(states: dict[str, Any], device: torch.device | None = None) -> None:
    """Restore states."""
    torch.set_rng_state(states["torch"].cpu().clone())
    version, words, gauss = states["python"]
    random.setstate((version, tuple(words.tolist()), gauss))
    bits = states["numpy"]
    key = bits["state"]["key"].cpu().numpy().astype(np.uint32)
    np.random.set_state({**bits, "state": {"key": key, "pos": bits["state"]["pos"]}})  # noqa: NPY002
    if "cuda" in states and device is not None and device.type == "cuda":
        torch.cuda.set_rng_state(states["cuda"].cpu().clone(), device)


@contextmanager
def temporarily(states: dict[str, Any]) -> Iterator[None]:
    """Use other states in the block, then restore the present ones."""
    before = random_states()
    set_random_states(states)
    try:
        yield
    finally:
        set_random_states(before)


def logged_sums(trainer: Trainer) -> list[dict[str, Any]]:
    """Return the sums of `self.log` in this epoch, one entry per logged name."""
    kept = []
    for entry in logged_results(trainer.fit_loop.epoch_loop).values():
        meta = entry.meta
        arguments = {name: getattr(meta, name) for name in _ARGUMENTS}
        arguments["sync_dist"], arguments["rank_zero_only"] = meta.sync.should, meta.sync.rank_zero_only
        name = meta.reduce_fx.__name__
        own = meta.reduce_fx is getattr(builtins, name, None)
        arguments["reduce_fx"] = f"builtins.{name}" if own else name
        sums = {each: getattr(entry, each) for each in SUMS if hasattr(entry, each)}
        if not entry.is_tensor:
            del sums["value"]  # a metric of the module: `metric_states` saves it
        kept.append({"arguments": arguments, "sums": plain_copy(sums)})
    return kept


def restore_logged_sums(trainer: Trainer, model: LightningModule, kept: list[dict[str, Any]]) -> None:
    """Restore the sums, so that the epoch's end logs the mean over all its batches."""
    results: Any = logged_results(trainer.fit_loop.epoch_loop)
    metrics = {name: module for name, module in model.named_modules() if isinstance(module, Metric)}
    for each in kept:
        arguments, sums = dict(each["arguments"]), each["sums"]
        metric = arguments["metric_attribute"]
        if arguments["fx"] == "on_train_start" or (metric and metric not in metrics):
            continue  # the resumed run logs it again; the metric no longer exists
        reduce_fx = arguments["reduce_fx"]
        arguments["reduce_fx"] = getattr(builtins if "." in reduce_fx else torch, reduce_fx.split(".")[-1])
        value = metrics[metric] if metric else torch.zeros((), dtype=sums["value"].dtype, device=model.device)
        results.log(**arguments, value=value, batch_size=1, sync_dist_fn=trainer.strategy.reduce)
        entry = results[f"{arguments['fx']}.{arguments['name']}"]
        put_back(entry, move_data_to_device(plain_copy(sums), model.device))


def metric_states(trainer: Trainer, model: LightningModule) -> dict[str, Any]:
    """Return the states of a module's metrics by name, except those used only in validation, which resets them."""
    loop = trainer.fit_loop.epoch_loop
    trained, validated = (
        {entry.meta.metric_attribute for entry in results.values()}
        for results in (logged_results(loop), logged_results(loop.val_loop))
    )
    return {
        name: plain_copy(
            {
                "states": dict(metric.metric_state),
                "counts": {each: getattr(metric, each) for each in COUNTS if hasattr(metric, each)},
            }
        )
        for name, metric in model.named_modules()
        if isinstance(metric, Metric) and (name in trained or name not in validated)
    }


def restore_metric_states(model: LightningModule, kept: dict[str, Any]) -> None:
    """Restore the metric states."""
    for name, metric in model.named_modules():
        if not isinstance(metric, Metric) or name not in kept or set(kept[name]["states"]) != set(metric.metric_state):
            continue
        values = move_data_to_device(plain_copy(kept[name]), metric.device)
        put_back(metric, {**values["states"], **values["counts"]})


def plain_attributes(model: LightningModule) -> dict[str, Any]:
    """Return copies of a module's public attributes with plain values (`is_plain`)."""
    names = (name for name in vars(model) if not name.startswith("_") and name != "training")
    return {name: plain_copy(value) for name in names if is_plain(value := getattr(model, name))}


def changed_attributes(model: LightningModule, before: dict[str, Any]) -> dict[str, Any]:
    """Return the plain attributes that differ from `before`."""
    now = plain_attributes(model)
    return {name: value for name, value in now.items() if name not in before or not same(value, before[name])}


def restore_attributes(model: LightningModule, kept: dict[str, Any]) -> None:
    """Set the attributes to the saved values."""
    for name, value in move_data_to_device(plain_copy(kept), model.device).items():
        setattr(model, name, value)


class Position(Enum):
    """Position in the loops at which a checkpoint was written."""

    WITHIN_STEP = "in the middle of a step"
    BATCH_END = "after a batch"
    VALIDATION = "before or in a validation"
    VALIDATION_END = "after a validation"
    EPOCH_END = "at the end of an epoch"
    BETWEEN_EPOCHS = "between two epochs"


def position(loops: dict[str, Any]) -> Position:
    """Return the position for a checkpoint's loop state (``checkpoint["loops"]["fit_loop"]``)."""
    batch = loops["epoch_loop.batch_progress"]["current"]
    epoch = loops["epoch_progress"]["current"]
    validation = loops["epoch_loop.val_loop.batch_progress"]
    if epoch["completed"] == epoch["processed"] == epoch["ready"]:
        return Position.BETWEEN_EPOCHS
    if epoch["processed"] == epoch["ready"]:
        return Position.EPOCH_END
    if batch["processed"] < batch["ready"] or not batch["ready"]:
        return Position.WITHIN_STEP
    if batch["completed"] < batch["processed"]:
        return Position.BATCH_END
    ended = validation["is_last_batch"] and validation["current"]["completed"] == validation["current"]["ready"]
    return Position.VALIDATION_END if ended else Position.VALIDATION


def go_on_from(trainer: Trainer, loops: dict[str, Any]) -> None:
    """Set the loops to continue where the interrupted run stopped. Call after restoring all other state."""
    where = position(loops)
    fit_loop, loop = trainer.fit_loop, trainer.fit_loop.epoch_loop
    if where is not Position.WITHIN_STEP:
        fit_loop.load_state_dict(loops)  # undo Lightning's own changes to it
    end_restart(trainer)
    if where is Position.WITHIN_STEP:
        return
    if where is Position.EPOCH_END:
        end_epoch(trainer)
    if where is Position.EPOCH_END or trainer.max_steps == -1:
        current: Any = fit_loop.epoch_progress.current
        current.completed = current.processed
    if where in (Position.EPOCH_END, Position.BETWEEN_EPOCHS):
        fit_loop.on_iteration_done()
        loop.restarting = False
        return
    go_back_to_end_of_batch(trainer)
    if where is Position.BATCH_END:
        loop.batch_progress.increment_completed()
    if not validation_follows(trainer):
        end_batch(trainer)
    elif where is not Position.VALIDATION_END:
        validate_from_the_beginning(trainer)
