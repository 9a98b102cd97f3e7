"""What an epoch has gathered so far, which Lightning's checkpoints leave out: logged sums, metrics, own lists."""

from __future__ import annotations

import builtins
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.utilities import move_data_to_device
from torchmetrics import Metric

from dlcore.callbacks.plain_values import is_plain, plain_copy, same
from dlcore.lightning_compat import COUNTS, SUMS, logged_results, put_back

# What makes an entry of Lightning's own sums: arguments of `LightningModule.log`.
_ARGUMENTS = (
    *("name", "prog_bar", "logger", "on_step", "on_epoch", "enable_graph", "add_dataloader_idx", "metric_attribute"),
    "fx",
)


def logged_sums(trainer: Trainer) -> list[dict[str, Any]]:
    """What `self.log` has added up in this epoch, an entry for each name that was logged."""
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
            del sums["value"]  # the module's metric, kept by itself
        kept.append({"arguments": arguments, "sums": plain_copy(sums)})
    return kept


def restore_logged_sums(trainer: Trainer, model: LightningModule, kept: list[dict[str, Any]]) -> None:
    """Put the sums back, so that the epoch's end logs the mean of all its batches."""
    results: Any = logged_results(trainer.fit_loop.epoch_loop)
    metrics = {name: module for name, module in model.named_modules() if isinstance(module, Metric)}
    for each in kept:
        arguments, sums = dict(each["arguments"]), each["sums"]
        metric = arguments["metric_attribute"]
        if arguments["fx"] == "on_train_start" or (metric and metric not in metrics):
            continue  # logged once more by the resumed run; the module has changed
        reduce_fx = arguments["reduce_fx"]
        arguments["reduce_fx"] = getattr(builtins if "." in reduce_fx else torch, reduce_fx.split(".")[-1])
        value = metrics[metric] if metric else torch.zeros((), dtype=sums["value"].dtype, device=model.device)
        results.log(**arguments, value=value, batch_size=1, sync_dist_fn=trainer.strategy.reduce)
        entry = results[f"{arguments['fx']}.{arguments['name']}"]
        put_back(entry, move_data_to_device(plain_copy(sums), model.device))


def metric_states(trainer: Trainer, model: LightningModule) -> dict[str, Any]:
    """The states of a module's torchmetrics objects, by the object's name; not of those that each validation resets."""
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
    """Put the states back."""
    for name, metric in model.named_modules():
        if not isinstance(metric, Metric) or name not in kept or set(kept[name]["states"]) != set(metric.metric_state):
            continue
        values = move_data_to_device(plain_copy(kept[name]), metric.device)
        put_back(metric, {**values["states"], **values["counts"]})


def plain_attributes(model: LightningModule) -> dict[str, Any]:
    """Attributes of a module that are numbers, texts or tensors, or lists and dictionaries of them, copied."""
    names = (name for name in vars(model) if not name.startswith("_") and name != "training")
    return {name: plain_copy(value) for name in names if is_plain(value := getattr(model, name))}


def changed_attributes(model: LightningModule, before: dict[str, Any]) -> dict[str, Any]:
    """Those of `plain_attributes` that are no longer as before."""
    now = plain_attributes(model)
    return {name: value for name, value in now.items() if name not in before or not same(value, before[name])}


def restore_attributes(model: LightningModule, kept: dict[str, Any]) -> None:
    """Set attributes."""
    for name, value in move_data_to_device(plain_copy(kept), model.device).items():
        setattr(model, name, value)
