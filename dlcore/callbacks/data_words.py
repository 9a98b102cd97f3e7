"""Text with the number of samples or batches of a run."""

from __future__ import annotations

import math
from typing import Any

from lightning.pytorch import Trainer


def data_words(trainer: Trainer, unit: str = "") -> str:
    """Describe the data of a training: ``FashionMNIST: 55,000 train, 5,000 val, 10,000 test``.

    For loaders and for a LightningDataModule without `parts`, count batches.
    """
    data: Any = getattr(trainer, "datamodule", None)
    name = "loaders" if data is None else type(data).__name__
    if parts := getattr(data, "parts", None):
        return f"{name}: {', '.join(f'{len(part):,} {part_name}' for part_name, part in parts.items())} {unit}".rstrip()
    batches = {"training": trainer.num_training_batches, "validation": sum(trainer.num_val_batches)}
    known = [f"{number:,} {word}" for word, number in batches.items() if number and math.isfinite(number)]
    return f"{name}: {', '.join(known)} batches" if known else f"{name}, of unknown length"
