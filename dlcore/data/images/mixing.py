"""Mixup and CutMix: mix a picture with another one, and its target in the same share.

References: Zhang et al. (2018), "mixup: beyond empirical risk minimization", arXiv:1710.09412; Yun et al. (2019),
"CutMix: regularization strategy to train strong classifiers with localizable features", arXiv:1905.04899.

Shapes: B batch size, C channels, H height, W width, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from dlcore.data.images.augmentation import rectangles
from dlcore.data.images.counter_random import SampleDraws
from dlcore.errors import check_number


@dataclass(frozen=True)
class Mixing:
    """Settings of the mixing. With both, each picture gets one of the two, equally likely.

    The other picture is the previous one in the batch, whose order is random already. The shares are drawn from
    (seed, epoch, sample).

    Args:
        mixup: α of the Beta(α, α) distribution of the shares in which two pictures are blended; 0: none.
        cutmix: α of the distribution of the area that is replaced by the other picture; 0: none.
    """

    mixup: float = 0.0
    cutmix: float = 0.0

    def __post_init__(self) -> None:
        check_number("mixup", self.mixup, at_least=0)
        check_number("cutmix", self.cutmix, at_least=0)

    def __bool__(self) -> bool:
        return self.mixup > 0 or self.cutmix > 0

    def __call__(self, inputs: Tensor, targets: Tensor, draws: SampleDraws, num_classes: int) -> tuple[Tensor, Tensor]:
        """Mix pictures (B, C, H, W) and class indices (B,).

        Returns pictures, and the share of each class (B, K), which sum to 1.
        """
        hot = (targets[:, None] == torch.arange(num_classes, device=targets.device)).to(inputs.dtype)
        share = draws.uniform("share")
        cut = draws.chance("mix", 0.5 if self.mixup and self.cutmix else float(self.cutmix > 0))
        kept = torch.ones_like(share)
        mixed = inputs
        if self.mixup:
            kept = torch.where(cut, kept, beta_quantile(share, self.mixup))
            weight = kept[:, None, None, None].to(inputs.dtype)
            mixed = inputs * weight + inputs.roll(1, 0) * (1 - weight)
        if self.cutmix:
            side = (1 - beta_quantile(share, self.cutmix)).sqrt() * cut
            size = (inputs.shape[-2], inputs.shape[-1])
            inside = rectangles(side, side, draws.uniform("cut y"), draws.uniform("cut x"), size)
            mixed = torch.where(inside, inputs.roll(1, 0), mixed)
            # The share counts whole pixels, as they were replaced.
            kept = torch.where(cut, 1 - inside.flatten(1).float().mean(dim=1), kept)
        kept = kept[:, None].to(hot.dtype)
        return mixed, hot * kept + hot.roll(1, 0) * (1 - kept)


def beta_quantile(share: Tensor, alpha: float) -> Tensor:
    """Map uniform numbers (B,) to Beta(α, α) distributed ones: the quantile function, from a table."""
    table = _quantiles(alpha, share.device)
    lower = torch.minimum(share, 1 - share) * 2 * (len(table) - 1)
    place = lower.long().clamp(max=len(table) - 2)
    value = torch.lerp(table[place], table[place + 1], lower - place)
    return torch.where(share < 0.5, value, 1 - value)


@cache
def _quantiles(alpha: float, device: torch.device, entries: int = 1025) -> Tensor:
    """Return quantiles of 0, …, ½ (half of the distribution is enough), cached: copying them blocks a GPU.

    With x = t^(1/α) the density x^(α-1) (1-x)^(α-1) dx is (1-t^(1/α))^(α-1) dt up to a factor: no longer infinite at 0.
    """
    edges = np.linspace(0, 0.5**alpha, 20_001)
    middle = (edges[1:] + edges[:-1]) / 2
    mass = np.concatenate([[0.0], np.cumsum((1 - middle ** (1 / alpha)) ** (alpha - 1))])
    places = np.interp(np.linspace(0, 1, entries), mass / mass[-1], edges)
    return torch.tensor(places ** (1 / alpha), dtype=torch.float32, device=device)
