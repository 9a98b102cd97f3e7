"""Reading what a recipe's data give, as its training would get it."""

from __future__ import annotations

import inspect
from typing import Any

from lightning.pytorch import LightningDataModule, Trainer
from torch import Tensor

from dlcore.errors import ArgumentError


def read_data(datamodule: LightningDataModule) -> None:
    """Read the data, as a fit does before it begins.

    Raises:
        ArgumentError: An argument of the data is wrong; it has its full name, ``data.root``.
        DataError: The data are missing or damaged.
    """
    try:
        datamodule.prepare_data()
        datamodule.setup("fit")
    except ArgumentError as error:
        raise _named(error, datamodule) from error


def train_loader(datamodule: LightningDataModule, trainer: Trainer | None = None) -> Any:
    """The loader of an epoch's training batches, of data that were read.

    Args:
        datamodule: The data.
        trainer: The trainer that will train on them: how many processes share a batch.
    """
    if trainer is not None:
        datamodule.trainer = trainer
    try:
        return datamodule.train_dataloader()
    except ArgumentError as error:
        raise _named(error, datamodule) from error


def first_samples(datamodule: LightningDataModule, count: int) -> tuple[Tensor, Tensor]:
    """The first samples of the first training batches, as the network takes them: inputs (N, …) and targets (N, …).

    Args:
        datamodule: The data; they are read if they have not been.
        count: How many samples (N); fewer if an epoch's batches are smaller and one is enough to see.
    """
    read_data(datamodule)
    batch = next(iter(train_loader(datamodule)))
    inputs, targets = datamodule.on_after_batch_transfer((batch[0][:count], batch[1][:count]), 0)
    return inputs, targets


def _named(error: ArgumentError, datamodule: LightningDataModule) -> ArgumentError:
    return error.within("data") if error.argument in inspect.signature(type(datamodule)).parameters else error
