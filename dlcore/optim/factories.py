"""Callables that create optimisers and schedules: their class, their settings, and checks of these."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from dlcore.errors import ArgumentError, check_number

# Types of a model's `optimizer` and `lr_scheduler` arguments: a class, or a partial of one with some arguments set.
# The command line, recipes and Python all produce these.
OptimizerCallable = Callable[[Iterable[nn.Parameter]], Optimizer]
LRSchedulerCallable = Callable[[Optimizer], LRScheduler]

# Errors that torch raises for invalid settings; ZeroDivisionError for a length of 0.
REFUSALS = (TypeError, ValueError, ZeroDivisionError, KeyError, IndexError, RuntimeError)
# Settings whose invalid values torch accepts, or rejects with an error that does not name them.
_NEVER_NEGATIVE = ("lr", "weight_decay", "momentum", "eps", "max_lr", "base_lr", "eta_min", "min_lr")
_COUNTS = ("max_iter", "history_size", "step_size", "T_max", "T_0", "total_iters", "total_steps", "step_size_up")


def class_of(factory: Callable[..., Any]) -> Any:
    """Return the class to create; None for a user's function. The command line puts it in a partial's arguments."""
    parts = [factory.func, *factory.args] if isinstance(factory, partial) else [factory]
    return next((part for part in parts if inspect.isclass(part)), None)


def given_settings(factory: Callable[..., Any]) -> dict[str, Any]:
    """Return the settings that differ from the class's defaults; the command line sets all of them."""
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
    """Check numbers that torch would accept silently, or reject with an error that does not name them."""
    for name, value in settings.items():
        for number in value if isinstance(value, tuple | list) else [value]:
            if not isinstance(number, int | float) or isinstance(number, bool):
                continue
            if name in _COUNTS:
                check_number(f"{argument}.{name}", number, at_least=1, whole=True)
            else:
                check_number(f"{argument}.{name}", number, at_least=0 if name in _NEVER_NEGATIVE else None)


def refused(argument: str, factory: Callable[..., Any], error: Exception) -> ArgumentError:
    """Return the error for a class that rejects its settings."""
    reason = " ".join(str(error.args[0] if isinstance(error, KeyError) else error).split())
    kind = class_of(factory)
    return ArgumentError(
        argument, f"settings that {kind.__name__ if kind else 'torch'} accepts ({reason})", given_settings(factory)
    )
