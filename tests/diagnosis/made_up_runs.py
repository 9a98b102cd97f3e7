"""Records of runs written by hand: curves whose shape is known, on any processor, with a wide margin to each rule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from dlcore.tracking import MetricsCsv

CONFIG = {
    "model": {
        "class_path": "dlcore.models.MLP",
        "init_args": {
            "dropout": 0.5,
            "num_classes": 10,
            "optimizer": {"class_path": "torch.optim.Adam", "init_args": {"lr": 0.03}},
        },
    },
    "data": {"class_path": "dlcore.data.FashionMNIST", "init_args": {"scale": 255.0, "flip": 0.5}},
    "early_stopping": None,
    "weight_averaging": {"decay": 0.99},
    "trainer": {"max_epochs": 5},
}


def write_run(folder: Path, config: dict[str, Any] = CONFIG, **curves: list[float]) -> Path:
    """Write a run's config, and its curves with one check each 10 steps: ``train_loss=[1.0, 0.5]``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    table = MetricsCsv(folder / "metrics.csv")
    for number in range(max(map(len, curves.values()))):
        row = {name.replace("_", "/", 1): values[number] for name, values in curves.items() if number < len(values)}
        table.write({"epoch": number + 1, **row}, 10 * (number + 1))
    return folder


def with_optimizer(name: str, **model: Any) -> dict[str, Any]:
    """A config of ten classes, with an optimiser at rate 1, and more arguments of the model."""
    optimizer = {"class_path": f"torch.optim.{name}", "init_args": {"lr": 1.0}}
    arguments = {"num_classes": 10, "optimizer": optimizer, **model}
    return {
        "model": {"class_path": "dlcore.models.MLP", "init_args": arguments},
        "reduce_lr_on_plateau": None,
        "trainer": {"max_epochs": 20},
    }


def geometric(first: float, factor: float, length: int = 20) -> list[float]:
    """Numbers of which each is the one before it times the factor."""
    return [first * factor**number for number in range(length)]


# A rate of 1: the loss of a step reaches ten times that of guessing (ln 10); the mean of an epoch falls to 0.8, then
# swings between 0.8 and 1.6; validation is best at the third check, and then only gets worse.
OVERSHOT = {
    "config": with_optimizer("SGD"),
    "train_loss_step": [2.3, 23.0, *[2.0] * 18],
    "train_loss": [1.5, 1.0, *[0.8, 1.6] * 9],
    "train_accuracy": [0.4, 0.6, *[0.7, 0.5] * 9],
    "val_loss": [1.2, 0.9, 0.7, *geometric(0.8, 1.06, 17)],
    "val_accuracy": [0.5, 0.7, 0.8, *[0.6] * 17],
    "lr": [1.0] * 20,
}
# Like it, and the loss swings by 4% around 1; validation ends a tenth above its best, with the same accuracy.
STEADY = OVERSHOT | {
    "train_loss": [1.5, 1.0, *[0.96, 1.04] * 9],
    "val_loss": [1.2, 0.9, *[0.7] * 9, *[0.77] * 9],
    "val_accuracy": [0.5, 0.7, *[0.8] * 18],
}
# The best check is the fourth of twenty.
FLAT = {
    "config": with_optimizer("SGD"),
    "train_loss": [0.9, 0.7, 0.6, *[0.5] * 17],
    "val_loss": [0.9, 0.7, 0.6, 0.5, *[0.52] * 16],
    "val_accuracy": [0.7, 0.8, 0.8, *[0.85] * 17],
    "lr": [1.0] * 20,
}
# Each check is 20% below the one before it.
FALLING = {
    "config": with_optimizer("SGD"),
    "train_loss": geometric(2.0, 0.8, 4),
    "val_loss": geometric(2.0, 0.8, 4),
    "lr": [1.0, 0.9, 0.8, 0.7],
}
# Each check is 0.2% below the one before it.
SETTLED = FALLING | {"train_loss": geometric(0.5, 0.998), "val_loss": geometric(0.5, 0.998), "lr": [1.0] * 20}
