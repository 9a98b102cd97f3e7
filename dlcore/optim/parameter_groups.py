"""Learning rates by layer: an optimiser's parameter groups are split, and its schedules fitted to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from torch import nn
from torch.optim import LBFGS, Optimizer

from dlcore.errors import ArgumentError
from dlcore.torch_compat import spread_rates

FACTOR = "lr_factor"  # key of a parameter group: the factor on its rates
_RATES = ("lr", "initial_lr", "max_lr", "min_lr")  # keys of a group; schedules of torch write all but the first


def split_groups(optimizer: Optimizer, schedules: Iterable[Any], factors: Mapping[nn.Parameter, float]) -> None:
    """Multiply the learning rates of some parameters by a factor, now and in all schedules.

    Each group is split into one for each factor, the largest first, with the settings of the whole. Do this before the
    first step.

    Args:
        optimizer: The optimiser. If all factors are 1, it is not changed.
        schedules: Its schedules.
        factors: Factor of each parameter, above 0; the others have 1.

    Raises:
        ArgumentError: The optimiser is LBFGS, which has one rate for all.
    """
    groups: list[dict[str, Any]] = []
    places: list[int] = []
    for place, group in enumerate(optimizer.param_groups):
        by_factor: dict[float, list[nn.Parameter]] = {}
        for parameter in group["params"]:
            by_factor.setdefault(factors.get(parameter, 1.0), []).append(parameter)
        for factor in sorted(by_factor, reverse=True):
            groups.append({**group, "params": by_factor[factor], FACTOR: factor})
            places.append(place)
    if all(group[FACTOR] == 1 for group in groups):
        return
    if isinstance(optimizer, LBFGS):
        raise ArgumentError("optimizer", "one with a learning rate for each group of parameters", "LBFGS", "Use Adam.")
    optimizer.param_groups[:] = groups  # in place: Lightning's wrapper holds the list
    _multiply(optimizer, schedules, places)


def made_for_groups(optimizer: Optimizer, make: Callable[[Optimizer], Any]) -> Any:
    """Make a schedule anew, for an optimiser whose groups may have been split."""
    factors = [group.pop(FACTOR, 1.0) for group in optimizer.param_groups]
    for group, factor in zip(optimizer.param_groups, factors, strict=True):
        group["lr"] = group.get("initial_lr", group["lr"]) / factor
        for name in _RATES[1:]:  # a schedule writes them again
            group.pop(name, None)
    schedule = make(optimizer)
    for group, factor in zip(optimizer.param_groups, factors, strict=True):
        group.update({FACTOR: factor} if factor != 1 or len(set(factors)) > 1 else {})
    _multiply(optimizer, [schedule], range(len(factors)))
    return schedule


def _multiply(optimizer: Optimizer, schedules: Iterable[Any], places: Iterable[int]) -> None:
    """Multiply all rates of groups and schedules by the groups' factors."""
    factors = [group.get(FACTOR, 1.0) for group in optimizer.param_groups]
    for schedule in schedules:
        spread_rates(schedule, list(places), factors)
    for group, factor in zip(optimizer.param_groups, factors, strict=True):
        group.update({name: group[name] * factor for name in _RATES if name in group})
