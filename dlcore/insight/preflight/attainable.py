"""The loss of the best constant answer to some targets, and the loss of perfect answers.

Shapes: N targets, K classes.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from dlcore.nn import Binary, LanguageModeling, Multiclass, Regression, Task


def attainable_losses(task: Task | None, targets: Tensor) -> tuple[float, float] | None:
    """Return the range in which a network learns: the lowest loss that ignores the inputs, and the lowest of all.

    Args:
        task: The task; None for a module without one.
        targets: Targets of a batch.

    Returns:
        The loss of the best constant answer and that of perfect answers (0, except for smoothed or mixed labels); None
        for a task of the user's own.
    """
    if isinstance(task, Regression):
        numbers = targets.reshape(len(targets), -1).float()
        constants = (numbers.mean(dim=0), numbers.median(dim=0).values)
        return min(task.loss(each.expand_as(numbers), numbers).item() for each in constants), 0.0
    if isinstance(task, LanguageModeling):
        known = targets[targets != task.ignore_index].flatten()
        return _entropy(torch.bincount(known).float()[None] / len(known)).item(), 0.0
    if not isinstance(task, Multiclass | Binary):
        return None
    shares = _shares(targets, task.num_classes)
    smoothing = getattr(task.loss_function, "keywords", {}).get("label_smoothing", 0.0)
    shares = shares * (1 - smoothing) + smoothing / task.num_classes
    weights = torch.ones(len(shares), device=shares.device)
    if task.class_weights is not None:
        weights = task.class_weights.of(targets).float()
    weights = weights / weights.sum()
    return _entropy((weights[:, None] * shares).sum(dim=0)[None]).item(), (weights * _entropy(shares)).sum().item()


def _shares(targets: Tensor, classes: int) -> Tensor:
    """Return the share of each target that belongs to each class (N, K)."""
    if targets.dim() == 2 and targets.shape[1] == classes:
        return targets.float()
    if targets.is_floating_point():  # the probability of class 1
        one = targets.reshape(-1).float()
        return torch.stack([1 - one, one], dim=1)
    return functional.one_hot(targets.reshape(-1).long(), classes).float()


def _entropy(shares: Tensor) -> Tensor:
    """Return the entropy in nats of each row (N, K)."""
    return torch.special.entr(shares).sum(dim=-1)
