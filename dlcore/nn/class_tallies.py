"""Tallies of classifiers: a confusion matrix, and counts of scores.

Shapes: N batch, K classes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dlcore.nn.losses import ClassWeights
from dlcore.nn.tallies import SampleTally

_TOGETHER = 4096  # samples whose classes are counted at once


class ClassTally(SampleTally):
    """Tally of a classifier: a confusion matrix.

    To count takes half a dozen tiny kernels, so batches wait until they are worth it or somebody looks: whole numbers
    add up to the same in any order.

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
        self._waiting: list[tuple[Tensor, Tensor]] = []
        self._counted = 0  # samples; the others wait

    @property
    def confusion(self) -> Tensor:
        """Counts (K, K); row: the target, column: the prediction."""
        self._count_waiting()
        return self.metric_sums

    def sums(self) -> list[Tensor]:
        """Those of `SampleTally`, of all that was added."""
        self._count_waiting()
        return super().sums()

    def load_sums(self, sums: list[Tensor]) -> None:
        """Take over sums that were added up over processes, in the order of `sums`."""
        super().load_sums(sums)
        self._waiting, self._counted = [], self.count

    def _add(self, outputs: Tensor, targets: Tensor) -> None:
        if self._waiting and self._waiting[-1][1].dim() != targets.dim():  # classes now, probabilities before
            self._count_waiting()
        self._waiting.append((outputs, targets))
        if self.count - self._counted >= _TOGETHER:
            self._count_waiting()

    def _count_waiting(self) -> None:
        if self._waiting:
            outputs, targets = zip(*self._waiting, strict=True)
            self._waiting, self._counted = [], self.count
            self._add_counts(torch.cat(outputs), torch.cat(targets))

    def _add_counts(self, outputs: Tensor, targets: Tensor) -> None:
        # A single score a sample is the logit of class 1; else the class with the largest score wins.
        single = outputs.numel() == len(targets)
        preds = (outputs.reshape(-1) > 0).long() if single else outputs.argmax(dim=1)
        cells = self._classes(targets, single) * self.num_classes + preds
        # scatter_add and not bincount: bincount waits for a GPU.
        self.metric_sums.view(-1).scatter_add_(0, cells, torch.ones_like(cells))

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

    def _add_counts(self, outputs: Tensor, targets: Tensor) -> None:
        super()._add_counts(outputs, targets)
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
