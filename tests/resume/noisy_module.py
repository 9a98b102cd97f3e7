"""A LightningModule and a DataLoader that know nothing of dlcore, written as people write them."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchmetrics import MeanMetric, MetricCollection
from torchmetrics.classification import MulticlassAccuracy, MulticlassAUROC, MulticlassF1Score


class Noisy(Dataset):
    """Twenty samples, changed by chance each time: by the random numbers of torch, NumPy and Python."""

    def __len__(self) -> int:
        return 20

    def __getitem__(self, n: int) -> tuple[Tensor, int]:
        noise = torch.rand(()) + float(np.random.rand()) + random.random()  # noqa: NPY002
        return torch.linspace(-1, 1, 4) * (n % 3) + 0.1 * noise, n % 3


def loaders(**settings: Any) -> tuple[DataLoader, DataLoader]:
    """Five shuffled training batches, and two validation batches."""
    return DataLoader(Noisy(), 4, shuffle=True, **settings), DataLoader(Noisy(), 10)


class Plain(LightningModule):
    """Dropout, batch normalisation, all ways of logging, metric objects, a schedule by step.

    Args:
        plateau: Follow the validation's loss instead, once an epoch.
    """

    def __init__(self, plateau: bool = False) -> None:
        super().__init__()
        self.plateau = plateau
        self.layers = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3))
        self.accuracy = MulticlassAccuracy(3)
        self.more = MetricCollection({"f1": MulticlassF1Score(3), "auroc": MulticlassAUROC(3)}, prefix="train/")
        self.mean_loss = MeanMetric()
        self.val_accuracy = MulticlassAccuracy(3)
        self.losses: list[Tensor] = []

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        x, y = batch if torch.is_tensor(batch[0]) else map(torch.cat, zip(*batch, strict=True))
        if len(x) == 1:
            x, y = x.expand(2, 4), y.expand(2)
        scores = self.layers(x)
        loss = nn.functional.cross_entropy(scores, y)
        self.accuracy(scores, y)
        self.more.update(scores.softmax(1), y)
        self.mean_loss.update(loss)
        self.log("train/accuracy", self.accuracy, on_step=True, on_epoch=True)
        self.log_dict(self.more, on_step=False, on_epoch=True)
        self.log("train/mean_loss", self.mean_loss)
        self.log("train/loss", loss, batch_size=len(x), on_step=True, on_epoch=True, prog_bar=True)
        self.log("train/largest", loss, batch_size=len(x), on_step=False, on_epoch=True, reduce_fx=max)
        self.log("train/least", loss, batch_size=len(x), on_step=False, on_epoch=True, reduce_fx="min")
        self.log("train/sum", loss, batch_size=len(x), on_step=False, on_epoch=True, reduce_fx=torch.sum)
        self.losses.append(loss.detach())
        return loss

    def on_train_epoch_end(self) -> None:
        self.log("train/own_mean", torch.stack(self.losses).mean())
        self.log("lr", self.trainer.optimizers[0].param_groups[0]["lr"])
        self.losses.clear()

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        x, y = batch
        scores = self.layers(x)
        self.val_accuracy.update(scores, y)
        self.log("val/loss", nn.functional.cross_entropy(scores, y))
        self.log("val/accuracy", self.val_accuracy)
        self.log("val/of_batch", scores.mean(), on_step=True, on_epoch=False)

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.Adam(self.parameters(), lr=0.05)
        if self.plateau:
            schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=0)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "monitor": "val/loss"}}
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=60)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
