"""Small data sets with a flaw each, for real short runs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from dlcore.data.array_data import ArrayData, Split


class Points(ArrayData):
    """Twenty numbers a sample, three classes by a fixed rule; 2,000 samples validate.

    Args:
        size: Training samples.
        noise: Share of the labels that are drawn again.
        nan: Makes every third sample NaN.
        batch_size: Training samples in a batch.
    """

    def __init__(self, size: int = 600, noise: float = 0.0, nan: bool = False, batch_size: int = 20) -> None:
        super().__init__(batch_size, eval_batch_size=2000, drop_last=False)
        self.size, self.noise, self.nan = size, noise, nan

    def load(self) -> dict[str, Split]:
        generator = torch.Generator().manual_seed(0)
        count = self.size + 2200
        inputs = torch.randn(count, 20, generator=generator)
        targets = (inputs @ torch.randn(20, 3, generator=generator)).argmax(1)
        drawn = torch.rand(count, generator=generator) < self.noise
        targets = torch.where(drawn, torch.randint(3, (count,), generator=generator), targets)
        if self.nan:
            inputs[::3] = torch.nan
        parts = torch.arange(count).split([self.size, 2000, 200])
        return {
            name: Split(inputs, targets, indices) for name, indices in zip(("train", "val", "test"), parts, strict=True)
        }

    def transform(self, inputs: Tensor) -> Tensor:
        return inputs

    def facts(self) -> dict[str, Any]:
        return {"in_features": 20, "num_classes": 3, "tasks": ["multiclass"]}
