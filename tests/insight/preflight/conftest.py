"""Shared by the tests of the checks."""

from functools import partial

import pytest
import torch
from lightning.pytorch import LightningDataModule, LightningModule
from torch import nn
from torch.optim import SGD
from torch.utils.data import DataLoader, TensorDataset

from dlcore.insight.preflight import CHECKS, CheckResult, one_batch
from dlcore.insight.preflight.case import Case
from dlcore.models import MLP


@pytest.fixture
def make_model():
    """A small network for `tiny_data`."""

    def make(hidden_sizes=(16,), task="multiclass", num_classes=3, lr=0.1, **settings):
        torch.manual_seed(0)
        settings.setdefault("optimizer", partial(SGD, lr=lr))
        return MLP(list(hidden_sizes), in_features=4, task=task, num_classes=num_classes, **settings)

    return make


@pytest.fixture
def look(tiny_data, make_trainer, make_model, monkeypatch):
    """Carry out one check on a small model and small data; give its result."""
    monkeypatch.setattr(one_batch, "_SECONDS", 100.0)  # a busy machine takes its steps all the same
    monkeypatch.setattr(one_batch, "_TRIAL_SECONDS", 30.0)

    def carry_out(name, model=None, data=None, trained=False, **trainer):
        data = tiny_data() if data is None else data
        case = Case(model or make_model(), data, make_trainer(**{"max_epochs": 50, **trainer}), trained)
        result = CheckResult(name)
        CHECKS[name](case, result)
        return result

    return carry_out


class PlainData(LightningDataModule):
    """Data of somebody else's: torch's datasets and loaders.

    Args:
        train: Inputs (N, 4) and classes (N,).
        val: Likewise.
        batch_size: Samples in a training batch.
        loader: Arguments of the training loader.
    """

    def __init__(self, train, val, batch_size=32, **loader):
        super().__init__()
        self.train, self.val, self.loader = TensorDataset(*train), TensorDataset(*val), loader
        self.batch_size = batch_size

    def train_dataloader(self):
        own = {} if "batch_sampler" in self.loader else {"batch_size": self.batch_size}
        return DataLoader(self.train, **own, **self.loader)

    def val_dataloader(self):
        return DataLoader(self.val, batch_size=self.batch_size)


class PlainNet(LightningModule):
    """An ordinary module; `optimization` makes its optimiser and schedule from the module."""

    def __init__(self, optimization=None):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 10))
        self.optimization = optimization or (lambda module: SGD(module.parameters(), 0.1))

    def training_step(self, batch, batch_idx):
        loss = nn.functional.cross_entropy(self.net(batch[0].float()), batch[1])
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", nn.functional.cross_entropy(self.net(batch[0].float()), batch[1]))

    def configure_optimizers(self):
        return self.optimization(self)


def draw(classes, seed=0):
    """Inputs (N, 4) that tell the classes (N,) apart, and the classes."""
    noise = torch.randn(len(classes), 4, generator=torch.Generator().manual_seed(seed))
    return noise + classes[:, None] / 10, classes


@pytest.fixture
def plain_data():
    """``plain_data(train_classes, val_classes, batch_size=32, shuffle=True)``: inputs are drawn for the classes.

    Either may be a pair of inputs and classes instead.
    """

    def make(train, val=None, **settings):
        val = torch.arange(200) % 10 if val is None else val
        pairs = [part if isinstance(part, tuple) else draw(part, seed) for seed, part in enumerate((train, val))]
        return PlainData(*pairs, **settings)

    return make


@pytest.fixture
def plain_net():
    """``plain_net(lambda module: ...)``."""
    return PlainNet
