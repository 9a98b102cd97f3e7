"""Losses of each task, by name, with arguments; class weights; and penalties on the size of parameters.

Shapes: N batch, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
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
_RANGES: dict[str, dict[str, Any]] = {
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
        check_number(f"loss.{argument}", value, **_RANGES[argument])
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


L2Form = Literal["squares", "norms"]


class Penalty:
    """L1 and L2 penalty over selected parameters: l1·Σ|w|, and l2·Σw² or l2·Σ‖p‖₂.

    The two forms of L2 differ. ``squares`` is the usual one: its gradient 2·l2·w shrinks large numbers most, like
    weight decay of 2·l2 in SGD. ``norms`` is the sum of the norms, one per parameter tensor: its gradient has norm l2
    for each tensor, however small the tensor is.

    Args:
        l1: Factor of the sum of all absolute values, at least 0.
        l2: Factor of the L2 sum, at least 0.
        l2_form: ``squares`` (Σw², without a half) or ``norms`` (Σ‖p‖₂ over the parameter tensors p).
        penalized: Which parameters: ``all``; ``weights``: those with two or more dimensions, so no biases and no scales
            of normalisation; or a pattern for their names, as in ``network.linear_*.weight``.

    Raises:
        ArgumentError: A factor is negative or not a number, or the form is unknown.
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0, l2_form: L2Form = "squares", penalized: str = "all") -> None:
        check_number("l1", l1, at_least=0)
        check_number("l2", l2, at_least=0)
        if l2_form not in get_args(L2Form):
            raise ArgumentError("l2_form", " or ".join(get_args(L2Form)), l2_form)
        self.l1, self.l2, self.l2_form, self.penalized = l1, l2, l2_form, penalized

    def __bool__(self) -> bool:
        """Return whether a factor is above 0."""
        return self.l1 > 0 or self.l2 > 0

    def select(self, named: Iterable[tuple[str, nn.Parameter]]) -> list[nn.Parameter]:
        """Return the penalised parameters among the trainable ones.

        Args:
            named: Names and parameters, as from `torch.nn.Module.named_parameters`.

        Raises:
            ArgumentError: No parameter matches.
        """
        learn = {name: parameter for name, parameter in named if parameter.requires_grad}
        if self.penalized == "all":
            chosen = list(learn.values())
        elif self.penalized == "weights":
            chosen = [parameter for parameter in learn.values() if parameter.dim() >= 2]
        else:
            chosen = [parameter for name, parameter in learn.items() if fnmatchcase(name, self.penalized)]
        if not chosen:
            expected = "all, weights, or a pattern that fits a parameter's name"
            some = ", ".join(list(learn)[:4])
            raise ArgumentError("penalized", expected, self.penalized, f"There are: {some}{', …' * (len(learn) > 4)}.")
        return chosen

    def __call__(self, parameters: Sequence[Tensor]) -> Tensor:
        """Return the penalty of these parameters, a scalar; a number that is 0 has gradient 0."""
        total = parameters[0].new_zeros(())
        if self.l1:
            total = total + self.l1 * _sum(torch.linalg.vector_norm(each, 1) for each in parameters)
        if self.l2 and self.l2_form == "norms":
            total = total + self.l2 * _sum(torch.linalg.vector_norm(each) for each in parameters)
        elif self.l2:
            total = total + self.l2 * _sum(torch.square(each).sum() for each in parameters)
        return total


def _sum(numbers: Iterable[Tensor]) -> Tensor:
    return torch.stack(list(numbers)).sum()
