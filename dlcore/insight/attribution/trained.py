"""A trained model with the samples it has not seen: its checkpoint and the data that it names.

Shapes: N samples, * the shape of an input.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.utilities import move_data_to_device
from lightning.pytorch.utilities.model_helpers import is_overridden
from torch import Tensor

from dlcore.callbacks.data_facts import data_facts
from dlcore.data.array_data import Split
from dlcore.errors import ArgumentError, FitError
from dlcore.insight.attribution.methods import outputs_of
from dlcore.insight.attribution.reading import Reading
from dlcore.insight.short_training import named_as_flag
from dlcore.models import TextClassifier
from dlcore.nn import Task
from dlcore.runs import Command, prepare
from dlcore.runs.evaluation_files import class_names


@dataclass(frozen=True)
class Sample:
    """One sample, as the network gets it.

    Attributes:
        inputs: Its input (1, *).
        target: Its class, or its number; None if it is not known.
        name: Its file, if it has one.
        index: Its place in the test split, from 0; -1 if it is not of it.
    """

    inputs: Tensor
    target: float | None = None
    name: str = ""
    index: int = -1


class Trained:
    """A trained model with its data.

    Args:
        command: The command that made model and data from the checkpoint, as `prepare` returns it.

    Raises:
        FitError: The model makes its layers only when a fit begins.
    """

    def __init__(self, command: Command) -> None:
        self.command, self.model, self.data = command, command.model, command.datamodule
        state = command.settings.checkpoint
        try:
            self.model.load_state_dict(state["state_dict"])
        except RuntimeError as error:  # weights that do not fit were refused before: some layers do not exist yet
            raise FitError(
                f"--ckpt_path: expected a model whose layers are made in __init__(), got {type(self.model).__name__}, "
                "which makes them when a fit begins."
            ) from error
        self.device = command.trainer.strategy.root_device
        self.model.to(self.device).eval()

    @cached_property
    def facts(self) -> dict[str, Any]:
        """Facts about the data."""
        return data_facts(self.data)

    @cached_property
    def names(self) -> list[str]:
        """Names of the classes; empty if they have none."""
        return [str(name) for name in class_names(self.command) or ()]

    @cached_property
    def reading(self) -> Reading:
        """How the model's outputs are read."""
        if isinstance(getattr(self.model, "task", None), Task):  # without reading the data
            return Reading.of(self.model, torch.empty(0, 1))
        inputs, targets = next(self.batches())
        return Reading.of(self.model, outputs_of(self.model, inputs), targets)

    @property
    def of_texts(self) -> bool:
        """Whether the model is a classifier of texts, whose inputs are token ids."""
        return isinstance(self.model, TextClassifier) and hasattr(self.data, "text_of")

    def text(self, sample: Sample) -> str:
        """Return the text of a sample of a classifier of texts."""
        return str(self.data.text_of(sample.inputs[0].cpu(), "test"))

    def named(self, answer: float) -> str:
        """Return an answer or a target as text: a class by its name, a number with four digits."""
        if self.reading.task == "regression":
            return f"{answer:.4g}"
        return self.names[int(answer)] if int(answer) < len(self.names) else f"class {int(answer)}"

    # Samples

    @cached_property
    def _loader(self) -> Any:
        if not is_overridden("test_dataloader", self.data):
            raise FitError(
                f"data: expected a test_dataloader, got none in {type(self.data).__name__}. Give it one: its samples "
                "are held out."
            )
        try:
            self.data.prepare_data()
            kept = self.command.settings.checkpoint.get(type(self.data).__qualname__)
            if kept:
                self.data.load_state_dict(kept)
            self.data.setup("test")
            return self.data.test_dataloader()
        except ArgumentError as error:
            raise named_as_flag(error, self.data) from error

    @property
    def part(self) -> Split | None:
        """The test split of data that lie in memory; None of other data."""
        loader = self._loader
        part = getattr(self.data, "parts", {}).get("test") if loader is not None else None
        return part if isinstance(part, Split) else None

    def _raw_batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        for batch in self._loader:
            pair = isinstance(batch, list | tuple) and len(batch) == 2
            if not pair or not all(isinstance(each, Tensor) for each in batch):
                raise FitError(
                    f"data: expected batches (inputs, targets) of tensors, got {type(batch).__name__} from "
                    f"{type(self.data).__name__}."
                )
            yield batch[0], batch[1]

    def _transferred(self, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        moved = self.data.transfer_batch_to_device(batch, self.device, 0)
        inputs, targets = self.data.on_after_batch_transfer(moved, 0)
        if not inputs.is_floating_point() and not self.of_texts:
            raise FitError(
                f"data: expected inputs of floating-point numbers, got {inputs.dtype} from {type(self.data).__name__}. "
                "Of a text model: python -m dlcore why --text 明月"
            )
        return inputs, targets

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the batches of the test split, as the network gets them: inputs (N, *) and targets (N, …)."""
        yield from map(self._transferred, self._raw_batches())

    def sample(self, index: int) -> Sample:
        """Return a sample of the test split by its place in it, from 0.

        Raises:
            ArgumentError: There is none.
        """
        part, count = self.part, 0
        if part is not None:
            count = len(part)
            if 0 <= index < count:
                batch = part.fetch(part.indices[index : index + 1])
                return self._sample(self._transferred((batch[0], batch[1])), index)
        else:
            for inputs, targets in self._raw_batches():
                if 0 <= index - count < len(inputs):
                    row = slice(index - count, index - count + 1)
                    return self._sample(self._transferred((inputs[row], targets[row])), index)
                count += len(inputs)
        raise ArgumentError("--index", f"0 to {count - 1:,}, the samples of the test split", index)

    def _sample(self, batch: tuple[Tensor, Tensor], index: int) -> Sample:
        inputs, targets = batch
        value = targets.flatten()[0].item()
        known = value == value and (targets.is_floating_point() or value >= 0)
        target = value if known else None
        part = self.part
        name = str(part.names[int(part.indices[index])]) if part is not None and part.names is not None else ""
        return Sample(inputs, target, name, index)

    def picture(self, path: Path) -> Sample:
        """Return a picture of one's own, decoded and scaled as those of the training.

        Raises:
            DataError: The file is no picture, or too large.
            FitError: The model's data are no pictures.
        """
        read = getattr(self.data, "read_picture", None)
        if read is None:
            raise FitError(
                f"{path}: expected a model of pictures (ImageFolder, FashionMNIST) for a picture, got "
                f"{type(self.model).__name__} trained on {type(self.data).__name__}. Choose its checkpoint: "
                f"--ckpt_path FILE, or the runs of its recipe: -c cnn_images"
            )
        return Sample(move_data_to_device(read(path), self.device), name=path.name)

    @torch.no_grad()
    def mistakes(self, count: int) -> tuple[list[Sample], list[float], int, int]:
        """Return the wrong answers of which the model is surest; of a regression those with the largest errors.

        Returns:
            Of the test split: the samples (`count` at most); the probability of each answer, of a regression its error
            (the first output less its target); the number of wrong answers, of a regression of all with a target; and
            the number of samples.
        """
        kept: list[tuple[float, Sample]] = []
        wrong = total = 0
        for inputs, targets in self.batches():
            outputs = outputs_of(self.model, inputs)
            if self.reading.task == "regression":
                sizes = outputs[:, 0] - targets.reshape(len(targets), -1)[:, 0]
                errs = ~sizes.isnan()
            else:
                answers, true = self.reading.answers(outputs), targets.flatten().round().long()
                sizes, errs = self.reading.strength(outputs, answers), (answers != true) & (true >= 0)
            wrong += int(errs.sum())
            for place in torch.where(errs, sizes.abs(), -torch.inf).topk(min(count, len(sizes))).indices.tolist():
                if errs[place]:
                    row = inputs[place : place + 1], targets[place : place + 1]
                    kept.append((float(sizes[place]), self._sample(row, total + place)))
            kept = sorted(kept, key=lambda pair: -abs(pair[0]))[:count]
            total += len(inputs)
        return [sample for _, sample in kept], [size for size, _ in kept], wrong, total


def load_trained(*words: str) -> Trained:
    """Load a trained model with its data: ``load_trained("--ckpt_path", "best").sample(7)``.

    Args:
        words: As for `dlcore.runs.test`: ``--ckpt_path``, ``-c``, and flags of the data.

    Raises:
        DlcoreError: There is no such checkpoint, or its data cannot be made.
    """
    try:
        return Trained(prepare("test", *words))
    except MisconfigurationException as error:  # Lightning's error for incompatible settings
        raise FitError(" ".join(str(error).split())) from error
