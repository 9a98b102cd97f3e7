"""Summary of picture data: parts, classes, values; samples by class; results of augmentation.

It reads any data module that has `facts` with ``image_shape``, and `parts` whose `fetch` returns stored pictures.

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
_MOST_MEASURED = 10_000  # pictures used for mean and deviation: more change nothing visible
_CHUNK_VALUES = 2_000_000  # numbers measured at once: several copies of them are in memory


@dataclass(frozen=True)
class Values:
    """Range, mean and deviation of the pictures' values."""

    dtype: str  # their type, as torch names it: uint8, float32
    low: float  # the least
    high: float  # the greatest
    mean: list[float]  # mean of each channel
    std: list[float]  # standard deviation of each channel


@dataclass(frozen=True)
class PictureSummary:
    """Summary of picture data."""

    image_shape: tuple[int, int, int]  # (C, H, W)
    sizes: dict[str, int]  # samples of each part
    class_names: list[str]  # the classes' names; empty if no classes are learned
    counts: dict[str, list[int]]  # samples of each class in each part, by part (K,)
    stored: Values  # values as stored
    given: Values  # values as the network gets them, without augmentation
    measured: int  # number of training pictures used to measure the values
    source: str  # where the data came from; may be empty

    @property
    def imbalance(self) -> float:
        """Size of the largest class of the training part divided by that of the smallest; inf if one is empty."""
        counts = self.counts.get("train") or [1]
        return max(counts) / min(counts) if min(counts) else float("inf")


def image_shape(datamodule: Any) -> tuple[int, int, int] | None:
    """Return the shape (C, H, W) of the pictures; None for other data."""
    shape = data_facts(datamodule).get("image_shape")
    return None if shape is None or len(shape) != 3 else (int(shape[0]), int(shape[1]), int(shape[2]))


def _known_shape(datamodule: Any) -> tuple[int, int, int]:
    shape = image_shape(datamodule)
    if shape is None:
        raise FitError("data: expected pictures (facts with image_shape).")
    return shape


def summarize_pictures(datamodule: Any) -> PictureSummary:
    """Summarise picture data that were read.

    Raises:
        FitError: The data do not match their declared shape.
    """
    facts, parts = datamodule.facts(), datamodule.parts
    names = [str(name) for name in facts.get("class_names", ())]
    labels = {name: _classes(part.targets[part.indices]) for name, part in parts.items()} if names else {}
    counts = {name: torch.bincount(each[each >= 0], minlength=len(names)).tolist() for name, each in labels.items()}
    train = parts["train"]
    chosen = spread(len(train), _MOST_MEASURED)
    shape = _known_shape(datamodule)
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
    """Return pictures as stored (N, C, H, W), and their targets.

    Args:
        datamodule: The data, already read.
        part: ``train``, ``val`` or ``test``.
        places: Positions within the part (N,).
    """
    chosen = datamodule.parts[part]
    inputs, targets = chosen.fetch(chosen.indices[places])
    return channels_first(inputs, _known_shape(datamodule)), targets


def as_bytes(pictures: Tensor) -> Tensor:
    """Return pictures as bytes: floating-point ones are scaled from their least to their greatest value."""
    if pictures.dtype == torch.uint8:
        return pictures
    values = pictures.float()
    low, high = values.min(), values.max()
    return ((values - low) / (high - low).clamp(min=1e-12) * 255).round().to(torch.uint8)


def samples_by_class(datamodule: Any, part: str, each: int, classes: int) -> list[Tensor]:
    """Return pictures of each of the first classes (n, C, H, W), spread over the part; n is at most `each`."""
    chosen = datamodule.parts[part]
    targets = _classes(chosen.targets[chosen.indices])
    rows = []
    for number in range(classes):
        places = torch.nonzero(targets == number).flatten()
        rows.append(stored_pictures(datamodule, part, places[spread(len(places), each)])[0])
    return rows


def augmented(datamodule: Any, places: Tensor, epochs: int) -> list[Tensor] | None:
    """Return training samples and their augmented forms in several epochs, one tensor (1 + E, C, H, W) per sample.

    Args:
        datamodule: The data. If their ``augments`` is true, their method ``augment(inputs, targets, samples, epoch)``
            returns augmented inputs, as the network gets them, and the targets.
        places: Positions within the training part (N,).
        epochs: Number of epochs (E).

    Returns:
        A tensor for each sample; None if the data have no augmentation, or it is off.
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
    # Undo the normalisation; augmented colours may be darker or lighter than the original.
    normalization = datamodule.facts().get("normalization")
    if normalization:
        mean, std = (torch.tensor(normalization[name]).view(-1, 1, 1) for name in ("mean", "std"))
        forms, low, high = [form * std + mean for form in forms], 0.0, 1.0
    else:
        low, high = float(forms[0].min()), float(forms[0].max())
    scaled = [((form - low) / (high - low or 1.0)).clamp(0, 1).mul(255).round().to(torch.uint8) for form in forms]
    return [torch.stack(sample) for sample in zip(*scaled, strict=True)]


def spread(n: int, most: int) -> Tensor:
    """Return at most `most` of n positions, spread evenly: neighbouring samples are often alike."""
    return torch.arange(n) if n <= most else torch.linspace(0, n - 1, most).long()


def channels_first(pictures: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Return pictures as (N, C, H, W), also if stored without channels or with channels last.

    Raises:
        FitError: Their shape is not the declared one.
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
    """Check that a part has a sample of this index."""
    size = len(datamodule.parts[part])
    if not 0 <= index < size:
        raise ArgumentError("--index", f"a whole number from 0 to {size - 1:,}, as {part} has", index)


def _classes(targets: Tensor) -> Tensor:
    return targets.argmax(1) if targets.dim() == 2 and targets.shape[1] > 1 else targets.flatten().long()


def _values(chunks: Any) -> Values:
    """Return range, mean and deviation of pictures (N, C, H, W), computed in chunks."""
    low, high, dtype = float("inf"), float("-inf"), ""
    count, total, squares = 0, torch.zeros(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    for chunk in chunks:
        dtype = str(chunk.dtype).removeprefix("torch.")
        low, high = min(low, float(chunk.min())), max(high, float(chunk.max()))
        channels = chunk.transpose(0, 1).flatten(1)
        count += channels.shape[1]
        total = total + channels.sum(1, dtype=torch.float64)
        # Squares in float32, summed in float64: a square of a byte has five digits.
        squares = squares + channels.float().square_().sum(1, dtype=torch.float64)
    mean = total / count
    return Values(dtype, low, high, mean.tolist(), (squares / count - mean**2).clamp(min=0).sqrt().tolist())
