"""Histograms that are counted on the tensor's device and read later; ``distributions.json``, those of a run."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from dlcore.errors import ArgumentError, DataError, check_number
from dlcore.tracking.run_file import replace_file

if TYPE_CHECKING:
    from tensorboard.compat.proto.summary_pb2 import Summary


# Slots behind the bins: values equal to the maximum (numpy's last bin includes its right edge), NaN, infinite ones.
_MAXIMUM, _NAN, _INFINITE = 0, 1, 2
_EXTRA_SLOTS = 3
_CHUNK = 2**17  # values counted at once on a CPU, so that intermediate results stay in its cache


@dataclass(frozen=True)
class Histogram:
    """Histogram of a tensor's values, with equally wide bins.

    Args:
        minimum: Smallest finite value; NaN if there is none.
        maximum: Largest finite value; NaN if there is none.
        count: Number of finite values.
        sum: Sum of the finite values.
        sum_of_squares: Sum of their squares.
        edges: Edges of the bins, one more than bins; a bin includes its left edge, the last bin both. Empty if there is
            no finite value.
        counts: Number of values in each bin. Empty if there is no finite value.
        nan: Number of NaN values.
        infinite: Number of values that are plus or minus infinity.
    """

    minimum: float
    maximum: float
    count: int
    sum: float
    sum_of_squares: float
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    nan: int
    infinite: int

    def to_summary(self, tag: str) -> Summary:
        """Return a TensorBoard summary, without NaN and infinite values; empty if there are no other values."""
        from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary

        # TensorBoard takes the outermost edges from the extremes; these differ from the edges if all values are equal.
        proto = HistogramProto(
            min=self.edges[0] if self.edges else self.minimum,
            max=self.edges[-1] if self.edges else self.maximum,
            num=self.count,
            sum=self.sum,
            sum_squares=self.sum_of_squares,
            bucket_limit=self.edges[1:],
            bucket=self.counts,
        )
        return Summary(value=[Summary.Value(tag=tag, histo=proto)])


@dataclass(frozen=True, eq=False)
class HistogramTensors:
    """Histogram whose numbers may still be computed on the device, as small tensors.

    Args:
        moments: Minimum, maximum, sum and sum of squares of the finite values. Shape: (4).
        slots: Counts. Shape: (bins + 3): the bins, then the values equal to the maximum, NaN, infinite values.
    """

    moments: Tensor
    slots: Tensor

    def read(self) -> Histogram:
        """Wait for the device and return the numbers."""
        minimum, maximum, total, squares = self.moments.tolist()
        slots = self.slots.tolist()
        bins = len(slots) - _EXTRA_SLOTS
        counts, extra = slots[:bins], slots[bins:]
        counts[-1] += extra[_MAXIMUM]
        count = sum(counts)
        edges: list[float] = []
        if not count:
            minimum = maximum = math.nan
            counts = []
        elif minimum == maximum:
            # Equal values have no width: put them into the middle of narrow bins.
            counts = [0] * bins
            counts[bins // 2] = count
            half = max(abs(minimum) * 1e-3, 1e-6)
            edges = [minimum + half * (2 * i - bins) / bins for i in range(bins + 1)]
        else:
            # Do not use minimum + width·i/bins: the width of ±1e308 would be infinite.
            edges = [minimum * ((bins - i) / bins) + maximum * (i / bins) for i in range(bins + 1)]
        return Histogram(
            minimum, maximum, count, total, squares, tuple(edges), tuple(counts), extra[_NAN], extra[_INFINITE]
        )


@torch.no_grad()
def count_histogram(tensor: Tensor, bins: int = 64) -> HistogramTensors:
    """Count a tensor's values in `bins` equally wide bins between its smallest and its largest finite value.

    Everything is computed on the tensor's device; on an accelerator in about 20 small kernels without synchronising.
    NaN and infinite values are counted separately. Positions are computed in float32 (float64 for float64 and
    integers): a value very close to an edge may be counted in the neighbouring bin.

    Args:
        tensor: Any real numbers or booleans, of any shape; may be empty, constant, sparse or not contiguous.
        bins: Number of bins, at least 1.

    Returns:
        Tensors with the counts; `HistogramTensors.read` converts them to numbers.

    Raises:
        ArgumentError: The numbers are complex, or `bins` is less than 1.
    """
    check_number("bins", bins, at_least=1, remedy="Use the default, 64.")
    if tensor.is_complex():
        raise ArgumentError("tensor", "real numbers", str(tensor.dtype), "Count its .abs() or its .real.")
    values = (tensor.detach().to_dense() if tensor.layout != torch.strided else tensor.detach()).reshape(-1)
    exact = values.dtype == torch.float64 or not values.is_floating_point()
    # Apple's GPUs have no float64.
    values = values.to(torch.float64 if exact and values.device.type != "mps" else torch.float32)
    if not values.numel():
        return HistogramTensors(values.new_zeros(4), values.new_zeros(bins + _EXTRA_SLOTS, dtype=torch.int64))
    return (_count_on_host if values.device.type == "cpu" else _count_on_device)(values, bins)


def _count_on_host(values: Tensor, bins: int) -> HistogramTensors:
    """Count on the CPU, where reading intermediate results is cheap: most tensors are finite."""
    low, high = values.aminmax()
    finite, nan = values, 0
    if not (math.isfinite(low) and math.isfinite(high)):
        finite, nan = values[values.isfinite()], int(values.isnan().sum())
        low, high = finite.aminmax() if finite.numel() else (values.new_zeros(()), values.new_zeros(()))
    slots = torch.zeros(bins + _EXTRA_SLOTS, dtype=torch.int64)
    for part in finite.split(_CHUNK):
        slots += torch.bincount(_positions(part, low, high, bins).int(), minlength=len(slots))
    slots[bins + _NAN], slots[bins + _INFINITE] = nan, values.numel() - finite.numel() - nan
    return HistogramTensors(torch.stack([low, high, finite.sum(), finite.dot(finite)]), slots)


def _count_on_device(values: Tensor, bins: int) -> HistogramTensors:
    """Count on an accelerator without reading intermediate results, which would synchronise."""
    inf = math.inf
    low = values.nan_to_num(nan=inf, posinf=inf, neginf=inf).amin()
    high = values.nan_to_num(nan=-inf, posinf=-inf, neginf=-inf).amax()
    finite = values.nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)
    moments = torch.stack([low, high, finite.sum(), finite.square_().sum()])
    low, high = (torch.where(moments[0] <= moments[1], bound, 0.0) for bound in (low, high))
    positions = _positions(values, low, high, bins)
    positions.nan_to_num_(nan=bins + _NAN, posinf=bins + _INFINITE, neginf=bins + _INFINITE)
    # bincount would read the maximum first. This is as exact, and deterministic.
    slots = torch.zeros(bins + _EXTRA_SLOTS, dtype=torch.int64, device=values.device)
    slots.scatter_add_(0, positions.long(), torch.ones_like(slots[:1]).expand(values.numel()))
    return HistogramTensors(moments, slots)


def _positions(values: Tensor, low: Tensor, high: Tensor, bins: int) -> Tensor:
    """Return positions in units of bins from `low`; exactly `bins` for the maximum."""
    # Use halves: the width of the whole float range would be infinite.
    half = high * 0.5 - low * 0.5
    half = torch.where(half > 0, half, 1.0)
    return torch.add(low * -0.5, values, alpha=0.5).div_(half).mul_(bins)


FILE = "distributions.json"


@dataclass(frozen=True)
class Distributions:
    """Histograms at one step."""

    step: int  # optimiser steps completed
    histograms: dict[str, Histogram]  # histograms by TensorBoard tag (``weights/00_linear_1``), input side first


class KeptHistograms:
    """File with the first and the latest histograms of a run; a resumed run keeps its first ones."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self.first: Distributions | None = None
        self.last: Distributions | None = None
        if self.path.exists():
            self.first, self.last = read_distributions(self.path)

    def keep(self, counted: Mapping[str, HistogramTensors], step: int) -> None:
        """Store the histograms of a record; step 0 is a run's first record."""
        look = Distributions(step, {tag: tensors.read() for tag, tensors in counted.items()})
        if step == 0:
            self.first, self.last = look, None
        else:
            self.last = look
        content = {name: each and asdict(each) for name, each in (("first", self.first), ("last", self.last))}
        replace_file(self.path, json.dumps(content).encode())


def read_distributions(path: Path) -> tuple[Distributions | None, Distributions | None]:
    """Read the first and the latest histograms of a run; None for missing ones.

    Raises:
        DataError: There is no such file, or it holds something else.
    """
    path = path / FILE if path.is_dir() else path
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return _distributions(content["first"]), _distributions(content["last"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: cannot be read as histograms of a run: {error!r}.") from error


def _distributions(content: Any) -> Distributions | None:
    if content is None:
        return None
    histograms = {}
    for tag, each in content["histograms"].items():
        values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in each.items()}
        histograms[tag] = Histogram(**values)
    return Distributions(int(content["step"]), histograms)
