"""Pictures for the subjects of the textbook: a file, or one of two photographs that scikit-learn carries."""

from __future__ import annotations

from importlib.metadata import distribution
from pathlib import Path

import numpy as np

from dlcore.errors import DataError

BUILTIN = ("china", "flower")


def read_picture(image: str) -> np.ndarray:
    """Read a picture, upright, as the data module of pictures does: 16 bits and transparency too.

    Args:
        image: ``china`` or ``flower`` (427 × 640, three channels), or a file.

    Returns:
        Bytes from 0 to 255. Shape: (H, W, 3).

    Raises:
        DataError: The file is not there, or is no picture.
    """
    from PIL import Image

    if image in BUILTIN:
        # Do as sklearn.datasets.load_sample_image, whose import takes as long as that of torch.
        file = distribution("scikit-learn").locate_file(f"sklearn/datasets/images/{image}.jpg")
        with Image.open(str(file)) as opened:
            return np.asarray(opened)

    from dlcore.data.images.decoder import WHOLE, BrokenPicture, decode

    path = Path(image).expanduser()
    if not path.is_file():
        raise DataError(f"--image: expected a picture's file, or {' or '.join(BUILTIN)}, got {image!r}: no such file.")
    try:
        with Image.open(path) as opened:
            width, height = opened.size[:: -1 if opened.getexif().get(0x0112, 1) >= 5 else 1]
        return decode(path, (height, width), 3, "squash", WHOLE).transpose(1, 2, 0)
    except (BrokenPicture, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"--image: expected a picture, got {image!r}, which cannot be read ({reason}).") from error


def grey(picture: np.ndarray) -> np.ndarray:
    """Return the luminance of a picture (H, W): 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601), rounded to bytes."""
    from PIL import Image

    return np.asarray(Image.fromarray(picture).convert("L"))


def resized(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return a picture (H, W) or (H, W, 3) in another size, each pixel the mean of those it covers."""
    from PIL import Image

    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BOX))
