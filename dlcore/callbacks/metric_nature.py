"""Whether a smaller or a larger value of a logged metric is better, by its torchmetrics object or its name."""

from __future__ import annotations

from lightning.pytorch import LightningModule, Trainer
from torchmetrics import Metric

from dlcore.lightning_compat import logged_results
from dlcore.tracking.metric_names import mode_of


def nature_of(trainer: Trainer, name: str) -> str | None:
    """Return ``min`` or ``max``; None if unknown."""
    metric = _logged_object(trainer, name)
    return (metric is not None and _nature_of_object(metric)) or mode_of(name)


def has_metrics(model: LightningModule) -> bool:
    """Return whether a model has torchmetrics objects, which it may log."""
    return any(isinstance(module, Metric) for module in model.modules())


def _nature_of_object(metric: Metric) -> str | None:
    greater = getattr(metric, "higher_is_better", None)
    of_class = mode_of(type(metric).__name__)
    if isinstance(greater, bool) and (of_class is None or not type(metric).__module__.startswith("torchmetrics.")):
        return "max" if greater else "min"
    return of_class  # `higher_is_better` is wrong for some torchmetrics classes and missing for others


def _logged_object(trainer: Trainer, name: str) -> Metric | None:
    """Return the metric object that a module has passed to `self.log`."""
    epoch_loop = trainer.fit_loop.epoch_loop
    plain = name.partition("/dataloader_idx_")[0].removesuffix("_epoch").removesuffix("_step")
    for results in (logged_results(epoch_loop.val_loop), logged_results(epoch_loop)):
        for result in results.values():
            if not result.is_tensor and result.meta.name in (name, plain):
                value = result.value
                return value if isinstance(value, Metric) else None
    return None
