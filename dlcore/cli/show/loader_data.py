"""``show data`` for any other LightningDataModule: the first batch of each loader, value by value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from lightning.pytorch import LightningDataModule
from lightning.pytorch.utilities.model_helpers import is_overridden
from rich import box
from rich.table import Table
from torch import Tensor

from dlcore.cli.terminal import open_console

_PARTS = {"train": "fit", "val": "fit", "test": "test", "predict": "predict"}


def show_loaders(datamodule: LightningDataModule) -> None:
    """Print the content of each loader's first batch, before the module's own transfer hooks."""
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
        for name, loader in _loaders(getattr(datamodule, f"{part}_dataloader")(), part):
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
    for name, value in _values(batch):
        if not isinstance(value, Tensor):
            yield [name, "", type(value).__name__, *[""] * 3]
            continue
        numbers = value.detach().double() if value.numel() and not value.is_complex() else torch.full((1,), torch.nan)
        spread = [f"{number:.4g}" for number in (numbers.min(), numbers.max(), numbers.mean())]
        shape = " × ".join(f"{length:,}" for length in value.shape) or "1"
        yield [name, shape, str(value.dtype).removeprefix("torch."), *spread]


def _loaders(value: Any, part: str) -> Iterator[tuple[str, Any]]:
    """Yield the loaders of a part: one, or several from a list or a dictionary."""
    if isinstance(value, list | tuple | Mapping):
        pairs = value.items() if isinstance(value, Mapping) else enumerate(value)
        yield from ((f"{part} {key}", loader) for key, loader in pairs)
    else:
        yield part, value


def _values(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values of nested lists and dictionaries with their paths: ``0``, ``image``, ``target 1``."""
    if isinstance(value, Mapping):
        pairs = list(value.items())
    elif isinstance(value, list | tuple) and not all(isinstance(each, str | bytes) for each in value):
        pairs = list(enumerate(value))
    else:
        yield name or "–", value
        return
    for key, inner in pairs:
        yield from _values(inner, f"{name} {key}".strip())
