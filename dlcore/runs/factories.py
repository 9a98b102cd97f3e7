"""Optimisers and schedules that a recipe may name: torch's, and dlcore's own schedules."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

import dlcore.optim

# The model's arguments that are made by name, and where their classes are.
_SOURCES = {
    "model.optimizer": (Optimizer, (torch.optim,)),
    "model.lr_scheduler": (LRScheduler, (torch.optim.lr_scheduler, dlcore.optim)),
}


def factory_classes(key: str) -> dict[str, type[Any]]:
    """The classes that may be named for an argument, by their names.

    Args:
        key: ``model.optimizer`` or ``model.lr_scheduler``.
    """
    base, modules = _SOURCES[key]
    found = {name: value for module in modules for name, value in vars(module).items() if not name.startswith("_")}
    return {
        name: value
        for name, value in found.items()
        if inspect.isclass(value) and issubclass(value, base) and value is not base
    }


def find_factory(key: str, name: str) -> type[Any] | None:
    """The class of that name, None where there is none or where it is a user's own."""
    return factory_classes(key).get(name)
