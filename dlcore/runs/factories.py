"""Optimisers and schedules that a recipe may name: torch's, and dlcore's own schedules."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, get_args

import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

import dlcore.optim
from dlcore.config.choice import class_and_arguments, own_name
from dlcore.runs.named_classes import NOBODY, Trust, found_at

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


def with_own_defaults(config: dict[str, Any], classes: Mapping[str, str], trust: Trust = NOBODY) -> dict[str, Any]:
    """The config with an optimiser's own defaults, where one was chosen.

    The parser lets a class that is chosen take over what it can of the one before it: of Adam, the models' default. So
    AdamW would have Adam's weight decay, none; and Adadelta Adam's eps, a hundredth of its own.

    Args:
        config: All settings but the flags'.
        classes: Names of the classes that recipes, checkpoint or flags choose.
        trust: Whose code may be imported: a class of the user's own has own defaults too.
    """
    path = classes.get("model.optimizer", "")
    chosen = find_factory("model.optimizer", own_name(path)) or _users_own(path, trust)
    if chosen is None or "model" not in classes:
        return config
    model = config.get("model")
    name, arguments = class_and_arguments(model)
    own = {
        parameter.name: list(parameter.default) if isinstance(parameter.default, tuple) else parameter.default
        for parameter in inspect.signature(chosen).parameters.values()
        if isinstance(parameter.default, (bool, int, float, str, tuple))
    }
    said = class_and_arguments(arguments.get("optimizer"))[1]
    ours = find_factory("model.optimizer", own_name(path)) is not None
    optimizer = {"class_path": f"torch.optim.{chosen.__name__}" if ours else path, "init_args": own | said}
    kept = model if isinstance(model, dict) else {"class_path": name or classes["model"]}
    return config | {"model": kept | {"init_args": arguments | {"optimizer": optimizer}}}


def read_as_factories(model: type[Any]) -> None:
    """Let arguments of a model that are annotated as an optimiser or a schedule take a class with its settings.

    Neither can be made before the model, so what is meant is what makes it: `optimizer: torch.optim.Optimizer`,
    `scheduler: torch.optim.lr_scheduler` (a module, as Hydra's templates have it).
    """
    for made in (vars(each).get("__init__") for each in model.__mro__):
        annotations = getattr(made, "__annotations__", {})
        for name, kind in annotations.items():
            kinds = get_args(kind) or (kind,)
            if Optimizer in kinds:
                annotations[name] = OptimizerCallable | None if type(None) in kinds else OptimizerCallable
            elif LRScheduler in kinds or kind is torch.optim.lr_scheduler:
                annotations[name] = LRSchedulerCallable | None


def _users_own(path: str, trust: Trust) -> type[Any] | None:
    found = found_at(path) if "." in path and trust.covers(path) else None
    return found if inspect.isclass(found) and issubclass(found, Optimizer) else None


def find_factory(key: str, name: str) -> type[Any] | None:
    """The class of that name, None where there is none or where it is a user's own."""
    return factory_classes(key).get(name)
