"""Plain LightningModules with a mistake, on FashionMNIST, for benchmarks/diagnosis.py. They know nothing of its rules.

Shapes: N samples, pictures (N, 1, 28, 28), ten classes.
"""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from torch.nn import functional
from torchmetrics import Metric, R2Score
from torchmetrics.classification import MulticlassAccuracy


class Plain(LightningModule):
    """A module as Lightning's documentation writes it, without a mistake."""

    def __init__(self) -> None:
        super().__init__()
        self.net = self.make_network()
        self.train_metric, self.val_metric = self.make_metric(), self.make_metric()

    def make_network(self) -> nn.Module:
        """Return the network."""
        return nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))

    def make_metric(self) -> Metric:
        """Return a metric object."""
        return MulticlassAccuracy(10, average="micro")

    metric_name = "acc"

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the network's outputs."""
        return self.net(inputs)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the loss."""
        return functional.cross_entropy(outputs, targets)

    def training_batch(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Prepare a training batch."""
        return inputs, targets

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Return the loss of a batch."""
        inputs, targets = self.training_batch(*batch)
        outputs = self(inputs)
        loss = self.loss(outputs, targets)
        self.train_metric.update(outputs, targets)
        self.log("train_loss", loss, on_step=True, on_epoch=True)
        self.log(f"train_{self.metric_name}", self.train_metric, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Log the loss and the metric of a batch."""
        outputs = self(batch[0])
        self.val_metric.update(outputs, batch[1])
        self.log("val_loss", self.loss(outputs, batch[1]))
        self.log(f"val_{self.metric_name}", self.val_metric)

    def configure_optimizers(self) -> Any:
        """Return Adam."""
        return torch.optim.Adam(self.parameters(), lr=0.001)


class RawNll(Plain):
    """nll_loss of raw scores."""

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return nll_loss."""
        return functional.nll_loss(outputs, targets)


class SoftmaxOverBatch(Plain):
    """Softmax over the samples."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the softmax of the wrong dimension."""
        return self.net(inputs).softmax(0)


class RectifiedOutputs(Plain):
    """A ReLU after the last layer."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Return scores that are not negative."""
        return self.net(inputs).relu()


class ShuffledTargets(Plain):
    """Targets of other samples."""

    def training_batch(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Shuffle the targets."""
        return inputs, targets[torch.randperm(len(targets), device=targets.device)]


class NoisyInputs(Plain):
    """Noise that hides the pictures, in training only."""

    def training_batch(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Add noise of three times the pictures' range."""
        return inputs + 3 * torch.randn_like(inputs), targets


class Maximised(Plain):
    """A loss of the wrong sign."""

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Return the loss times -1."""
        return -super().training_step(batch, batch_idx)


class StillStatistics(Plain):
    """Batch normalisation whose momentum was taken for TensorFlow's."""

    def make_network(self) -> nn.Module:
        """Return a network with batch normalisation."""
        norm = nn.BatchNorm1d(128, momentum=1e-6)
        return nn.Sequential(nn.Flatten(), nn.Linear(784, 128), norm, nn.ReLU(), nn.Linear(128, 10))


class Bottleneck(Plain):
    """A layer of one unit."""

    def make_network(self) -> nn.Module:
        """Return a network with a bottleneck."""
        hidden = nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 1), nn.ReLU()
        return nn.Sequential(nn.Flatten(), *hidden, nn.Linear(1, 10))


class DroppedScores(Plain):
    """Dropout after the last layer."""

    def make_network(self) -> nn.Module:
        """Return a network that drops nine scores of ten."""
        return nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10), nn.Dropout(0.9))


class WideWeights(Plain):
    """Initial weights of standard deviation 3."""

    def __init__(self) -> None:
        super().__init__()
        for parameter in self.parameters():
            nn.init.normal_(parameter, std=3)


class DeepSigmoids(Plain):
    """Eleven layers of sigmoids."""

    def make_network(self) -> nn.Module:
        """Return a deep network."""
        hidden = (layer for _ in range(10) for layer in (nn.Linear(64, 64), nn.Sigmoid()))
        return nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.Sigmoid(), *hidden, nn.Linear(64, 10))


class FallingRate(Plain):
    """A schedule of epochs that is stepped each batch."""

    def configure_optimizers(self) -> Any:
        """Halve the rate after every ten batches."""
        optimizer = torch.optim.SGD(self.parameters(), lr=0.1)
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 10, 0.5)
        return [optimizer], [{"scheduler": scheduler, "interval": "step"}]


class SummedLoss(Plain):
    """A sum over the batch, with a rate made for means."""

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the sum."""
        return functional.cross_entropy(outputs, targets, reduction="sum")

    def configure_optimizers(self) -> Any:
        """Return SGD."""
        return torch.optim.SGD(self.parameters(), lr=0.1)


class Crossed(Plain):
    """Regression on the class number, with outputs (N, 1) and targets (N,)."""

    metric_name = "r2"

    def make_network(self) -> nn.Module:
        """Return a network with one output."""
        return nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 1))

    def make_metric(self) -> Metric:
        """Return R²."""
        return R2Score()

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the mean over all pairs of an output and a target."""
        return (outputs - targets).square().mean()

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Return the loss of a batch."""
        outputs, targets = self(batch[0]), batch[1].float()
        loss = self.loss(outputs, targets)
        self.train_metric.update(outputs.flatten(), targets)
        self.log("train_loss", loss, on_step=True, on_epoch=True)
        self.log("train_r2", self.train_metric, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Log the loss and R² of a batch."""
        outputs, targets = self(batch[0]), batch[1].float()
        self.val_metric.update(outputs.flatten(), targets)
        self.log("val_loss", self.loss(outputs, targets))
        self.log("val_r2", self.val_metric)
