"""Tallies: what a loss and its metrics need, added up on the device, read only when somebody looks.

A metric that is computed each step costs more than a small network's step. A tally costs a few tiny kernels, is summed
over processes as it stands, and gives exact metrics of everything that was added, whatever the sizes of the batches.

Shapes: N batch, K classes, O outputs of a regression.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from dlcore.nn.losses import ClassWeights


class Tally(ABC):
    """A sum of losses, and the sums that the metrics are made of.

    Args:
        metric_sums: What the metrics are computed from, all zero; on the device where the sums are to live, which is
            never waited for while they are added to.

    Attributes:
        dtype: That of sums of numbers: float64, or float32 where a device (MPS) has no float64.
        loss_sum: Sum of the losses, a scalar.
        metric_sums: The sums that the metrics are made of.
        unit: What is counted, in the plural, for reports.
    """

    unit = "samples"

    def __init__(self, metric_sums: Tensor) -> None:
        self.dtype = sum_dtype(metric_sums.device)
        self.loss_sum = torch.zeros((), dtype=self.dtype, device=metric_sums.device)
        self.metric_sums = metric_sums

    @property
    @abstractmethod
    def count(self) -> int:
        """How many samples were added."""

    @abstractmethod
    def add(self, loss: Tensor, outputs: Tensor, targets: Tensor) -> None:
        """Add a batch.

        Args:
            loss: Mean loss of the batch, a scalar; where samples have weights, Σ weight·loss / Σ weight.
            outputs: Raw scores of the network (N, K) or (N, O).
            targets: Class indices (N,), probabilities of classes (N, K), or numbers (N, O).
        """

    def sums(self) -> list[Tensor]:
        """Sum of losses, metric sums, …: what processes add up. The tensors themselves, not copies."""
        return [self.loss_sum, self.metric_sums]

    def load_sums(self, sums: list[Tensor]) -> None:
        """Take over sums that were added up over processes, in the order of `sums`."""
        self.loss_sum, self.metric_sums = sums

    @abstractmethod
    def metrics(self, thorough: bool = False) -> dict[str, float]:
        """Loss and metrics of all that was added.

        Args:
            thorough: Also those that cost more and are looked at once, at test time.
        """

    def weight(self) -> float:
        """Sum of the samples' weights; their count where all weigh 1."""
        return self.count

    def loss(self) -> float:
        """Mean loss over the samples; NaN when nothing was added."""
        return self.loss_sum.item() / self.weight() if self.count else float("nan")


class SampleTally(Tally):
    """A tally of samples that each have one loss.

    Args:
        metric_sums: As for `Tally`.
        class_weights: How much a sample of each class counts in the loss; None counts all as 1.

    Attributes:
        weight_sum: Sum of the samples' weights, a scalar; stays 0 where all weigh 1, and `count` says it.
    """

    def __init__(self, metric_sums: Tensor, class_weights: ClassWeights | None = None) -> None:
        super().__init__(metric_sums)
        self._count = 0
        self.class_weights = class_weights
        self.weight_sum = torch.zeros_like(self.loss_sum)

    @property
    def count(self) -> int:
        """How many samples were added."""
        return self._count

    def add(self, loss: Tensor, outputs: Tensor, targets: Tensor) -> None:
        """Add a batch of N samples."""
        if len(targets):
            self._count += len(targets)
            if self.class_weights is None:
                self.loss_sum.add_(loss.detach(), alpha=len(targets))
            else:
                # So the mean of batches is that of their samples, however the weights are spread over them.
                weight = self.class_weights.of(targets).sum().to(self.dtype)
                self.weight_sum.add_(weight)
                self.loss_sum.addcmul_(loss.detach().to(self.dtype), weight)
            self._add(outputs.detach(), targets)

    @abstractmethod
    def _add(self, outputs: Tensor, targets: Tensor) -> None: ...

    def sums(self) -> list[Tensor]:
        """Count, sum of losses, metric sums, …: what processes add up. The tensors themselves, not copies."""
        weights = [] if self.class_weights is None else [self.weight_sum]
        return [torch.tensor(self.count, device=self.loss_sum.device), *super().sums(), *weights]

    def load_sums(self, sums: list[Tensor]) -> None:
        """Take over sums that were added up over processes, in the order of `sums`."""
        count, self.loss_sum, self.metric_sums, *weights = sums
        self._count = int(count)
        if weights:
            self.weight_sum = weights[0]

    def weight(self) -> float:
        """Sum of the samples' weights; their count where all weigh 1."""
        return self.count if self.class_weights is None else self.weight_sum.item()


class RegressionTally(SampleTally):
    """Tally of a regression: sums of errors and of squares.

    Args:
        num_outputs: Numbers predicted for a sample (O).
        device: Where the sums live.
    """

    def __init__(self, num_outputs: int = 1, device: torch.device | str = "cpu") -> None:
        super().__init__(torch.zeros(4, num_outputs, dtype=sum_dtype(device), device=device))

    @property
    def moments(self) -> Tensor:
        """Sums of |e|, e², y and y² over the samples, for each output, with error e and target y; shape (4, O)."""
        return self.metric_sums

    def _add(self, outputs: Tensor, targets: Tensor) -> None:
        targets = targets.reshape(outputs.shape).to(self.dtype)
        errors = outputs.to(self.dtype) - targets
        self.moments.add_(torch.stack([errors.abs(), errors.square(), targets, targets.square()]).sum(dim=1))

    def metrics(self, thorough: bool = False) -> dict[str, float]:
        """``loss``, ``mae`` and ``rmse`` over all numbers, and ``r2``.

        r2 is 1 - Σe²/Σ(y-mean)² of an output, averaged over the outputs; NaN when an output's targets are all equal.
        """
        if not self.count:
            return dict.fromkeys(("loss", "mae", "rmse", "r2"), float("nan"))
        absolute, squares, total, total_squares = self.moments.cpu().double()
        spread = total_squares - total.square() / self.count
        # Of equal targets nothing but rounding remains.
        rounding = total_squares * self.count * torch.finfo(self.dtype).eps
        spread[spread <= rounding] = float("nan")
        return {
            "loss": self.loss(),
            "mae": absolute.mean().item() / self.count,
            "rmse": (squares.mean().item() / self.count) ** 0.5,
            "r2": (1 - squares / spread).mean().item(),
        }


def sum_dtype(device: torch.device | str) -> torch.dtype:
    """float64, which counts exactly up to 2^53, where the device has it."""
    return torch.float32 if torch.device(device).type == "mps" else torch.float64
