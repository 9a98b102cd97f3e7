"""Losses of each task, by name, with arguments; and class weights.

Shapes: N batch, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from dlcore.errors import ArgumentError, UnknownNameError, check_number
from dlcore.nn.call_text import read_call

# Losses of each task, the default first: torch's function and its arguments. Scores are raw: softmax and sigmoid are
# part of the loss, where they do not overflow.
_LOSSES: dict[str, dict[str, tuple[Callable[..., Tensor], dict[str, Any]]]] = {
    "multiclass": {"cross_entropy": (functional.cross_entropy, {"label_smoothing": 0.0})},
    "binary": {"binary_cross_entropy": (functional.binary_cross_entropy_with_logits, {})},
    "regression": {
        "mse": (functional.mse_loss, {}),
        "l1": (functional.l1_loss, {}),
        "smooth_l1": (functional.smooth_l1_loss, {"beta": 1.0}),
        "huber": (functional.huber_loss, {"delta": 1.0}),
    },
}
_ALSO_CALLED = {"bce": "binary_cross_entropy", "mae": "l1"}
TASKS_OF_LOSSES = {name: task for task, losses in _LOSSES.items() for name in losses}
TASKS_OF_LOSSES |= {alias: TASKS_OF_LOSSES[name] for alias, name in _ALSO_CALLED.items()}
"""The task of each loss, aliases too."""
_RANGES: dict[str, dict[str, float]] = {
    "label_smoothing": {"at_least": 0, "below": 1},
    "beta": {"at_least": 0},
    "delta": {"above": 0},
}


def loss_names(task: str) -> list[str]:
    """Return the names of a task's losses, the default first."""
    return list(_LOSSES[task])


def make_loss(task: str, text: str | None = None) -> Callable[..., Tensor]:
    """Make a loss function from its name.

    Args:
        task: ``multiclass``, ``binary`` or ``regression``.
        text: The loss, with arguments in brackets to change these defaults; None: the task's default.
            Multiclass: ``cross_entropy(label_smoothing=0.0)``. Binary: ``binary_cross_entropy``. Regression: ``mse``,
            ``l1``, ``smooth_l1(beta=1.0)``: of an error e, e²/(2 beta) below beta and e - beta/2 above;
            ``huber(delta=1.0)``, which is delta times smooth L1 with beta = delta.

    Returns:
        torch.nn.functional's function with its arguments set; it maps raw scores and targets to a mean.

    Raises:
        UnknownNameError: Unknown loss of this task, or unknown argument of the loss.
        ArgumentError: An argument has an invalid value.
    """
    call = read_call("loss", loss_names(task)[0] if text is None else text)
    name = _ALSO_CALLED.get(call.name, call.name)
    if name not in _LOSSES[task]:
        others = [f"Task {other!r} has it." for other, losses in _LOSSES.items() if name in losses]
        raise UnknownNameError(f"loss of task {task!r}", call.name, loss_names(task), " ".join(others))
    function, defaults = _LOSSES[task][name]
    values = call.values(name, defaults)
    for argument, value in values.items():
        check_number(f"loss.{argument}", value, **_RANGES[argument])  # type: ignore[arg-type]
    return partial(function, **values)


class ClassWeights:
    """Weight of each class in the loss.

    Args:
        weights: A number above 0 for each class.
        num_classes: Number of classes (K).

    Raises:
        ArgumentError: There are more or fewer than K weights, or one is not above 0.
    """

    def __init__(self, weights: Sequence[float], num_classes: int) -> None:
        if len(weights) != num_classes:
            expected = f"{num_classes} numbers, one for each class"
            raise ArgumentError("class_weights", expected, list(weights))
        for number, weight in enumerate(weights):
            check_number(f"class_weights[{number}]", weight, above=0)
        self._weights = torch.tensor([float(weight) for weight in weights])

    def on(self, device: torch.device) -> Tensor:
        """Return the weights (K,) on a device."""
        if self._weights.device != device:
            self._weights = self._weights.to(device)  # cached: copying to a GPU at each step would synchronise
        return self._weights

    def of(self, targets: Tensor) -> Tensor:
        """Return the weight of each sample (N,): that of its class, or the mean weighted by its target probabilities.

        Args:
            targets: Class indices (N,); probabilities of the classes (N, K); or, for two classes, the probability of
                class 1 (N,) or (N, 1).
        """
        weights = self.on(targets.device)
        if targets.dim() == 2 and targets.shape[1] == len(weights):
            return targets.to(weights.dtype) @ weights
        if len(weights) == 2:
            return weights[0] + (weights[1] - weights[0]) * targets.reshape(-1)
        return weights[targets.long()]
