"""What is in data that are pictures: parts, classes, values; samples by class; what augmentation makes of them.

It reads any data module that has `facts` with ``image_shape``, and `parts` whose `fetch` gives stored pictures.

Shapes: N pictures, C channels, H, W, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dlcore.callbacks.data_facts import data_facts
from dlcore.errors import ArgumentError, FitError

PARTS = ("train", "val", "test")
_MOST_MEASURED = 10_000  # pictures from which mean and deviation are told: more change nothing that one sees
_CHUNK_VALUES = 20_000_000  # numbers that are measured at once


@dataclass(frozen=True)
class Values:
    """What values the pictures have.

    Attributes:
        dtype: Their type, as torch names it: uint8, float32.
        low: The least.
        high: The greatest.
        mean: Mean of each channel.
        std: Standard deviation of each channel.
    """

    dtype: str
    low: float
    high: float
    mean: list[float]
    std: list[float]


@dataclass(frozen=True)
class PictureSummary:
    """What data of pictures are.

    Attributes:
        image_shape: (C, H, W).
        sizes: Samples of each part.
        class_names: The classes' names; empty where no classes are learned.
        counts: Samples of each class in each part, by part (K,).
        stored: Values as they are stored.
        given: Values as the network gets them, without augmentation.
        measured: How many pictures of the training part the values were told from.
        source: Where the data came from; may be empty.
    """

    image_shape: tuple[int, int, int]
    sizes: dict[str, int]
    class_names: list[str]
    counts: dict[str, list[int]]
    stored: Values
    given: Values
    measured: int
    source: str

    @property
    def imbalance(self) -> float:
        """How many times the largest class of the training part is as large as the smallest; inf where one is empty."""
        counts = self.counts.get("train") or [1]
        return max(counts) / min(counts) if min(counts) else float("inf")


def image_shape(datamodule: Any) -> tuple[int, int, int] | None:
    """The shape (C, H, W) of the pictures; None for data that are none."""
    shape = data_facts(datamodule).get("image_shape")
    return None if shape is None or len(shape) != 3 else (int(shape[0]), int(shape[1]), int(shape[2]))


def summarize_pictures(datamodule: Any) -> PictureSummary:
    """Summarise data of pictures that were read.

    Raises:
        FitError: The data do not give what they say.
    """
    facts, parts = datamodule.facts(), datamodule.parts
    names = [str(name) for name in facts.get("class_names", ())]
    counts = {name: _class_counts(part, len(names)) for name, part in parts.items()} if names else {}
    train = parts["train"]
    chosen = spread(len(train), _MOST_MEASURED)
    shape = image_shape(datamodule)
    if shape is None:
        raise FitError("data: expected pictures (facts with image_shape).")
    step = max(1, _CHUNK_VALUES // max(1, shape[0] * shape[1] * shape[2]))
    chunks = [train.indices[chosen[start : start + step]] for start in range(0, len(chosen), step)]
    return PictureSummary(
        shape,
        {name: len(part) for name, part in parts.items()},
        names,
        counts,
        _values(channels_first(train.fetch(indices)[0], shape) for indices in chunks),
        _values(datamodule.transform(train.fetch(indices)[0]) for indices in chunks),
        len(chosen),
        str(facts.get("source", "")),
    )


def stored_pictures(datamodule: Any, part: str, places: Tensor) -> tuple[Tensor, Tensor]:
    """Pictures as stored (N, C, H, W), and their targets.

    Args:
        datamodule: The data, read.
        part: ``train``, ``val`` or ``test``.
        places: Positions within the part (N,).
    """
    chosen = datamodule.parts[part]
    inputs, targets = chosen.fetch(chosen.indices[places])
    shape = image_shape(datamodule)
    if shape is None:
        raise FitError("data: expected pictures (facts with image_shape).")
    return channels_first(inputs, shape), targets


def as_bytes(pictures: Tensor) -> Tensor:
    """Pictures as bytes: those that are numbers are scaled from their least to their greatest."""
    if pictures.dtype == torch.uint8:
        return pictures
    values = pictures.float()
    low, high = values.min(), values.max()
    return ((values - low) / (high - low).clamp(min=1e-12) * 255).round().to(torch.uint8)


def samples_by_class(datamodule: Any, part: str, each: int, classes: int) -> list[Tensor]:
    """Pictures of each of the first classes (n, C, H, W), spread over the part; n is at most `each`."""
    chosen = datamodule.parts[part]
    targets = _classes(chosen.targets[chosen.indices])
    rows = []
    for number in range(classes):
        places = torch.nonzero(targets == number).flatten()
        rows.append(stored_pictures(datamodule, part, places[spread(len(places), each)])[0])
    return rows


def augmented(datamodule: Any, places: Tensor, epochs: int) -> list[Tensor] | None:
    """What augmentation makes of training samples: for each one, it and its forms in so many epochs (1 + E, C, H, W).

    Args:
        datamodule: The data; where they say that chance changes them (``augments``), their method ``augment(inputs,
            targets, samples, epoch)`` gives what an epoch makes of stored inputs, as the network gets them, and the
            targets.
        places: Positions within the training part (N,).
        epochs: How many epochs (E).

    Returns:
        A tensor for each sample; None where the data have no augmentation, or have it switched off.
    """
    if not getattr(datamodule, "augments", False):
        return None
    augment = datamodule.augment
    train = datamodule.parts["train"]
    samples = train.indices[places]
    inputs, targets = train.fetch(samples)
    forms = [datamodule.transform(inputs.clone())]
    forms += [augment(inputs.clone(), targets, samples, epoch)[0] for epoch in range(epochs)]
    if all(torch.equal(form, forms[0]) for form in forms[1:]):
        return None
    # Back to the colours that they had before they were scaled; what changed colours may be darker or lighter.
    normalization = datamodule.facts().get("normalization")
    if normalization:
        mean, std = (torch.tensor(normalization[name]).view(-1, 1, 1) for name in ("mean", "std"))
        forms, low, high = [form * std + mean for form in forms], 0.0, 1.0
    else:
        low, high = float(forms[0].min()), float(forms[0].max())
    scaled = [((form - low) / (high - low or 1.0)).clamp(0, 1).mul(255).round().to(torch.uint8) for form in forms]
    return [torch.stack(sample) for sample in zip(*scaled, strict=True)]


def spread(n: int, most: int) -> Tensor:
    """At most so many of n positions, spread evenly: samples that lie side by side are often alike."""
    return torch.arange(n) if n <= most else torch.linspace(0, n - 1, most).long()


def channels_first(pictures: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Pictures in the form (N, C, H, W), of such without channels or with channels last.

    Raises:
        FitError: They have another shape than the data say.
    """
    found = tuple(pictures.shape[1:])
    channels, height, width = shape
    if found == shape:
        return pictures
    if found == (height, width) and channels == 1:
        return pictures.unsqueeze(1)
    if found == (height, width, channels):
        return pictures.permute(0, 3, 1, 2)
    raise FitError(f"data: expected pictures of the shape that facts give, {shape}, got {found}.")


def check_sample(datamodule: Any, part: str, index: int) -> None:
    """Check that a part has a sample of that number.

    Raises:
        ArgumentError: It has fewer.
    """
    size = len(datamodule.parts[part])
    if not 0 <= index < size:
        raise ArgumentError("--index", f"a whole number from 0 to {size - 1:,}, as {part} has", index)


def _classes(targets: Tensor) -> Tensor:
    return targets.argmax(1) if targets.dim() == 2 and targets.shape[1] > 1 else targets.flatten().long()


def _class_counts(part: Any, classes: int) -> list[int]:
    targets = _classes(part.targets[part.indices])
    return torch.bincount(targets[targets >= 0], minlength=classes).tolist()


def _values(chunks: Any) -> Values:
    """Least, greatest, mean and deviation of pictures (N, C, H, W), a chunk at a time."""
    low, high, dtype = float("inf"), float("-inf"), ""
    count, total, squares = 0, torch.zeros(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    for chunk in chunks:
        dtype = str(chunk.dtype).removeprefix("torch.")
        low, high = min(low, float(chunk.min())), max(high, float(chunk.max()))
        channels = chunk.transpose(0, 1).flatten(1)
        count += channels.shape[1]
        total = total + channels.sum(1, dtype=torch.float64)
        # Squares of single precision, summed in double: a square of a byte has five digits.
        squares = squares + channels.float().square_().sum(1, dtype=torch.float64)
    mean = total / count
    return Values(dtype, low, high, mean.tolist(), (squares / count - mean**2).clamp(min=0).sqrt().tolist())
