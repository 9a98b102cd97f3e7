"""Which columns of a table decide a model's answers: permutation importance and integrated gradients.

Shapes: N rows, F inputs of the network, P columns, M deletions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dlcore.data.tables.encoding import Encoding, OneHot
from dlcore.errors import DataError, FitError
from dlcore.insight.attribution.checks import NETWORKS, MapCheck, check_map, randomized
from dlcore.insight.attribution.methods import attribute, outputs_of
from dlcore.insight.attribution.reading import Reading
from dlcore.insight.attribution.trained import Sample, Trained
from dlcore.text.network import check_finite

MOST_ROWS = 2000
REPEATS = 20
_FEW_REPEATS = 5


@dataclass(frozen=True)
class ColumnScores:
    """A number for each column, and its spread.

    Attributes:
        mean: The numbers (P,).
        std: Their standard deviation over repeats or rows (P,).
        check: The checks of their order.
    """

    mean: Tensor
    std: Tensor
    check: MapCheck


@dataclass(frozen=True)
class TableReason:
    """Which columns decide the answers to held-out rows.

    Attributes:
        columns: Their names (P).
        rows: Number of rows that were looked at.
        of_rows: Number of rows of the test split.
        permutation: By how much the score falls when a column is shuffled; over 20 shuffles.
        gradients: Size of the integrated gradients of each column, a mean over the rows.
        score: ``cross-entropy`` (nats, which rises) or ``R²`` (which falls).
    """

    columns: list[str]
    rows: int
    of_rows: int
    permutation: ColumnScores
    gradients: ColumnScores
    score: str


@dataclass(frozen=True)
class RowsReason:
    """Why a model answered so to rows.

    Attributes:
        answers: The class that the model answers to each row; of a regression the number (N,).
        strengths: The class's probability; of a regression the number again (N,).
        columns: Names of the columns (P).
        values: Their values in each row, as text (N lists of P).
        contributions: Integrated gradients of each column (N, P): positive ones speak for the answer.
        check: The checks of the contributions.
    """

    answers: list[float]
    strengths: list[float]
    columns: list[str]
    values: list[list[str]]
    contributions: Tensor
    check: MapCheck


class _Rows:
    """Rows of a test split with their columns and their baseline, and the model's answers to them."""

    def __init__(self, trained: Trained, inputs: Tensor) -> None:
        if inputs.dim() != 2:
            raise FitError(f"data: expected rows (N, F), got {tuple(inputs.shape)} from {type(trained.data).__name__}.")
        schema = getattr(trained.data, "schema", None)
        self.encoding: Encoding | None = getattr(schema, "encoding", None)
        self.trained, self.inputs, self.reading = trained, inputs, trained.reading
        widths = {f"input {number}": 1 for number in range(inputs.shape[1])}
        if self.encoding is not None:
            kept = self.encoding.columns.items()
            widths = {name: each.width for name, each in kept}
        self.columns = list(widths)
        # The column of each input (F,): a category's inputs belong together.
        self.column_of = torch.arange(len(widths)).repeat_interleave(torch.tensor(list(widths.values())))
        self.baseline = _mean_row(trained).to(inputs)
        self.outputs = outputs_of(trained.model, inputs)
        check_finite(self.outputs)
        self.answers = self.reading.answers(self.outputs)

    def by_column(self, values: Tensor) -> Tensor:
        """Sum values of the inputs (N, F) over those of each column (N, P)."""
        return values.cpu().new_zeros(len(values), len(self.columns)).index_add_(1, self.column_of, values.cpu())

    def contributions(self, model: nn.Module) -> Tensor:
        """Return the integrated gradients of each column for each row (N, P)."""
        found = attribute(model, self.inputs, self.answers, baseline=self.baseline, reading=self.reading)
        return self.by_column(found["integrated_gradients"])

    def delete(self, masks: Tensor) -> Tensor:
        """Return the mean strength of the answers (M,) without the columns in masks (M, P) or (M, N, P)."""
        whole = self.reading.strength(self.outputs, self.answers)
        found = []
        for mask in masks[..., self.column_of].to(self.inputs.device):
            changed = torch.where(mask, self.baseline, self.inputs)
            after = self.reading.strength(outputs_of(self.trained.model, changed), self.answers)
            found.append((-(after - whole).abs() if self.is_number else after).mean())
        return torch.stack(found)

    @property
    def is_number(self) -> bool:
        """Whether the model predicts a number."""
        return self.reading.task == "regression"

    @property
    def change(self) -> float | None:
        """Mean change of a regression's answer when all columns are deleted; None of a classifier."""
        everything = torch.ones(1, len(self.columns), dtype=torch.bool)
        return -float(self.delete(everything)) if self.is_number else None


def explain_table(trained: Trained, seed: int = 0) -> TableReason:
    """Rank the columns of a table by what they mean to a model's answers, on at most 2,000 rows of the test split.

    Permutation importance: by how much the loss rises (of a regression: R² falls) when the values of a column are
    shuffled among the rows. Columns that say the same share their importance. Reference: Breiman (2001), "Random
    forests"; `sklearn.inspection.permutation_importance`. Integrated gradients start at the mean of the training rows.

    Args:
        trained: The model.
        seed: Seed of the shuffles.

    Raises:
        DataError: The rows have no targets.
        FitError: The inputs are no rows of numbers.
    """
    pairs = list(trained.batches())
    inputs, targets = torch.cat([each for each, _ in pairs]), torch.cat([each for _, each in pairs])
    total = len(inputs)
    if total > MOST_ROWS:
        places = torch.linspace(0, total - 1, MOST_ROWS).long().to(inputs.device)
        inputs, targets = inputs[places], targets[places]
    rows = _Rows(trained, inputs)
    score = _regression_score if rows.is_number else _class_score
    first = targets.reshape(len(targets), -1)[:, 0].cpu()
    target = first if rows.is_number else first.round().long()
    known = ~target.isnan().any() if rows.is_number else (target >= 0).all()
    if not known:
        raise DataError("why: expected rows with targets, by which the columns are judged, got none. Type: --index 0")

    def permuted(model: nn.Module, repeats: int) -> Any:
        from sklearn.inspection import permutation_importance

        # What is shuffled are the rows' numbers, column by column: so the inputs of a category stay together.
        numbers = np.tile(np.arange(len(inputs))[:, None], (1, len(rows.columns)))

        def scored(_: Any, chosen: np.ndarray, given: np.ndarray) -> float:
            source = torch.tensor(chosen)[:, rows.column_of].to(inputs.device)
            outputs = outputs_of(model, inputs.gather(0, source))
            return score(rows.reading, outputs.cpu(), torch.tensor(given))

        return permutation_importance(
            _Fitted(), numbers, target.numpy(), scoring=scored, n_repeats=repeats, random_state=seed
        )

    found = permuted(trained.model, REPEATS)
    mean, std = torch.from_numpy(found.importances_mean), torch.from_numpy(found.importances_std)
    shares = rows.contributions(trained.model)
    sizes = shares.abs()
    others = [randomized(trained.model, number) for number in range(NETWORKS)]
    their_falls = [torch.from_numpy(permuted(other, _FEW_REPEATS).importances_mean) for other in others]
    their_shares = [rows.contributions(other) for other in others]
    change = rows.change
    return TableReason(
        rows.columns,
        len(inputs),
        total,
        ColumnScores(mean, std, check_map(mean, rows.delete, their_falls, change)),
        ColumnScores(sizes.mean(0), sizes.std(0), check_map(shares, rows.delete, their_shares, change, by_row=True)),
        "R²" if rows.is_number else "cross-entropy",
    )


def explain_rows(trained: Trained, samples: Sequence[Sample]) -> RowsReason:
    """Explain the answers to rows by integrated gradients from the mean of the training rows, column by column.

    Raises:
        FitError: The inputs are no rows of numbers.
    """
    rows = _Rows(trained, torch.cat([sample.inputs for sample in samples]))
    shares = rows.contributions(trained.model)
    others = (rows.contributions(randomized(trained.model, seed)) for seed in range(NETWORKS))
    check = check_map(shares, rows.delete, others, rows.change, by_row=True)
    answers = rows.outputs[:, 0] if rows.is_number else rows.answers
    strengths = rows.reading.strength(rows.outputs, rows.answers)
    values = [_values(rows, place) for place in range(len(samples))]
    return RowsReason(answers.tolist(), strengths.tolist(), rows.columns, values, shares, check)


def _values(rows: _Rows, number: int) -> list[str]:
    row, found, place = rows.inputs[number].double().cpu(), [], 0
    if rows.encoding is None:
        return [f"{value:.4g}" for value in row.tolist()]
    for kept in rows.encoding.columns.values():
        if isinstance(kept, OneHot):
            piece = row[place : place + len(kept.categories)]
            found.append(kept.categories[int(piece.argmax())] if len(piece) and piece.max() > 0 else "–")
        else:
            scale, shift = (kept.std, kept.mean) if rows.encoding.standardize else (1.0, kept.origin)
            found.append(kept.text(float(row[place]) * scale + shift))
        place += kept.width
    return found


def _mean_row(trained: Trained) -> Tensor:
    """Return the mean of the training rows as inputs (1, F); where they are not at hand, that of the test split."""
    train = getattr(trained.data, "parts", {}).get("train") if trained.part is not None else None
    if train is None:
        pieces = (inputs for inputs, _ in trained.batches())
    else:
        transform: Callable[[Tensor], Tensor] = trained.data.transform
        pieces = (transform(train.inputs.index_select(0, piece)) for piece in train.indices.split(MOST_ROWS))
    sums = [(each.double().sum(0), len(each)) for each in pieces]
    total = torch.stack([each for each, _ in sums]).sum(0)
    return (total / sum(count for _, count in sums)).float()[None]


class _Fitted:
    """What `permutation_importance` takes for an estimator; the scores need none."""

    def fit(self) -> None:
        """Do nothing: the network is trained."""


def _class_score(reading: Reading, outputs: Tensor, targets: Tensor) -> float:
    """Return minus the mean cross-entropy, nats."""
    shares = reading.probabilities(outputs.double()).gather(1, targets.view(-1, 1))
    return float(shares.clamp_min(1e-12).log().mean())


def _regression_score(reading: Reading, outputs: Tensor, targets: Tensor) -> float:
    """Return R² of the first output."""
    from sklearn.metrics import r2_score

    return float(r2_score(targets.numpy(), outputs[:, 0].numpy()))
