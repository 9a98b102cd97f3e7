"""Two checks of a map of importance: deletion, and a network with randomised weights.

Shapes: N inputs, P parts of an input (pixels, columns, words), * their shape, M inputs with parts deleted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from lightning.pytorch import LightningModule
from torch import Tensor

from dlcore.insight.short_training import detached_copy
from dlcore.translation import _

SHARE = 0.2  # of the parts that are deleted
_DRAWS = 20  # random deletions
NETWORKS = 3  # networks with randomised weights
_LIKE = 0.5  # rank correlation from which a map is that of any network
_LEAST = 0.01  # by how much the deletion must be better, as a share of the answer
_FEWEST = 3  # parts from which a fifth can be deleted

Deleted = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class MapCheck:
    """What the checks of a map found.

    Attributes:
        before: Strength of the answer: its probability, of a regression 0.
        deleted: The same after the most important parts were deleted; of a regression minus the answer's change.
        at_random: Mean of it over random deletions of as many parts.
        correlation: Mean rank correlation with the maps of networks with randomised weights; NaN without one.
        count: Number of parts that were deleted; 0: there are too few for this check.
        scale: Size of the answer: less than 1% of it counts as no difference.
        of_number: Whether it is a regression's.
    """

    before: float
    deleted: float
    at_random: float
    correlation: float
    count: int
    scale: float
    of_number: bool = False

    @property
    def fails(self) -> list[str]:
        """The reasons why the map does not explain the answer, in the reader's language; empty if it does."""
        reasons = []
        if self.count and not self.at_random - self.deleted > _LEAST * self.scale:
            reasons.append(_("deleting what it marks changes the answer no more than deleting at random"))
        if not math.isnan(self.correlation) and self.correlation >= _LIKE:
            reasons.append(_("a network with random weights gives nearly the same map"))
        return reasons


def check_map(
    importance: Tensor,
    delete: Deleted,
    of_random_networks: Iterable[Tensor],
    change: float | None = None,
    by_row: bool = False,
    seed: int = 0,
) -> MapCheck:
    """Check whether a map explains an answer.

    - Deletion: without the most important fifth of the parts, the answer must be weaker than without as many at random
      (mean of 20 draws). Of a picture, a draw moves the deleted region to another place, around its borders: scattered
      pixels would be noise of another kind. Reference: Petsiuk, Das and Saenko (2018), arXiv:1806.07421.
    - Randomised weights: a map that shows what the network has learned is another one for a network that has learned
      nothing. Reference: Adebayo et al. (2018), "Sanity checks for saliency maps", arXiv:1810.03292.

    Args:
        importance: The map (*), signed.
        delete: Returns the strength of the answer (M,) for inputs without the parts in masks (M, *).
        of_random_networks: Maps of networks with randomised weights (*), for the same answer.
        change: Of a regression: by how much the answer changes when all parts are deleted. A part is then important by
            its size, whatever its sign, and `delete` returns minus the answer's change.
        by_row: Whether the map holds maps of several inputs (N, P): from each its own most important fifth is deleted.
        seed: Seed of the draws.
    """
    ranked = (importance if change is None else importance.abs()).double().cpu()
    ranked = ranked.reshape(len(ranked) if by_row else 1, -1)
    count = max(1, round(SHARE * ranked.shape[1])) if ranked.shape[1] >= _FEWEST else 0
    generator = torch.Generator().manual_seed(seed)
    none = torch.zeros_like(ranked, dtype=torch.bool)
    top = none.scatter(1, ranked.argsort(dim=1, descending=True, stable=True)[:, :count], True)

    def draw() -> Tensor:
        if importance.dim() == 1 or by_row:
            return none.scatter(1, torch.rand(ranked.shape, generator=generator).argsort(dim=1)[:, :count], True)
        shifts = [int(torch.randint(1, max(side, 2), (), generator=generator)) for side in importance.shape]
        return top.view(importance.shape).roll(shifts, (0, 1)).view_as(top)

    masks = torch.stack([none, top, *(draw() for _ in range(_DRAWS))])
    before, deleted, *others = delete(masks.view(-1, *importance.shape)).tolist()
    compared = [each.abs().mean(0) if by_row else each for each in (importance, *of_random_networks)]
    correlation = _rank_correlation(compared[0], compared[1:])
    at_random, scale = float(np.mean(others)), before if change is None else change
    return MapCheck(before, deleted, at_random, correlation, count, scale, change is not None)


def _rank_correlation(importance: Tensor, others: Iterable[Tensor]) -> float:
    """Return the mean of Spearman's rank correlation of a map with others; NaN where ranks are equal, or too few."""
    from scipy.stats import spearmanr

    values = importance.double().flatten().cpu().numpy()
    found = []
    for other in others:
        theirs = other.double().flatten().cpu().numpy()
        if len(values) > 2 and np.ptp(values) and np.ptp(theirs):
            found.append(float(spearmanr(values, theirs).statistic))
    return float(np.mean(found)) if found else math.nan


@torch.no_grad()
def randomized(model: LightningModule, seed: int) -> LightningModule:
    """Return a copy of a model with the values of each parameter in random order: it has learned nothing."""
    other = detached_copy(model)
    generator = torch.Generator().manual_seed(seed)
    for parameter in other.parameters():
        order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
        parameter.copy_(parameter.flatten()[order].view_as(parameter))
    return other
