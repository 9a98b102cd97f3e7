"""``show data`` of any other LightningDataModule: the first batch of each loader, value by value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from lightning.pytorch import LightningDataModule
from lightning.pytorch.utilities.model_helpers import is_overridden
from rich import box
from rich.table import Table
from torch import Tensor

from dlcore.cli.terminal import open_console

_PARTS = {"train": "fit", "val": "fit", "test": "test", "predict": "predict"}
_SIZED = (str, bytes)


def show_loaders(datamodule: LightningDataModule) -> None:
    """Print what the first batch of each loader holds, before the module's own hooks of a transfer change it.

    Args:
        datamodule: The data, which were read for a fit.
    """
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("part", no_wrap=True)
    table.add_column("batches", justify="right")
    table.add_column("of a batch", overflow="fold")
    for heading in ("shape", "type", "from", "to", "mean"):
        table.add_column(heading, justify="right", no_wrap=True)
    for part, stage in _PARTS.items():
        if not is_overridden(f"{part}_dataloader", datamodule):
            continue
        if stage != "fit":
            datamodule.setup(stage)
        for name, loader in _named(getattr(datamodule, f"{part}_dataloader")(), part, (Mapping, list, tuple)):
            cells = [name, f"{len(loader):,}" if hasattr(loader, "__len__") else "not known"]
            for number, row in enumerate(_rows(next(iter(loader), None))):
                table.add_row(*(cells if number == 0 else ["", ""]), *row)
    console = open_console()
    console.print(f"{type(datamodule).__name__}: the first batch of each loader")
    console.print()
    console.print(table)


def _rows(batch: Any) -> Iterator[list[str]]:
    if batch is None:
        yield ["nothing", *[""] * 5]
        return
    for name, value in _named(batch, "", (Mapping, list, tuple)):
        if not isinstance(value, Tensor):
            yield [name or "–", "", type(value).__name__, *[""] * 3]
            continue
        numbers = value.detach().double() if value.numel() and not value.is_complex() else torch.full((1,), torch.nan)
        spread = [f"{number:.4g}" for number in (numbers.min(), numbers.max(), numbers.mean())]
        shape = " × ".join(f"{length:,}" for length in value.shape) or "1"
        yield [name or "–", shape, str(value.dtype).removeprefix("torch."), *spread]


def _named(value: Any, name: str, nests: tuple[type, ...]) -> Iterator[tuple[str, Any]]:
    """What is in nested lists and dictionaries, with the way to it: ``0``, ``image``, ``train 1``."""
    if not isinstance(value, nests) or isinstance(value, Sequence) and all(isinstance(each, _SIZED) for each in value):
        yield name, value
        return
    for key, inner in value.items() if isinstance(value, Mapping) else enumerate(value):
        yield from _named(inner, f"{name} {key}".strip(), nests)
