"""Read a recipe's data, as its training gets them."""

from __future__ import annotations

import inspect
from typing import Any

from lightning.pytorch import LightningDataModule, Trainer
from torch import Tensor

from dlcore.errors import ArgumentError


def read_data(datamodule: LightningDataModule) -> None:
    """Read the data, as at the start of a fit.

    Raises:
        ArgumentError: An argument of the data is wrong; the error has its full name, ``data.root``.
        DataError: The data are missing or damaged.
    """
    try:
        datamodule.prepare_data()
        datamodule.setup("fit")
    except ArgumentError as error:
        raise _named(error, datamodule) from error


def train_loader(datamodule: LightningDataModule, trainer: Trainer | None = None) -> Any:
    """Return the loader of an epoch's training batches, for data that were read.

    Args:
        datamodule: The data.
        trainer: The trainer of the run: it determines how many processes share a batch.
    """
    if trainer is not None:
        datamodule.trainer = trainer
    try:
        return datamodule.train_dataloader()
    except ArgumentError as error:
        raise _named(error, datamodule) from error


def first_samples(datamodule: LightningDataModule, count: int) -> tuple[Tensor, Tensor]:
    """Return the first training samples, as the network gets them: inputs (N, …) and targets (N, …).

    Args:
        datamodule: The data; read first if necessary.
        count: Most samples (N), from the first batch only.
    """
    read_data(datamodule)
    batch = next(iter(train_loader(datamodule)))
    inputs, targets = datamodule.on_after_batch_transfer((batch[0][:count], batch[1][:count]), 0)
    return inputs, targets


def _named(error: ArgumentError, datamodule: LightningDataModule) -> ArgumentError:
    return error.within("data") if error.argument in inspect.signature(type(datamodule)).parameters else error
