"""Short class names: torch's optimisers and schedules, Lightning's callbacks and loggers."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from enum import Enum
from typing import Any, get_args

import lightning.pytorch.callbacks
import lightning.pytorch.loggers
import torch
from jsonargparse import Namespace
from lightning.pytorch import Callback
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from lightning.pytorch.loggers import Logger
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

import dlcore.optim
from dlcore.config.allow_list import AllowList, found_at
from dlcore.config.merge import class_and_arguments, lay_over, own_name
from dlcore.config.request import Flag
from dlcore.errors import UnknownNameError

# The model's arguments that take a class by its short name: the base class, and the modules with the classes.
_FACTORIES = {
    "model.optimizer": (Optimizer, (torch.optim,)),
    "model.lr_scheduler": (LRScheduler, (torch.optim.lr_scheduler, dlcore.optim)),
}
# The trainer's arguments whose classes may be named without their module: the base class, and Lightning's module.
TRAINER_CLASSES: dict[str, tuple[type, Any]] = {
    "callbacks": (Callback, lightning.pytorch.callbacks),
    "logger": (Logger, lightning.pytorch.loggers),
}
_NOT_CLASSES = ("true", "false", "null", "none", "yes", "no", "on", "off")


def factory_classes(key: str) -> dict[str, type[Any]]:
    """Return the classes that an argument accepts, by their short names."""
    base, modules = _FACTORIES[key]
    found = {name: value for module in modules for name, value in vars(module).items() if not name.startswith("_")}
    return {
        name: value
        for name, value in found.items()
        if inspect.isclass(value) and issubclass(value, base) and value is not base
    }


def with_own_defaults(config: dict[str, Any], classes: Mapping[str, str], allow_list: AllowList) -> dict[str, Any]:
    """Return the config with the default arguments of the chosen optimiser.

    The parser lets a chosen class inherit arguments of the previous one: Adam, the models' default. AdamW would get
    Adam's weight decay, none; and Adadelta Adam's eps, a hundredth of its own.
    """
    path, model = classes.get("model.optimizer", ""), config.get("model")
    chosen: Any = factory_classes("model.optimizer").get(own_name(path))
    if chosen is not None:
        path = f"torch.optim.{chosen.__name__}"
    elif allow_list.covers(path):
        chosen = found_at(path)
    if not inspect.isclass(chosen) or not issubclass(chosen, Optimizer) or "model" not in classes:
        return config
    defaults = {name: each.default for name, each in inspect.signature(chosen).parameters.items()}
    own: dict[str, Any] = {
        name: value for name, value in defaults.items() if isinstance(value, bool | int | float | str)
    }
    own |= {name: list(value) for name, value in defaults.items() if isinstance(value, tuple)}
    settings = own | class_and_arguments(class_and_arguments(model)[1].get("optimizer"))[1]
    optimizer = {"init_args": {"optimizer": {"class_path": path, "init_args": settings}}}
    below = model if isinstance(model, dict) else {"class_path": classes["model"]}
    return config | {"model": lay_over(below, optimizer)}


def read_as_factories(model: type[Any]) -> None:
    """Change a model's arguments annotated as an optimiser or a schedule to take a class with its settings.

    Neither can be created before the model, so such an argument is a factory: `optimizer: torch.optim.Optimizer`,
    `scheduler: torch.optim.lr_scheduler` (a module, as in Hydra's templates).
    """
    for made in (vars(each).get("__init__") for each in model.__mro__):
        annotations = getattr(made, "__annotations__", {})
        for name, kind in annotations.items():
            kinds = get_args(kind) or (kind,)
            if Optimizer in kinds:
                annotations[name] = OptimizerCallable | None if type(None) in kinds else OptimizerCallable
            elif LRScheduler in kinds or kind is torch.optim.lr_scheduler:
                annotations[name] = LRSchedulerCallable | None


def with_full_names(config: dict[str, Any]) -> dict[str, Any]:
    """Return the config with full names of the trainer's callbacks and loggers.

    If two classes have one name, take Lightning's: each of dlcore's callbacks has its own section.
    """
    trainer = config.get("trainer")
    if not isinstance(trainer, dict):
        return config
    named = {key: _full_name(trainer[key], key, f"trainer.{key}") for key in TRAINER_CLASSES if key in trainer}
    return config | {"trainer": trainer | named}


def flag_with_full_name(flag: Flag) -> Flag:
    """Return a flag with the full name of its class: ``--trainer.callbacks EarlyStopping``."""
    key = flag.plain_name.removeprefix("trainer.")
    if f"trainer.{key}" != flag.plain_name or key not in TRAINER_CLASSES:
        return flag
    named = _full_name(flag.parsed(), key, f"--{flag.name}")
    return Flag(flag.name, json.dumps(named, ensure_ascii=False) if isinstance(named, dict | list) else named)


def with_plain_texts(value: Any) -> Any:
    """Return a parsed config with string enumeration members, such as some defaults, as plain strings."""
    if isinstance(value, Namespace | dict):
        for key, inner in list(vars(value).items() if isinstance(value, Namespace) else value.items()):
            value[key] = with_plain_texts(inner)
    elif isinstance(value, list):
        return [with_plain_texts(inner) for inner in value]
    return value.value if isinstance(value, Enum) and isinstance(value, str) else value


def _full_name(value: Any, key: str, where: str) -> Any:
    if isinstance(value, list):
        return [_full_name(each, key, where) for each in value]
    if isinstance(value, dict):
        return value | ({"class_path": _full_name(value["class_path"], key, where)} if "class_path" in value else {})
    if not isinstance(value, str) or not value.isidentifier() or value.lower() in _NOT_CLASSES:
        return value
    base, module = TRAINER_CLASSES[key]
    known = {name for name, each in vars(module).items() if isinstance(each, type) and issubclass(each, base)}
    if value in known:
        return f"{module.__name__}.{value}"
    if value not in _names_of_subclasses(base):  # includes classes that the program defines
        raise UnknownNameError(f"class (in {where})", value, sorted(known), "One of your own: my_package.MyClass")
    return value


def _names_of_subclasses(base: type) -> set[str]:
    below: list[type] = base.__subclasses__()
    return {each.__name__ for each in below}.union(*map(_names_of_subclasses, below))
