"""State within an epoch that Lightning's checkpoints omit: logged sums, metric states, the module's attributes."""

from __future__ import annotations

import builtins
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.utilities import move_data_to_device
from torchmetrics import Metric

from dlcore.callbacks.plain_values import is_plain, plain_copy, same
from dlcore.lightning_compat import COUNTS, SUMS, logged_results, put_back

# Arguments of `LightningModule.log` that define an entry of Lightning's logged sums.
_ARGUMENTS = (
    *("name", "prog_bar", "logger", "on_step", "on_epoch", "enable_graph", "add_dataloader_idx", "metric_attribute"),
    "fx",
)


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
    """Return copies of a module's public attributes with plain values (`plain_values`)."""
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
