"""FashionMNIST with a flaw, and modules with a flaw, for benchmarks/diagnosis.py. They know nothing of its rules."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor
from torchmetrics.classification import MulticlassAccuracy

from dlcore.data import FashionMNIST
from dlcore.data.array_data import Split
from dlcore.models import CNN, MLP, TextClassifier, TextRNN


class SickFashionMNIST(FashionMNIST):
    """FashionMNIST with a flaw.

    Args:
        batch_size: Samples in a training batch.
        scale: Pixels are divided by this number.
        val_size: Number of validation samples.
        train_size: Number of training samples; 0: all.
        wrong: Share of the training labels that are drawn by chance.
        sort: Whether training samples of a class stand together, and batches hold one class.
        invert_validation: Whether validation pictures are negatives.
        brighten_validation: Number by which validation pixels (0 to 255) are multiplied.
        blank: Whether all pictures are the first one.
        majority: Share of the training samples that are of class 0; 0: as they are.
        permute: Whether the labels of all parts are drawn by chance.
        repeat: How often each training sample occurs.
        leak: Share of the validation samples that are taken from training.
        shift: Number added to all labels.
    """

    def __init__(
        self,
        batch_size: int = 32,
        scale: float = 255.0,
        val_size: int = 5000,
        train_size: int = 0,
        wrong: float = 0.0,
        sort: bool = False,
        invert_validation: bool = False,
        brighten_validation: float = 1.0,
        blank: bool = False,
        majority: float = 0.0,
        permute: bool = False,
        repeat: int = 1,
        leak: float = 0.0,
        shift: int = 0,
    ) -> None:
        super().__init__(batch_size, scale, val_size=val_size)
        self.train_size, self.wrong, self.sort, self.invert_validation = train_size, wrong, sort, invert_validation
        self.brighten_validation, self.blank, self.majority, self.permute = (
            brighten_validation,
            blank,
            majority,
            permute,
        )
        self.repeat, self.leak, self.shift = repeat, leak, shift

    def load(self) -> dict[str, Split]:
        """Read the files and add the flaw."""
        parts = super().load()
        train = parts["train"]
        generator = torch.Generator().manual_seed(1)
        chosen = train.indices[: self.train_size or None]
        targets = train.targets[chosen].clone()
        if self.majority:
            first, others = chosen[targets == 0], chosen[targets != 0]
            chosen = torch.cat([first, others[: round(len(first) * (1 - self.majority) / self.majority)]])
            targets = train.targets[chosen].clone()
        if self.wrong or self.permute:
            drawn = torch.rand(len(targets), generator=generator) < (1.0 if self.permute else self.wrong)
            targets = torch.where(drawn, torch.randint(10, targets.shape, generator=generator), targets)
        inputs = (
            train.inputs[chosen[:1]].expand(len(chosen), *train.inputs.shape[1:])
            if self.blank
            else train.inputs[chosen]
        )
        order = targets.argsort() if self.sort else torch.arange(len(targets)).repeat(self.repeat)
        parts["train"] = Split(inputs[order].contiguous(), targets[order] + self.shift, torch.arange(len(order)))
        val = parts["val"]
        seen = val.inputs[val.indices]
        seen = 255 - seen if self.invert_validation else (seen * self.brighten_validation).clamp(max=255).to(seen.dtype)
        known = val.targets[val.indices]
        known = torch.randint(10, known.shape, generator=generator) if self.permute else known
        known = known + self.shift
        if self.leak:
            count = round(self.leak * len(known))
            seen, known = seen.clone(), known.clone()
            seen[:count], known[:count] = inputs[:count], targets[:count] + self.shift
        parts["val"] = replace(val, inputs=seen.contiguous(), targets=known, indices=torch.arange(len(known)))
        return parts

    def facts(self) -> dict[str, Any]:
        """Return the facts; labels that are shifted need more classes."""
        facts = super().facts()
        return facts | ({"num_classes": 10 + self.shift, "class_names": None} if self.shift else {})

    @property
    def training_order(self) -> dict[str, Any]:
        """The order of training: as it stands, if the classes are sorted."""
        return super().training_order | ({"seed": None} if self.sort else {})


class SoftmaxMLP(MLP):
    """It returns probabilities to a loss that expects raw scores."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Return probabilities (N, K)."""
        return super().forward(inputs).softmax(1)


class FirstLayerFrozen(LightningModule):
    """Its first layer is frozen."""

    def configure_optimizers(self) -> Any:
        """Freeze the first layer: up to two tensors."""
        first = next(layer for layer in self.modules() if [*layer.parameters(recurse=False)])
        first.requires_grad_(False)
        return super().configure_optimizers()


class FrozenMLP(FirstLayerFrozen, MLP):
    """An MLP whose first layer is frozen."""


class FrozenCNN(FirstLayerFrozen, CNN):
    """A CNN whose first convolution is frozen."""


class FrozenTextRNN(FirstLayerFrozen, TextRNN):
    """A text model whose embedding is frozen."""


class FrozenTextClassifier(FirstLayerFrozen, TextClassifier):
    """A classifier of texts whose embedding is frozen."""


class ForgetfulMLP(MLP):
    """Its optimiser holds the last layer only."""

    def configure_optimizers(self) -> Any:
        """Return an optimiser of the last layer."""
        return torch.optim.Adam(list(self.parameters())[-2:], lr=0.001)


class DetachedMLP(MLP):
    """No gradient reaches the layers before the last one."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Cut the graph before the last layer."""
        *layers, last = self.network.children()
        with torch.no_grad():
            for layer in layers:
                inputs = layer(inputs)
        return last(inputs)


class SoftmaxCNN(CNN):
    """It returns probabilities to a loss that expects raw scores."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Return probabilities (N, K)."""
        return super().forward(inputs).softmax(1)


class NoisyValidationMLP(MLP):
    """It validates in training mode."""

    def on_validation_start(self) -> None:
        """Turn dropout and batch normalisation on."""
        self.train()


class NoisyCNN(CNN):
    """It validates in training mode."""

    def on_validation_start(self) -> None:
        """Turn batch normalisation on."""
        self.train()


class SharedMetricMLP(MLP):
    """It has one metric object for training and validation."""

    def setup(self, stage: str) -> None:
        """Create the metric."""
        self.shared = MulticlassAccuracy(10, average="micro")

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Update and log the metric."""
        return self._log(batch, "train")

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Update and log the metric."""
        self._log(batch, "val")

    def on_validation_epoch_end(self) -> None:
        """Log nothing more."""

    def _log(self, batch: Any, part: str) -> Tensor:
        outputs = self(batch[0])
        loss = self.task.loss(outputs, batch[1])
        self.shared.update(outputs, batch[1])
        self.log(f"{part}/loss", loss, on_step=False, on_epoch=True)
        self.log(f"{part}/accuracy", self.shared, on_step=False, on_epoch=True)
        return loss


class RootMLP(MLP):
    """The gradient of three batches in four is NaN: that of a root at 0."""

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Add a root whose value is 0."""
        loss = super().training_step(batch, batch_idx)
        weight = next(self.parameters())
        return loss + (weight - weight.detach()).sum().sqrt() if batch_idx % 4 else loss


class OpenTextRNN(TextRNN):
    """The forget gates of its LSTM are open from the start, and the state is carried from piece to piece."""

    def configure_optimizers(self) -> Any:
        """Set the bias of the forget gates to 10."""
        with torch.no_grad():
            for layer in self.modules():
                if isinstance(layer, torch.nn.LSTM):  # its gates: input, forget, cell, output
                    layer.bias_ih_l0.view(4, -1)[1] = 10
        return super().configure_optimizers()
