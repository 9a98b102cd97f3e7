"""What is exported: the network of a trained model, with the preparation of its inputs and the form of its answers.

Shapes: N samples, C channels of a picture or columns of a table, H height, W width, F inputs of a
network, K answers of a sample, V vocabulary, L recurrent layers, D hidden features.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from dlcore.data.tables.encoding import Days, Encoding, Scale
from dlcore.text.vocabulary import END


class ModelAnswers(nn.Module):
    """Answers of a model: what `predict` writes for dlcore's models, what ``forward`` returns for others.

    Args:
        model: A LightningModule in evaluation mode.

    Shape:
        - Input: (N, *), as the network takes it.
        - Output: (N, K).
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the answers."""
        outputs: Tensor = self.model(inputs)
        task: Any = getattr(self.model, "task", None)
        return task.predict(outputs) if hasattr(task, "predict") else outputs


class PreparedAnswers(ModelAnswers):
    """Answers to samples as the data store them: scaling and normalisation are part of the network.

    Args:
        model: As for `ModelAnswers`.
        prepare: Converts stored samples to inputs of the network: `transform` of the data.
        shape: Shape of one sample as stored.

    Shape:
        - Input: (N, *), as many numbers for each sample as its shape has: pixels (N, C, H, W), uint8, 0 to 255.
        - Output: (N, K).
    """

    def __init__(self, model: nn.Module, prepare: Callable[[Tensor], Tensor], shape: torch.Size) -> None:
        super().__init__(model)
        self.prepare, self.shape = prepare, tuple(shape)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the answers."""
        return super().forward(self.prepare(inputs.reshape(-1, *self.shape)))


class TableAnswers(ModelAnswers):
    """Answers to rows of a table: standardisation and categories are part of the network.

    Args:
        model: As for `ModelAnswers`.
        encoding: Encoding of the columns.

    Shape:
        - Input: (N, C), float64: numbers as in the file; of dates the days since 1970-01-01; of names the position
          among the column's categories, from 0, or -1 for another name; NaN where a value is missing.
        - Output: (N, K).
    """

    def __init__(self, model: nn.Module, encoding: Encoding) -> None:
        super().__init__(model)
        columns = list(encoding.columns.values())
        numbers = [place for place, column in enumerate(columns) if isinstance(column, Scale)]
        scales = [column for column in columns if isinstance(column, Scale)]
        names = [(place, code) for place, column in enumerate(columns) if not isinstance(column, Scale)
                 for code in range(len(column.categories))]  # fmt: skip
        # Sine and cosine of each cycle of a date: cos x = sin(x + π/2).
        waves = [(place, 2 * math.pi / period, start) for place, column in enumerate(columns)
                 if isinstance(column, Days) for period in column.cycles for start in (0.0, math.pi / 2)]  # fmt: skip
        # The network's inputs are in the order of the columns; here numbers come first, then names, then waves.
        places = [*numbers, *(place for place, _ in names), *(place for place, *_ in waves)]
        order = sorted(range(len(places)), key=places.__getitem__)
        shifts = [column.mean if encoding.standardize else column.origin for column in scales]
        factors = [(1 / column.std if column.std else 0.0) if encoding.standardize else 1.0 for column in scales]
        for name, values, kind in (
            ("numbers", numbers, torch.int64),
            ("means", [column.mean for column in scales], torch.float64),
            ("shifts", shifts, torch.float64),
            ("factors", factors, torch.float64),
            ("names", [place for place, _ in names], torch.int64),
            ("codes", [code for _, code in names], torch.float64),
            ("dates", [numbers.index(place) for place, *_ in waves], torch.int64),
            ("rates", [rate for _, rate, _ in waves], torch.float64),
            ("starts", [start for *_, start in waves], torch.float64),
            ("order", order, torch.int64),
        ):
            self.register_buffer(name, torch.tensor(values, dtype=kind))

    def forward(self, rows: Tensor) -> Tensor:
        """Return the answers."""
        numbers = rows.index_select(1, self.get_buffer("numbers"))
        numbers = torch.where(numbers.isnan(), self.get_buffer("means"), numbers)
        angles = numbers.index_select(1, self.get_buffer("dates")) * self.get_buffer("rates")
        waves = (angles + self.get_buffer("starts")).sin()
        numbers = (numbers - self.get_buffer("shifts")) * self.get_buffer("factors")
        categories = rows.index_select(1, self.get_buffer("names")) == self.get_buffer("codes")
        inputs = torch.cat([numbers.float(), categories.float(), waves.float()], dim=1)
        return super().forward(inputs.index_select(1, self.get_buffer("order")))


class NextWord(nn.Module):
    """One step of a text model: scores of the word after a token, and the state after it.

    One token at a time, since torch exports a recurrent layer over many steps as a copy for each step.

    Args:
        model: A text model with `scores`, in evaluation mode.

    Shape:
        - Input: tokens (N,), int64, and the state before them, tensors (L, N, D): zeros at the beginning of a text.
        - Output: scores (N, V), and the next state.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        """Return scores and state."""
        scores, after = self.model.scores(tokens.unsqueeze(1), state)
        return scores.squeeze(1), *after


def beginning(model: Any, texts: int) -> tuple[Tensor, ...]:
    """Return the input of `NextWord` at the beginning of N texts: the token before a document, and the first state."""
    tokens = torch.full((texts,), END)
    _, state = model.scores(tokens.unsqueeze(1))
    return tokens, *(torch.zeros_like(part) for part in state)
