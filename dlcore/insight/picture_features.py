"""Hand-made features of a picture: grey version, histogram, gradients and edges, by convolution with Sobel's kernels.

Shapes: C channels (1 or 3), H, W.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from dlcore.tracking.figures.pixels import PictureFeatures

# Perceived brightness of red, green and blue: the weights of ITU-R BT.601.
_BRIGHTNESS = (0.299, 0.587, 0.114)
# Reference: Sobel and Feldman, "A 3×3 isotropic gradient operator for image processing", 1968.
SOBEL_X = ((-1.0, 0.0, 1.0), (-2.0, 0.0, 2.0), (-1.0, 0.0, 1.0))
_SHUFFLE_SEED = 0


def to_grey(picture: Tensor) -> Tensor:
    """Return the brightness of a picture (C, H, W): (H, W), floating point, in the picture's own unit."""
    values = picture.float()
    if len(values) == 3:
        return (values * torch.tensor(_BRIGHTNESS).view(3, 1, 1)).sum(0)
    return values.mean(0)


def sobel(grey: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradients of a grey picture (H, W) to the right and downwards, each (H, W), by convolution.

    The border is replicated, so that it is no edge itself. A step of height h from one column to the next gives 4h on
    both sides of it.
    """
    kernel = torch.tensor(SOBEL_X, dtype=grey.dtype)
    kernels = torch.stack([kernel, kernel.T]).unsqueeze(1)  # 2, 1, 3, 3
    padded = functional.pad(grey[None, None], (1, 1, 1, 1), mode="replicate")
    right, down = functional.conv2d(padded, kernels)[0]
    return right, down


def value_counts(picture: Tensor) -> Tensor:
    """Count the pixels of each channel with each value 0 to 255, of a picture in bytes (C, H, W): (C, 256)."""
    return torch.stack([torch.bincount(channel.flatten().long(), minlength=256) for channel in picture])


def shrunk(grey: Tensor, side: int) -> Tensor:
    """Shrink a grey picture (H, W) to at most `side` rows and columns, each value the mean of its area."""
    height, width = grey.shape
    scale = max(height, width) / side
    if scale <= 1:
        return grey
    size = (max(1, round(height / scale)), max(1, round(width / scale)))
    return functional.adaptive_avg_pool2d(grey[None, None], size)[0, 0]


def picture_features(picture: Tensor) -> PictureFeatures:
    """Compute features of a picture that need no learning."""
    grey = to_grey(picture)
    right, down = sobel(grey)
    pixels = picture.flatten(1)
    order = torch.randperm(pixels.shape[1], generator=torch.Generator().manual_seed(_SHUFFLE_SEED))
    return PictureFeatures(
        picture.numpy(),
        grey.numpy(),
        value_counts(picture).numpy(),
        right.numpy(),
        down.numpy(),
        torch.hypot(right, down).numpy(),
        pixels[:, order].view_as(picture).numpy(),
    )
