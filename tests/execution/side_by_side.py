"""Train the same module with and without StepsPerExecution, and keep all that a user could see of it."""

import math
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer, seed_everything
from lightning.pytorch.loggers.logger import Logger
from torch.utils.data import DataLoader, TensorDataset

from dlcore.callbacks import StepsPerExecution


class Recorder(Logger):
    """Keeps what is logged, in order."""

    def __init__(self):
        super().__init__()
        self.lines: list[Any] = []

    name = "recorder"
    version = 0

    def log_metrics(self, metrics, step=None):
        self.lines.append((step, dict(sorted(metrics.items()))))

    def log_hyperparams(self, *args, **kwargs):
        pass


def loader(samples: int = 170, batch_size: int = 8, shuffle: bool = True, seed: int = 1) -> DataLoader:
    numbers = torch.Generator().manual_seed(seed)
    inputs = torch.randn(samples, 6, generator=numbers)
    targets = (inputs[:, :4] + torch.randn(samples, 4, generator=numbers)).argmax(1)
    return DataLoader(TensorDataset(inputs, targets), batch_size, shuffle=shuffle)


def trained(module: LightningModule, fast: bool | int, data=None, callbacks=(), **arguments: Any) -> dict[str, Any]:
    """Everything of a training that a user could see."""
    seed_everything(7)
    for layer in module.network.modules():
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()
    recorder = Recorder()
    usual: dict[str, Any] = {
        "accelerator": "cpu", "max_epochs": 3, "log_every_n_steps": 10, "enable_progress_bar": False,
        "enable_model_summary": False, "enable_checkpointing": False, "logger": recorder,
    }  # fmt: skip
    steps = [StepsPerExecution("auto" if fast is True else fast)] if fast else []
    trainer = Trainer(**{**usual, **arguments}, callbacks=[*steps, *callbacks])
    trainer.fit(module, *(data or (loader(), loader(40, shuffle=False))))
    return {
        "weights": [value.clone() for value in module.state_dict().values()],
        "logged": recorder.lines,
        "metrics": {name: value.item() for name, value in trainer.callback_metrics.items()},
        "bar": {name: float(value) for name, value in trainer.progress_bar_metrics.items()},
        "step": trainer.global_step,
        "loops": trainer.fit_loop.state_dict(),
        "schedules": [each.scheduler.state_dict() for each in trainer.lr_scheduler_configs],
        "optimizers": [each.state_dict() for each in trainer.optimizers],
        "seen": getattr(module, "seen", None),
        "read": getattr(module, "read", None),
        "random": torch.rand(3),
        "module": module,
        "trainer": trainer,
    }


def differences(one: Any, other: Any, path: str = "") -> list[str]:
    """Where two results differ, to the bit."""
    if isinstance(one, torch.Tensor):
        same = one.dtype == other.dtype and torch.equal(one, other)
        return [] if same else [f"{path}: {one} is not {other}"]
    if isinstance(one, dict):
        keys = [f"{path}: keys {sorted(map(str, one))} are not {sorted(map(str, other))}"] * (set(one) != set(other))
        return keys + [
            line for key in one if key in other for line in differences(one[key], other[key], f"{path}/{key}")
        ]
    if isinstance(one, (list, tuple)):
        lengths = [f"{path}: {len(one)} are not {len(other)}"] * (len(one) != len(other))
        pairs = enumerate(zip(one, other, strict=False))
        return lengths + [line for number, (a, b) in pairs for line in differences(a, b, f"{path}/{number}")]
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one) and math.isnan(other):
        return []
    return [] if one == other or callable(one) else [f"{path}: {one!r} is not {other!r}"]


def assert_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    kept = [name for name in one if name not in ("module", "trainer")]
    found = [line for name in kept for line in differences(one[name], other[name], name)]
    assert not found, "\n".join(found[:8])
