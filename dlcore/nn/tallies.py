"""Tallies: what a loss and its metrics need, added up on the device, read only when somebody looks.

A metric that is computed each step costs more than a small network's step. A tally costs a few tiny kernels, is summed
over processes as it stands, and gives exact metrics of everything that was added, whatever the sizes of the batches.

Shapes: N batch, K classes, O outputs of a regression.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor
from torchmetrics.functional.classification import multiclass_f1_score


class Tally(ABC):
    """A sum of losses over samples, and the sums that the metrics are made of.

    Args:
        device: Where the sums live; they are added to without waiting for the device.
    """

    def __init__(self, device: torch.device | str = "cpu") -> None:
        # float64 counts exactly up to 2^53; some devices (MPS) have no float64.
        self.dtype = torch.float32 if torch.device(device).type == "mps" else torch.float64
        self.count = 0
        self.loss_sum = torch.zeros((), dtype=self.dtype, device=device)

    def add(self, loss: Tensor, outputs: Tensor, targets: Tensor) -> None:
        """Add a batch.

        Args:
            loss: Mean loss of the batch, a scalar.
            outputs: Raw scores of the network (N, K) or (N, O).
            targets: Class indices (N,) or numbers (N, O).
        """
        if len(targets):
            self.count += len(targets)
            self.loss_sum.add_(loss.detach(), alpha=len(targets))
            self._add(outputs.detach(), targets)

    @abstractmethod
    def _add(self, outputs: Tensor, targets: Tensor) -> None: ...

    @abstractmethod
    def sums(self) -> list[Tensor]:
        """The tensors that are sums over samples: those that processes add up (the count comes first)."""

    @abstractmethod
    def load_sums(self, sums: list[Tensor]) -> None:
        """Take over sums that were added up over processes, in the order of `sums`."""

    @abstractmethod
    def metrics(self, thorough: bool = False) -> dict[str, float]:
        """Loss and metrics of all that was added.

        Args:
            thorough: Also those that cost more and are looked at once, at test time.
        """

    def loss(self) -> float:
        """Mean loss over the samples; NaN when nothing was added."""
        return self.loss_sum.item() / self.count if self.count else float("nan")


class ClassTally(Tally):
    """Tally of a classifier: a confusion matrix.

    Args:
        num_classes: Number of classes (K).
        device: Where the sums live.

    Attributes:
        confusion: Counts (K, K); row: the target, column: the prediction.
    """

    def __init__(self, num_classes: int, device: torch.device | str = "cpu") -> None:
        super().__init__(device)
        self.num_classes = num_classes
        self.confusion = torch.zeros(num_classes, num_classes, dtype=torch.int64, device=device)

    def _add(self, outputs: Tensor, targets: Tensor) -> None:
        # A single score a sample is the logit of class 1; else the class with the largest score wins.
        preds = (outputs.reshape(-1) > 0).long() if self.num_classes == 2 and outputs.numel() == len(targets) else None
        if preds is None:
            preds = outputs.argmax(dim=1)
        cells = targets.reshape(-1).long() * self.num_classes + preds
        # scatter_add and not bincount: bincount waits for a GPU.
        self.confusion.view(-1).scatter_add_(0, cells, torch.ones_like(cells))

    def sums(self) -> list[Tensor]:
        """Count of samples, sum of losses, confusion matrix."""
        return [torch.tensor(self.count, dtype=self.dtype, device=self.loss_sum.device), self.loss_sum, self.confusion]

    def load_sums(self, sums: list[Tensor]) -> None:
        """Take over sums of all processes."""
        count, self.loss_sum, self.confusion = sums
        self.count = int(count)

    def metrics(self, thorough: bool = False) -> dict[str, float]:
        """``loss`` and ``accuracy``; thorough: also ``f1``, the mean of the classes' F1 scores (macro average)."""
        if not self.count:
            return {"loss": float("nan"), "accuracy": float("nan")}
        found = {"loss": self.loss(), "accuracy": self.confusion.trace().item() / self.count}
        if thorough:
            preds, targets = self.labels()
            found["f1"] = multiclass_f1_score(preds, targets, self.num_classes, average="macro").item()
        return found

    def labels(self) -> tuple[Tensor, Tensor]:
        """Predictions and targets that have this confusion matrix, each (N,): what metric functions ask for."""
        counts = self.confusion.cpu().reshape(-1)
        cells = torch.arange(counts.numel()).repeat_interleave(counts)
        return cells % self.num_classes, cells // self.num_classes


class RegressionTally(Tally):
    """Tally of a regression: sums of errors and of squares.

    Args:
        device: Where the sums live.

    Attributes:
        moments: Sums of |e|, e², y and y² over all numbers, with error e and target y; shape (4,).
        numbers: How many numbers were added: samples times outputs.
    """

    def __init__(self, device: torch.device | str = "cpu") -> None:
        super().__init__(device)
        self.moments = torch.zeros(4, dtype=self.dtype, device=device)
        self.numbers = 0

    def _add(self, outputs: Tensor, targets: Tensor) -> None:
        targets = targets.reshape(outputs.shape).to(self.dtype)
        errors = outputs.to(self.dtype) - targets
        self.moments += torch.stack([errors.abs().sum(), errors.square().sum(), targets.sum(), targets.square().sum()])
        self.numbers += targets.numel()

    def sums(self) -> list[Tensor]:
        """Counts of samples and of numbers, sum of losses, moments."""
        counts = torch.tensor([self.count, self.numbers], dtype=self.dtype, device=self.loss_sum.device)
        return [counts, self.loss_sum, self.moments]

    def load_sums(self, sums: list[Tensor]) -> None:
        """Take over sums of all processes."""
        counts, self.loss_sum, self.moments = sums
        self.count, self.numbers = (int(count) for count in counts.tolist())

    def metrics(self, thorough: bool = False) -> dict[str, float]:
        """``loss``, ``mae``, ``rmse`` and ``r2`` = 1 - Σe²/Σ(y-mean)²; r2 is NaN when all targets are equal."""
        if not self.numbers:
            return dict.fromkeys(("loss", "mae", "rmse", "r2"), float("nan"))
        absolute, squares, total, total_squares = self.moments.tolist()
        spread = total_squares - total**2 / self.numbers
        return {
            "loss": self.loss(),
            "mae": absolute / self.numbers,
            "rmse": (squares / self.numbers) ** 0.5,
            "r2": 1 - squares / spread if spread > 0 else float("nan"),
        }
