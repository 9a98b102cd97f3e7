"""Optimisers and schedules that are chosen by name with settings of their own: what was set, and whether it fits."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from dlcore.errors import ArgumentError, check_number

# What a model's `optimizer` and `lr_scheduler` arguments take: a class, or a class with some arguments filled in.
# The command line, recipes and Python make the same thing of it.
OptimizerCallable = Callable[[Iterable[nn.Parameter]], Optimizer]
LRSchedulerCallable = Callable[[Optimizer], LRScheduler]

# What torch raises for settings that it does not accept; a length of zero it divides by.
REFUSALS = (TypeError, ValueError, ZeroDivisionError, KeyError, IndexError, RuntimeError)
# What torch itself lets pass, or answers with an error that names nothing.
_NEVER_NEGATIVE = ("lr", "weight_decay", "momentum", "eps", "max_lr", "base_lr", "eta_min", "min_lr")
_COUNTS = ("max_iter", "history_size", "step_size", "T_max", "T_0", "total_iters", "total_steps", "step_size_up")


def class_of(factory: Callable[..., Any]) -> Any:
    """The class that is made, None for a function of one's own. The command line has it among a partial's arguments."""
    parts = [factory.func, *factory.args] if isinstance(factory, partial) else [factory]
    return next((part for part in parts if inspect.isclass(part)), None)


def given_settings(factory: Callable[..., Any]) -> dict[str, Any]:
    """The settings that differ from the class's own: the command line fills in all of them."""
    if not isinstance(factory, partial):
        return {}
    kind = class_of(factory)
    usual = inspect.signature(kind).parameters if kind is not None else {}
    return {
        name: value
        for name, value in factory.keywords.items()
        if name not in usual or usual[name].default is inspect.Parameter.empty or value != usual[name].default
    }


def check_settings(argument: str, settings: dict[str, Any]) -> None:
    """Check numbers that torch would take in silence, or answer with an error that names nothing."""
    for name, value in settings.items():
        for number in value if isinstance(value, tuple | list) else [value]:
            if not isinstance(number, int | float) or isinstance(number, bool):
                continue
            if name in _COUNTS:
                check_number(f"{argument}.{name}", number, at_least=1, whole=True)
            else:
                check_number(f"{argument}.{name}", number, at_least=0 if name in _NEVER_NEGATIVE else None)


def refused(argument: str, factory: Callable[..., Any], error: Exception) -> ArgumentError:
    """What is said when a class does not accept its settings."""
    reason = " ".join(str(error.args[0] if isinstance(error, KeyError) else error).split())
    kind = class_of(factory)
    return ArgumentError(
        argument, f"settings that {kind.__name__ if kind else 'torch'} accepts ({reason})", given_settings(factory)
    )
