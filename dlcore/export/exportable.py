"""A trained network that can be exported, with samples to compare on and what the file must say about itself.

Shapes: N samples, K answers of a sample.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dlcore.data.array_data import ArrayData
from dlcore.errors import ArgumentError, DataError
from dlcore.export.networks import NextWord

MOST = 1000  # samples to compare on
RANDOM = 64  # random ones, where there are none


@dataclass(frozen=True)
class Exportable:
    """A trained network that can be exported.

    Attributes:
        path: The checkpoint.
        network: The network, in evaluation mode and float32.
        inputs: Samples to compare on: the network's arguments, with at least two samples.
        dynamic: Axes of each argument that may have any size.
        names: Names of the arguments.
        answers: Names of the results.
        about: What a program needs to know that runs the file; plain values.
        script: Name of the example script.
        expected: What `predict` answers for the samples (N, K); None for a text model.
        targets: Class indices (N,) or numbers (N, K) of the samples; None if unknown.
        random: Why the inputs are random numbers; empty if they are samples.
        files: Further files for the script, by name.
    """

    path: Path
    network: nn.Module
    inputs: tuple[Tensor, ...]
    dynamic: tuple[tuple[int, ...], ...]
    names: tuple[str, ...]
    answers: tuple[str, ...]
    about: dict[str, Any]
    script: str
    expected: Tensor | None = None
    targets: Tensor | None = None
    random: str = ""
    files: dict[str, str] = field(default_factory=dict)

    @property
    def writes_text(self) -> bool:
        """Whether the network gives the next word of a text."""
        return isinstance(self.network, NextWord)


def at_least_two(values: Tensor) -> Tensor:
    """Return at least two samples: an export of one would take one for the only size."""
    return values if len(values) > 1 else values[[0, 0]]


def read_test_samples(data: ArrayData) -> str:
    """Read the test samples; return why that is impossible."""
    try:
        data.prepare_data()
        data.setup("test")
        data.read()
    except (DataError, ArgumentError) as error:
        return str(error)
    return ""


@torch.inference_mode()
def predicted(model: Any, inputs: Tensor) -> Tensor:
    """Return what `predict` answers (N, K) for inputs as the network takes them."""
    answers: Tensor = model.predict_step((inputs, None), 0) if hasattr(model, "task") else model(inputs)
    return answers.clone()
