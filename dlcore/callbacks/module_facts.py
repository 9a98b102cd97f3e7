"""Facts about a module and its optimisers at the start of a training, for the diagnosis."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from torch import nn

from dlcore.nn import BATCH_NORMS

_MOST = 3  # names that are kept
_DROPOUTS = nn.Dropout | nn.Dropout1d | nn.Dropout2d | nn.Dropout3d | nn.AlphaDropout | nn.FeatureAlphaDropout


def module_facts(trainer: Trainer, model: LightningModule) -> dict[str, Any]:
    """Return what can keep a module from learning, as plain values; what does not occur is left out.

    - ``frozen``, ``left_out``: parameters without `requires_grad`, and those that no optimiser holds, each as
      ``{"names": the first three, "count": parameters, "values": numbers in them}``.
    - ``dropout``: the largest probability of a dropout layer.
    - ``batch_norm``: samples in a batch of one process, if the module has batch normalisation.
    - ``decay``: the largest product of learning rate and weight decay, if the optimiser shrinks the weights by that
      share at each step (AdamW, SGD; with momentum m divided by 1 - m).
    - ``momentum``: the largest momentum of an optimiser that does not scale its steps.
    """
    facts: dict[str, Any] = {}
    held = {
        id(parameter) for each in trainer.optimizers for group in each.param_groups for parameter in group["params"]
    }
    named = list(model.named_parameters())
    if frozen := [pair for pair in named if not pair[1].requires_grad]:
        facts["frozen"] = _listed(frozen)
    if held and (left_out := [pair for pair in named if pair[1].requires_grad and id(pair[1]) not in held]):
        facts["left_out"] = _listed(left_out)
    layers = list(model.modules())
    if dropouts := [layer.p for layer in layers if isinstance(layer, _DROPOUTS)]:
        facts["dropout"] = max(dropouts)
    size = getattr(trainer.train_dataloader, "batch_size", None)
    if isinstance(size, int) and any(isinstance(layer, BATCH_NORMS) for layer in layers):
        facts["batch_norm"] = size
    return facts | _steps(trainer)


def _listed(parameters: list[tuple[str, nn.Parameter]]) -> dict[str, Any]:
    names = [name for name, _ in parameters[:_MOST]]
    return {"names": names, "count": len(parameters), "values": sum(each.numel() for _, each in parameters)}


def _steps(trainer: Trainer) -> dict[str, float]:
    """Return ``decay`` and ``momentum`` of the optimisers."""
    decays, momenta = [0.0], [0.0]
    for optimizer in trainer.optimizers:
        for group in optimizer.param_groups:
            momentum = _number(group.get("momentum"))
            shrinks = group.get("decoupled_weight_decay") or type(optimizer).__name__ in ("AdamW", "SGD", "Lion")
            if shrinks:
                decays.append(_number(group.get("lr")) * _number(group.get("weight_decay")) / max(1 - momentum, 1e-6))
            momenta.append(momentum)
    found = {"decay": max(decays), "momentum": max(momenta)}
    return {name: value for name, value in found.items() if value > 0}


def _number(value: Any) -> float:
    """Return a setting of an optimiser, which may be a tensor or missing."""
    return float(value) if value is not None and not isinstance(value, Iterable) else 0.0
