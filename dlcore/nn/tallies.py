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


class ClassTally(SampleTally):
    """Tally of a classifier: a confusion matrix.

    Args:
        num_classes: Number of classes (K).
        device: Where the sums live.
        class_weights: How much a sample of each class counts in the loss; None counts all as 1. Metrics count all as 1.
    """

    def __init__(
        self, num_classes: int, device: torch.device | str = "cpu", class_weights: ClassWeights | None = None
    ) -> None:
        super().__init__(torch.zeros(num_classes, num_classes, dtype=torch.int64, device=device), class_weights)
        self.num_classes = num_classes

    @property
    def confusion(self) -> Tensor:
        """Counts (K, K); row: the target, column: the prediction."""
        return self.metric_sums

    def _add(self, outputs: Tensor, targets: Tensor) -> None:
        # A single score a sample is the logit of class 1; else the class with the largest score wins.
        single = outputs.numel() == len(targets)
        preds = (outputs.reshape(-1) > 0).long() if single else outputs.argmax(dim=1)
        cells = self._classes(targets, single) * self.num_classes + preds
        # scatter_add and not bincount: bincount waits for a GPU.
        self.confusion.view(-1).scatter_add_(0, cells, torch.ones_like(cells))

    @staticmethod
    def _classes(targets: Tensor, single: bool) -> Tensor:
        """Class indices (N,); of probabilities, the likeliest class."""
        if single and targets.is_floating_point():
            return (targets.reshape(-1) > 0.5).long()
        return targets.argmax(dim=1) if not single and targets.dim() == 2 else targets.reshape(-1).long()

    def metrics(self, thorough: bool = False) -> dict[str, float]:
        """``loss`` and ``accuracy``; thorough: also ``f1``, the mean of the classes' F1 scores (macro average)."""
        if not self.count:
            return dict.fromkeys(("loss", "accuracy", "f1") if thorough else ("loss", "accuracy"), float("nan"))
        found = {"loss": self.loss(), "accuracy": self.confusion.trace().item() / self.count}
        if thorough:
            # Imported here: it brings torchvision along, which takes seconds, and only a test asks for it.
            from torchmetrics.functional.classification import multiclass_f1_score

            preds, targets = self.labels()
            found["f1"] = multiclass_f1_score(preds, targets, self.num_classes, average="macro").item()
        return found

    def labels(self) -> tuple[Tensor, Tensor]:
        """Predictions and targets that have this confusion matrix, each (N,): what metric functions ask for."""
        counts = self.confusion.cpu().reshape(-1)
        cells = torch.arange(counts.numel()).repeat_interleave(counts)
        return cells % self.num_classes, cells // self.num_classes


class BinaryTally(ClassTally):
    """Tally of a yes-or-no classifier that also counts the scores, for the area under the ROC curve.

    A score's place among the others is all that AUROC asks for. Scores are rounded to float16, which keeps three digits
    at any size, and counted by its 65,536 values: nothing is collected, and processes add up. Where scores that differ
    by less than a thousandth count as equal, they count half, as equal scores do.

    Args:
        num_classes: 2.
        device: Where the sums live.
        class_weights: As for `ClassTally`.

    Reference:
        Hanley and McNeil (1982), "The meaning and use of the area under a receiver operating characteristic curve".
    """

    def __init__(
        self, num_classes: int = 2, device: torch.device | str = "cpu", class_weights: ClassWeights | None = None
    ) -> None:
        super().__init__(num_classes, device, class_weights)
        self.scores = torch.zeros(2, 2**16, dtype=torch.int64, device=device)

    def _add(self, outputs: Tensor, targets: Tensor) -> None:
        super()._add(outputs, targets)
        # As an integer, a float16 is its sign and a size that grows with the number's: that is its place in the row.
        bits = outputs.reshape(-1).half().view(torch.int16).long()
        size = bits & 0x7FFF
        cells = torch.where(bits < 0, 2**15 - size, 2**15 + size) + self._classes(targets, single=True) * 2**16
        self.scores.view(-1).scatter_add_(0, cells, torch.ones_like(cells))

    def sums(self) -> list[Tensor]:
        """Those of `ClassTally`, then the counts of scores."""
        return [*super().sums(), self.scores]

    def load_sums(self, sums: list[Tensor]) -> None:
        """Take over sums that were added up over processes, in the order of `sums`."""
        *sums, self.scores = sums
        super().load_sums(sums)

    def metrics(self, thorough: bool = False) -> dict[str, float]:
        """Those of `ClassTally`, and ``auroc``: the chance that a sample of class 1 scores above one of class 0.

        It is NaN when one of the classes is missing.
        """
        return {**super().metrics(thorough), "auroc": self._auroc()}

    def _auroc(self) -> float:
        no, yes = self.scores.cpu().double()
        pairs = (no.sum() * yes.sum()).item()
        below = no.cumsum(dim=0) - no / 2  # equal scores count half
        return (yes @ below).item() / pairs if pairs else float("nan")


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
