"""Normalisation of pictures, and random augmentation of training pictures: a batch at a time, on the device.

Geometric changes (crop, shift, rotation) are one affine map and one bilinear sampling; colour is one matrix. Every
random number comes from `SampleDraws`.

Shapes: M files, B batch size, C channels, H height, W width.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from dlcore.data.images.counter_random import SampleDraws
from dlcore.errors import ArgumentError, check_number

# Of the data that the usual pretrained networks were trained on, scaled to 0 to 1.
_IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_LUMA = (0.299, 0.587, 0.114)  # ITU-R 601
_RATIO = 4 / 3  # of a crop's sides at most
_ERASED = (0.02, 0.2), 3.0  # share of the area, ratio of the sides at most
_PIECE = 100_000  # pictures whose moments are added at once


@dataclass(frozen=True)
class Augmentation:
    """Random changes of pictures and their strength. The defaults change nothing.

    Args:
        flip: Probability with which a picture is mirrored left to right.
        crop: Smallest share of the area, in (0, 1], that a random crop keeps; the crop fills the picture. 1: none.
        shift: Largest shift to each side, as a share of the picture's side, in [0, 1).
        rotate: Largest rotation to each side, in degrees, 0 to 180.
        color: Largest change of brightness, contrast and saturation, as a share, in [0, 1].
        erase: Probability with which a rectangle of 2 to 20% of the area is filled with the mean colour.
    """

    flip: float = 0.0
    crop: float = 1.0
    shift: float = 0.0
    rotate: float = 0.0
    color: float = 0.0
    erase: float = 0.0

    def __post_init__(self) -> None:
        for name in ("flip", "color", "erase"):
            check_number(name, getattr(self, name), at_least=0, at_most=1)
        check_number("crop", self.crop, above=0, at_most=1)
        check_number("shift", self.shift, at_least=0, below=1)
        check_number("rotate", self.rotate, at_least=0, at_most=180)

    def __call__(self, pixels: Tensor, draws: SampleDraws, mean: Tensor, std: Tensor) -> Tensor:
        """Augment stored pictures (B, C, H, W), uint8, and normalise them to float32.

        Mean and deviation of each channel (C,) are those of pixels scaled to 0 to 1.
        """
        if self.crop < 1 or self.shift or self.rotate:
            moved = self._moved(pixels.float(), draws)
        elif self.flip:
            mirrored = draws.chance("flip", self.flip)
            # Copy rows of a tensor that holds both: eight times faster than choosing pixel by pixel.
            rows = torch.arange(len(pixels), device=pixels.device) + mirrored * len(pixels)
            moved = torch.cat([pixels, pixels.flip(-1)]).index_select(0, rows).float()
        else:
            moved = pixels.float()
        if self.color:
            moved = self._colored(moved, draws)
        changed = normalized(moved, mean, std)
        return self._erased(changed, draws) if self.erase else changed

    def _moved(self, pixels: Tensor, draws: SampleDraws) -> Tensor:
        """Crop, shift, rotate and flip in one sampling. Areas outside the picture become black."""
        height, width = pixels.shape[-2:]
        # In coordinates -1 to 1 of the picture's sides: the source position of each pixel of the result.
        area = draws.uniform("crop area", self.crop, 1.0)
        ratio = draws.uniform("crop ratio", -1.0, 1.0).mul(math.log(_RATIO) if self.crop < 1 else 0.0).exp()
        wide, high = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
        x = draws.uniform("crop x", -1.0, 1.0) * (1 - wide) + draws.uniform("shift x", -2.0, 2.0) * self.shift
        y = draws.uniform("crop y", -1.0, 1.0) * (1 - high) + draws.uniform("shift y", -2.0, 2.0) * self.shift
        angle = draws.uniform("rotate", -1.0, 1.0) * math.radians(self.rotate)
        cos, sin = angle.cos(), angle.sin()
        mirrored = torch.where(draws.chance("flip", self.flip), -wide, wide)
        # The rotation of a picture that is not square must be one in pixels.
        form = height / width
        # A complex number holds both coordinates: one sum makes the grid, sixty times faster than affine_grid.
        steps = [(torch.arange(n, device=pixels.device) * 2 + 1) / n - 1 for n in (width, height)]
        rows = torch.complex(cos * mirrored, sin * mirrored / form)[:, None] * steps[0]
        columns = torch.complex(-sin * high * form, cos * high)[:, None] * steps[1]
        columns = columns + torch.complex(cos * x - sin * y * form, sin * x / form + cos * y)[:, None]
        grid = torch.view_as_real(rows[:, None, :] + columns[:, :, None])
        # A crop stays inside, but interpolation between the edge and the middle of an edge pixel must not mix in black.
        outside = "zeros" if self.shift or self.rotate else "border"
        return functional.grid_sample(pixels, grid, mode="bilinear", padding_mode=outside, align_corners=False)

    def _colored(self, pixels: Tensor, draws: SampleDraws) -> Tensor:
        """Change brightness, contrast and saturation: all are linear in the pixels, so one matrix does it.

        Values beyond black and white are clipped once, at the end.
        """
        batch, channels, height, width = pixels.shape
        low, high = 1 - self.color, 1 + self.color
        brightness, contrast = draws.uniform("brightness", low, high), draws.uniform("contrast", low, high)
        flat = pixels.reshape(batch, channels, height * width)
        luma = pixels.new_tensor(_LUMA if channels == 3 else (1.0,))
        grey = flat.mean(dim=2) @ luma  # (B,), mean of the whole picture: contrast scales the distance from it
        matrix = torch.eye(channels, device=pixels.device).expand(batch, -1, -1)
        if channels == 3:
            saturation = draws.uniform("saturation", low, high)[:, None, None]
            matrix = saturation * matrix + (1 - saturation) * luma
        scale = (brightness * contrast)[:, None, None] * matrix
        offset = (brightness * (1 - contrast) * grey)[:, None, None].expand(-1, channels, 1)
        return torch.baddbmm(offset, scale, flat).clamp_(0, 255).view_as(pixels)

    def _erased(self, pixels: Tensor, draws: SampleDraws) -> Tensor:
        """Erase a rectangle of some pictures: after normalisation, the mean colour is zero."""
        (least, most), ratio = _ERASED
        area = draws.uniform("erase area", least, most)
        ratios = draws.uniform("erase ratio", -1.0, 1.0).mul(math.log(ratio)).exp()
        chosen = draws.chance("erase", self.erase)
        inside = rectangles(
            (area / ratios).sqrt() * chosen,
            (area * ratios).sqrt() * chosen,
            draws.uniform("erase y"),
            draws.uniform("erase x"),
            (pixels.shape[-2], pixels.shape[-1]),
        )
        return pixels.mul_((~inside).to(pixels.dtype))


def normalized(pixels: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Scale pixels 0 to 255 (B, C, H, W), floating point, in place to 0 to 1, subtract mean, divide by deviation."""
    scale, offset = (1 / (255 * std))[:, None, None], (-mean / std)[:, None, None]
    return pixels.mul_(scale).add_(offset)


def rectangles(high: Tensor, wide: Tensor, y: Tensor, x: Tensor, size: tuple[int, int]) -> Tensor:
    """Return masks (B, 1, H, W) of rectangles that lie wholly inside a picture of `size` (H, W).

    Heights and widths (B,) are shares of the picture's, clipped at 1; positions (B,) go from 0 (top, left) to 1.
    """
    masks = []
    for share, place, pixels in ((high, y, size[0]), (wide, x, size[1])):
        length = (share.clamp(max=1) * pixels).round()
        start = (place * (pixels - length)).round()
        steps = torch.arange(pixels, device=share.device)
        masks.append((steps >= start[:, None]) & (steps < (start + length)[:, None]))
    return masks[0][:, None, :, None] & masks[1][:, None, None, :]


@dataclass(frozen=True)
class Normalization:
    """Normalisation: pixels, scaled to 0 to 1, minus the mean, divided by the deviation."""

    mean: tuple[float, ...]  # mean of each channel (C)
    std: tuple[float, ...]  # standard deviation of each channel (C), above 0

    def state(self) -> dict[str, list[float]]:
        """Return the state for a checkpoint."""
        return {"mean": list(self.mean), "std": list(self.std)}


def given(value: str | list[list[float]], channels: int) -> Normalization | None:
    """Return the normalisation that an argument gives; None for ``train``, known only after decoding."""
    if value == "train":
        return None
    if value == "none":
        return Normalization((0.0,) * channels, (1.0,) * channels)
    if value == "imagenet" and channels == 3:
        return Normalization(*_IMAGENET)
    numbers: Any = value
    expected = f"train, none{', imagenet' * (channels == 3)} or [[mean], [std]] of {channels} numbers each"
    remedy = "Pixels count from 0 to 1; a deviation is above 0."
    if not isinstance(value, str) and [len(row) for row in numbers] == [channels, channels]:
        mean, std = numbers
        if all(math.isfinite(number) for number in (*mean, *std)) and min(std) > 0:
            return Normalization(tuple(mean), tuple(std))
    raise ArgumentError("normalize", expected, value, remedy)


def measured(moments: Tensor, chosen: Tensor, pixels: int) -> Normalization:
    """Return the normalisation that gives pictures mean 0 and deviation 1 in each channel, exact to double precision.

    moments are sum and sum of squares of each channel (M, 2, C), int64, of pixels 0 to 255; chosen the indices of the
    pictures that count (N,); pixels their number in a picture.
    """
    # In pieces: the moments may be mapped from a file, larger than memory.
    sums = torch.stack([moments.index_select(0, piece).sum(dim=0) for piece in chosen.split(_PIECE)]).sum(dim=0)
    total, squares = sums.double() / (pixels * len(chosen))
    # A channel of one constant value becomes 0: half a grey level is less than any other deviation.
    std = (squares - total**2).clamp(min=0).sqrt().clamp(min=0.5)
    return Normalization(tuple((total / 255).tolist()), tuple((std / 255).tolist()))


@cache
def tensors(normalization: Normalization, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return mean and deviation (C,) on a device; cached, since copying them there blocks a GPU."""
    return torch.tensor(normalization.mean, device=device), torch.tensor(normalization.std, device=device)
