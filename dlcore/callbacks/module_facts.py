"""Facts about a module and its optimisers at the start of a training, for the diagnosis."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from torch import Tensor, nn
from torch.optim import Optimizer
from torchmetrics import Metric

from dlcore.callbacks.fine_tuning import fine_tuning_of
from dlcore.lightning_compat import logged_results
from dlcore.nn import BATCH_NORMS

_MOST = 3  # names that are kept
_DROPOUTS = nn.Dropout | nn.Dropout1d | nn.Dropout2d | nn.Dropout3d | nn.AlphaDropout | nn.FeatureAlphaDropout


def module_facts(trainer: Trainer, model: LightningModule) -> dict[str, Any]:
    """Return what can keep a module from learning, as plain values; what does not occur is left out.

    - ``frozen``, ``left_out``: parameters without `requires_grad` (but those that `FineTuning` freezes), and those that
      no optimiser holds, each as
      ``{"names": the first three, "count": parameters, "values": numbers in them}``.
    - ``dropout``: the largest probability of a dropout layer.
    - ``batch_norm``: samples in a batch of one process, if the module has batch normalisation.
    - ``norm_momentum``: the smallest momentum of batch normalisation's running statistics.
    - ``num_classes``: of the module's torchmetrics objects, if they agree.
    - ``narrow``: the linear layer with the fewest outputs, but for the last one, ``{"name", "units": its outputs}``.
    - ``optimizer``, ``lr``: class of the first optimiser, and its highest configured rate.
    - ``decay``: the largest product of learning rate and weight decay, if the optimiser shrinks the weights by that
      share at each step (AdamW, SGD; with momentum m divided by 1 - m).
    - ``momentum``: the largest momentum of an optimiser (of Adam and its kin the first beta).
    - ``schedule``: of a learning-rate schedule of a set length, ``{"name": its class, "interval": "step" or "epoch",
      "length": calls, "steps": optimiser steps of the run, "epochs": epochs of the run}``.
    """
    facts: dict[str, Any] = {}
    held = {
        id(parameter) for each in trainer.optimizers for group in each.param_groups for parameter in group["params"]
    }
    named = list(model.named_parameters())
    tuning = fine_tuning_of(trainer)
    meant = {id(each) for each in tuning.frozen_for_a_time} if tuning is not None else set()
    if frozen := [pair for pair in named if not pair[1].requires_grad and id(pair[1]) not in meant]:
        facts["frozen"] = _listed(frozen)
    if held and (left_out := [pair for pair in named if pair[1].requires_grad and id(pair[1]) not in held]):
        facts["left_out"] = _listed(left_out)
    layers = list(model.modules())
    if dropouts := [layer.p for layer in layers if isinstance(layer, _DROPOUTS)]:
        facts["dropout"] = max(dropouts)
    size = getattr(trainer.train_dataloader, "batch_size", None)
    if isinstance(size, int) and any(isinstance(layer, BATCH_NORMS) for layer in layers):
        facts["batch_norm"] = size
    tracked = [each.momentum for each in layers if isinstance(each, BATCH_NORMS) and each.track_running_stats]
    if momenta := [momentum for momentum in tracked if momentum is not None]:
        facts["norm_momentum"] = min(momenta)
    classes = {_classes(each) for each in layers if isinstance(each, Metric)} - {None}
    if len(classes) == 1:
        facts["num_classes"] = classes.pop()
    linear = [(name, each.out_features) for name, each in model.named_modules() if isinstance(each, nn.Linear)]
    if hidden := linear[:-1]:
        name, units = min(hidden, key=lambda each: each[1])
        facts["narrow"] = {"name": name, "units": units}
    if trainer.optimizers:
        group: dict[str, Any] = trainer.optimizers[0].param_groups[0]  # a schedule has set its first rate by now
        rate = _number(group.get("max_lr", group.get("initial_lr", group.get("lr"))))
        facts |= {"optimizer": type(trainer.optimizers[0]).__name__, "lr": rate}
    return facts | step_facts(trainer.optimizers) | _schedule(trainer)


def _classes(metric: Metric) -> int | None:
    """Return the number of classes of a torchmetrics object; None if it has none."""
    return 2 if type(metric).__name__.startswith("Binary") else getattr(metric, "num_classes", None)


def layers_in_training_mode(model: nn.Module) -> list[str]:
    """Return the names of the dropout and batch normalisation layers that are in training mode."""
    noisy = BATCH_NORMS | _DROPOUTS
    return [name for name, layer in model.named_modules() if layer.training and isinstance(layer, noisy)]


def shared_metrics(trained: Any, validated: Any) -> dict[str, str]:
    """Return the metrics that two loops have logged from one object: ``{"train_acc": "val_acc"}``.

    Args:
        trained: The loop of a training epoch. What it logs per step only is not harmed, and left out.
        validated: The loop of a validation, of the same module or of a copy.
    """
    train, val = (dict(_logged_metrics(loop)) for loop in (trained, validated))
    return {name: val[one] for one, name in train.items() if one in val}


def _logged_metrics(loop: Any) -> Iterable[tuple[str, str]]:
    """Yield the attribute of the module that holds a metric object, and the name under which its mean is logged."""
    for result in logged_results(loop).values():
        if isinstance(result.value, Metric) and result.meta.on_epoch:
            yield result.meta.metric_attribute, result.meta.name


def _schedule(trainer: Trainer) -> dict[str, Any]:
    for config in trainer.lr_scheduler_configs:
        names = (name for name in ("total_steps", "T_max", "total_iters") if hasattr(config.scheduler, name))
        length = _number(getattr(config.scheduler, next(names, ""), None))
        steps, epochs = trainer.estimated_stepping_batches, trainer.max_epochs or 0
        if length > 0 and epochs > 0 and math.isfinite(steps):
            name = type(config.scheduler).__name__
            facts = {"name": name, "interval": config.interval, "length": int(length)}
            return {"schedule": facts | {"steps": int(steps), "epochs": epochs}}
    return {}


def _listed(parameters: list[tuple[str, nn.Parameter]]) -> dict[str, Any]:
    names = [name for name, _ in parameters[:_MOST]]
    return {"names": names, "count": len(parameters), "values": sum(each.numel() for _, each in parameters)}


def step_facts(optimizers: Sequence[Optimizer]) -> dict[str, float]:
    """Return ``decay`` and ``momentum`` of the optimisers, see `module_facts`; what is 0 is left out."""
    decays, momenta = [0.0], [0.0]
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            momentum = _number(group.get("momentum")) or _number(next(iter(group.get("betas") or ()), None))
            shrinks = group.get("decoupled_weight_decay") or type(optimizer).__name__ in ("AdamW", "SGD", "Lion")
            slowed = max(1 - _number(group.get("momentum")), 1e-6)  # momentum repeats a decay
            if shrinks:
                decays.append(_number(group.get("lr")) * _number(group.get("weight_decay")) / slowed)
            momenta.append(momentum)
    found = {"decay": max(decays), "momentum": max(momenta)}
    return {name: value for name, value in found.items() if value > 0}


def _number(value: Any) -> float:
    """Return a setting of an optimiser, which may be a tensor or missing."""
    if isinstance(value, Tensor):  # it can be iterated over, too
        return float(value) if value.numel() == 1 else 0.0
    return float(value) if value is not None and not isinstance(value, Iterable) else 0.0
