"""Check a model's gradients by back-propagation against finite differences.

Reference: Goodfellow, Bengio, Courville (2016), "Deep Learning", section 11.5, "Compare back-propagated derivatives to
numerical derivatives".

Shapes: N samples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from dlcore.errors import FitError, check_number
from dlcore.lightning_compat import copy_without_trainer
from dlcore.models import Model
from dlcore.nn import BATCH_NORMS

TOLERANCE = 1e-5
# Near the cube root of float64's precision, where rounding and curvature disturb a central difference least; the
# smaller ones are for entries near a kink.
_STEP_SIZES = (1e-5, 1e-6, 1e-7)
# Gradients below this share of the loss are compared in absolute terms: rounding hides them (at the first step size).
_FLOOR = 3e-5
_DROPOUTS = nn.Dropout | nn.Dropout1d | nn.Dropout2d | nn.Dropout3d | nn.AlphaDropout | nn.FeatureAlphaDropout


@dataclass(frozen=True)
class GroupCheck:
    """Result for one parameter tensor."""

    name: str
    shape: tuple[int, ...]
    checked: int  # number of entries compared
    kinks: int  # number of further entries at a kink of the loss, where it has no derivative
    greatest_error: float  # greatest relative difference of the two gradients
    greatest_gradient: float  # greatest absolute gradient of the whole tensor
    agrees: bool | None  # whether all differences are within the tolerance; None if nothing was compared


@dataclass(frozen=True)
class GradientReport:
    """Result of a gradient check.

    Attributes:
        groups: One entry per parameter tensor.
        samples: Number of samples (N).
        loss: The loss on them.
        remarks: How layers that are not a fixed function of a sample were handled, a sentence each.
    """

    groups: list[GroupCheck]
    samples: int
    loss: float
    remarks: list[str] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        """Whether no tensor disagrees."""
        return all(group.agrees is not False for group in self.groups)


def check_gradients(model: Model, inputs: Tensor, targets: Tensor, entries: int = 20, seed: int = 0) -> GradientReport:
    """Compare gradients by autograd with central differences, in float64, on a copy of the model.

    Some entries of each tensor are drawn at random: half of them among all, half among those with a nonzero gradient.
    If the two gradients differ, smaller steps are tried, since a step may have crossed a kink (of ReLU, say); an entry
    whose left and right slopes stay different lies on a kink and is not judged.

    Args:
        model: The model; it is not changed.
        inputs: Samples (N, …).
        targets: Their targets (N, …).
        entries: Number of entries to compare per tensor.
        seed: Seed of the choice of entries.

    Raises:
        ArgumentError: The number of entries is below 1.
        FitError: The loss is not finite.
    """
    check_number("entries", entries, at_least=1)
    copied = copy_without_trainer(model).double()
    remarks = _settle(copied, len(inputs))
    inputs, targets = (value.double() if value.is_floating_point() else value for value in (inputs, targets))

    penalty = copied.penalty
    penalized = penalty.select(copied.named_parameters()) if penalty else []

    def loss() -> Tensor:
        # Layers that are random even in evaluation mode draw the same numbers each time.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return copied.task.loss(copied(inputs), targets) + (penalty(penalized) if penalty else 0.0)

    value = loss()
    if not torch.isfinite(value):
        raise FitError(f"The loss of the first samples is {value.item()}: there are no gradients to check.")
    parameters = {name: parameter for name, parameter in copied.named_parameters() if parameter.requires_grad}
    gradients = torch.autograd.grad(value, list(parameters.values()), allow_unused=True)
    generator = torch.Generator().manual_seed(seed)
    groups = []
    with torch.no_grad():
        for (name, parameter), gradient in zip(parameters.items(), gradients, strict=True):
            known = torch.zeros_like(parameter) if gradient is None else gradient
            chosen = _choose(known.flatten(), entries, generator)
            groups.append(_check_group(name, parameter, known, chosen, loss, abs(value.item())))
    return GradientReport(groups, len(inputs), value.item(), remarks)


def _settle(model: nn.Module, samples: int) -> list[str]:
    """Make the loss a fixed function of the weights; return remarks about how."""
    model.eval()
    layers = list(model.modules())
    remarks = []
    if any(isinstance(layer, _DROPOUTS) and layer.p for layer in layers):
        remarks.append("Dropout is off: with it the loss would be another function each time.")
    normalising = [layer for layer in layers if isinstance(layer, BATCH_NORMS)]
    if normalising and samples > 1:
        for layer in normalising:
            layer.train()
        remarks.append(
            f"Batch normalisation takes mean and variance of these {samples} samples, as in training; the gradient "
            "runs through both. A bias right before it has no effect, and the gradient 0."
        )
    elif normalising:
        remarks.append("Batch normalisation takes its running mean and variance: one sample has no variance.")
    return remarks


def _choose(gradient: Tensor, entries: int, generator: torch.Generator) -> list[int]:
    """Return at most `entries` positions of a flat gradient: half among all, half among the nonzero ones."""
    nonzero = gradient.nonzero().flatten()
    nonzero = nonzero[torch.randperm(len(nonzero), generator=generator)][: -(-entries // 2)]
    # Drawing few positions with repetition is cheaper than permuting millions.
    anywhere = torch.randint(len(gradient), (entries * 2,), generator=generator)
    if len(gradient) <= entries * 4:
        anywhere = torch.randperm(len(gradient), generator=generator)
    return list(dict.fromkeys([*nonzero.tolist(), *anywhere.tolist()]))[:entries]


def _check_group(
    name: str, parameter: Tensor, gradient: Tensor, chosen: list[int], loss: Callable[[], Tensor], scale: float
) -> GroupCheck:
    places = (torch.unravel_index(torch.tensor(position), parameter.shape) for position in chosen)
    found = [_error(parameter.data, place, gradient[place].item(), loss, scale) for place in places]
    errors = [error for error in found if error is not None]
    greatest = max(errors, default=0.0)
    return GroupCheck(
        name,
        tuple(parameter.shape),
        len(errors),
        len(found) - len(errors),
        greatest,
        gradient.abs().max().item() if gradient.numel() else 0.0,
        greatest <= TOLERANCE if errors else None,
    )


def _error(
    values: Tensor, place: tuple[Tensor, ...], gradient: float, loss: Callable[[], Tensor], scale: float
) -> float | None:
    """Return the relative difference of a gradient and its finite difference; None on a kink."""
    middle, kept = loss().item(), values[place].item()
    errors, gaps = [], []
    for step_size in _STEP_SIZES:
        step = step_size * max(1.0, abs(kept))
        values[place] = kept + step
        above = loss().item()
        values[place] = kept - step
        below = loss().item()
        values[place] = kept
        slope = (above - below) / (2 * step)
        # Rounding grows as the step shrinks.
        floor = max(_FLOOR * scale * _STEP_SIZES[0] / step_size, 1e-12)
        size = max(abs(slope), abs(gradient), floor)
        errors.append(abs(slope - gradient) / size)
        gaps.append(abs(above - 2 * middle + below) / step / size)  # right slope minus left slope
        if errors[-1] <= TOLERANCE:
            return errors[-1]
    # At a smooth point the two slopes approach each other tenfold with each smaller step; at a kink they do not.
    if gaps[-1] > TOLERANCE and gaps[-1] > 0.3 * gaps[-2]:
        return None
    return min(errors)
