"""A small set of made-up data, with which models train in milliseconds."""

from typing import Any

import torch
from torch import Tensor

from dlcore.data.array_data import ArrayData, Split


class TinyData(ArrayData):
    """Four numbers a sample; the targets follow from them by a fixed rule. 53 samples validate, 47 test.

    Args:
        task: What is learned: three classes, two classes or a number.
        size: Training samples.
        batch_size: Training samples in a batch.
        inputs_are_nan: Makes every loss NaN.
    """

    def __init__(
        self, task: str = "multiclass", size: int = 103, batch_size: int = 16, inputs_are_nan: bool = False
    ) -> None:
        super().__init__(batch_size, eval_batch_size=20, drop_last=False)
        self.task, self.size, self.inputs_are_nan = task, size, inputs_are_nan
        self.order_seed = 5

    def load(self) -> dict[str, Split]:
        generator = torch.Generator().manual_seed(0)
        inputs = torch.randn(self.size + 100, 4, generator=generator)
        scores = inputs @ torch.randn(4, 3, generator=generator)
        targets = {"multiclass": scores.argmax(1), "binary": (scores[:, 0] > 0).long(), "regression": scores[:, :1]}
        parts = torch.arange(len(inputs)).split([self.size, 53, 47])
        if self.inputs_are_nan:
            inputs = inputs * torch.nan
        return {
            name: Split(inputs, targets[self.task], indices)
            for name, indices in zip(("train", "val", "test"), parts, strict=True)
        }

    def transform(self, inputs: Tensor) -> Tensor:
        return inputs

    def facts(self) -> dict[str, Any]:
        return {"in_features": 4, "num_classes": {"multiclass": 3, "binary": 2, "regression": 1}[self.task]}
