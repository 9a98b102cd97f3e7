"""Penalties on the size of parameters, added to the training loss (chapter "regularisation")."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from dlcore.errors import ArgumentError, check_number

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
