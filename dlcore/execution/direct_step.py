"""Adam's fused step on a CPU, without torch's overhead per step.

`Optimizer.step` checks hooks and profilers, collects parameters and their state, and groups them by device and dtype:
a sixth of the optimiser's time for a million parameters, more for fewer. Within an execution, none of this changes: the
lists are built once, and a step is a direct call of torch's own kernel.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Adam, AdamW, Optimizer
from torch.optim import optimizer as hooks


def direct_step(optimizer: Optimizer) -> Callable[[], Any]:
    """Return a faster function for the optimiser's step, with bit-identical results.

    It is valid until the optimiser's parameters, their `requires_grad`, its state or hooks change; numbers of a group
    (``lr``, ``weight_decay``, …) may change.

    Args:
        optimizer: Any optimiser. If there is no faster step (another class, a GPU, a hook, no state yet), the result
            is its own `step`.
    """
    watched = any((hooks._global_optimizer_pre_hooks, hooks._global_optimizer_post_hooks))
    watched = watched or any((optimizer._optimizer_step_pre_hooks, optimizer._optimizer_step_post_hooks))
    if watched or type(optimizer) not in (Adam, AdamW) or hasattr(optimizer, "found_inf"):
        return optimizer.step
    try:
        # A group may be frozen until a later epoch.
        learning = [group for group in optimizer.param_groups if any(each.requires_grad for each in group["params"])]
        groups = [_Group(optimizer, group) for group in learning]
    except _NoWay:
        return optimizer.step

    def step() -> None:
        gradients = [group.gradients() for group in groups]
        if any(each is None for some in gradients for each in some):  # a parameter without a gradient
            optimizer.step()
            return
        for group, some in zip(groups, gradients, strict=True):
            group.step(some)  # type: ignore[arg-type]
        optimizer._opt_called = True  # type: ignore[attr-defined]  # torch's schedules read it

    return step


class _NoWay(Exception):
    """The fused kernel cannot be called directly."""


class _Group:
    """Parameters of one group with their state.

    Args:
        optimizer: Optimiser with the state.
        group: Settings of the group, read again in each step.

    Raises:
        _NoWay: The group has several dtypes or devices, is not on the CPU, is not fused, or has no state yet.
    """

    def __init__(self, optimizer: Optimizer, group: dict[str, Any]) -> None:
        self.settings = group
        self._parameters = [each for each in group["params"] if each.requires_grad]
        states = [optimizer.state.get(each, {}) for each in self._parameters]
        kinds = {(each.device.type, each.dtype) for each in self._parameters}
        real = all(each.is_floating_point() for each in self._parameters)
        plain = not any(isinstance(number, Tensor) for number in (group["lr"], *group["betas"]))
        ready = group["fused"] and plain and all(states)
        if not ready or not real or len(kinds) != 1 or next(iter(kinds))[0] != "cpu":
            raise _NoWay
        self._values = [each.detach() for each in self._parameters]
        self._steps = [state["step"] for state in states]
        self._means = [state["exp_avg"] for state in states]
        self._squares = [state["exp_avg_sq"] for state in states]
        self._largest = [state["max_exp_avg_sq"] for state in states] if group["amsgrad"] else []
        self._kernel = torch._fused_adamw_ if group["decoupled_weight_decay"] else torch._fused_adam_

    def gradients(self) -> list[Tensor | None]:
        """Return the gradient of each parameter."""
        return [each.grad for each in self._parameters]

    def step(self, gradients: list[Tensor]) -> None:
        """Take one step with these gradients."""
        settings = self.settings
        beta1, beta2 = settings["betas"]
        torch._foreach_add_(self._steps, 1)
        self._kernel(
            self._values, gradients, self._means, self._squares, self._largest, self._steps,
            lr=settings["lr"], beta1=beta1, beta2=beta2, weight_decay=settings["weight_decay"], eps=settings["eps"],
            amsgrad=settings["amsgrad"], maximize=settings["maximize"],
        )  # fmt: skip
