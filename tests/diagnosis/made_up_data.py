"""Small data sets with a flaw each, for real short runs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from dlcore.data.array_data import ArrayData, Split
from dlcore.models import MLP


class Points(ArrayData):
    """Twenty numbers a sample, three classes by a fixed rule; 2,000 samples validate.

    Args:
        size: Training samples.
        noise: Share of the labels that are drawn again.
        nan: Makes every third sample NaN.
        batch_size: Training samples in a batch.
        wrong: Share of the training labels that are drawn again.
        shift: Number that is added to the inputs of validation and test.
    """

    def __init__(
        self,
        size: int = 600,
        noise: float = 0.0,
        nan: bool = False,
        batch_size: int = 20,
        wrong: float = 0.0,
        shift: float = 0.0,
    ) -> None:
        super().__init__(batch_size, eval_batch_size=2000, drop_last=False)
        self.size, self.noise, self.nan, self.wrong, self.shift = size, noise, nan, wrong, shift

    def load(self) -> dict[str, Split]:
        generator = torch.Generator().manual_seed(0)
        count = self.size + 2200
        inputs = torch.randn(count, 20, generator=generator)
        targets = (inputs @ torch.randn(20, 3, generator=generator)).argmax(1)
        trains = torch.arange(count) < self.size
        drawn = torch.rand(count, generator=generator) < self.noise + self.wrong * trains
        targets = torch.where(drawn, torch.randint(3, (count,), generator=generator), targets)
        inputs[~trains] += self.shift
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


class Softmaxed(MLP):
    """It returns probabilities, as the loss does not expect."""

    def forward(self, inputs: Tensor) -> Tensor:
        return super().forward(inputs).softmax(1)


class Frozen(MLP):
    """Its first layer does not learn."""

    def configure_optimizers(self) -> Any:
        next(self.parameters()).requires_grad = False
        return super().configure_optimizers()


class LeftOut(MLP):
    """Its optimiser holds the last layer only."""

    def configure_optimizers(self) -> Any:
        return torch.optim.Adam(list(self.parameters())[-2:])
