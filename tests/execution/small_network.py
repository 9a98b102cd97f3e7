"""A small network as a LightningModule that logs nothing of its training."""

import torch
from lightning.pytorch import LightningModule
from torch import nn
from torch.nn.functional import cross_entropy


class Plain(LightningModule):
    """The loss, and nothing else."""

    def __init__(self):
        super().__init__()
        self.network = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 4))

    def forward(self, inputs):
        return self.network(inputs)

    def training_step(self, batch, batch_idx):
        inputs, targets = batch
        return cross_entropy(self(inputs), targets)

    def validation_step(self, batch, batch_idx):
        inputs, targets = batch
        self.log("val_loss", cross_entropy(self(inputs), targets))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=0.01, fused=True)
