"""Pictures for the subjects of the textbook: a file, or one of two photographs that scikit-learn carries."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dlcore.errors import DataError

BUILTIN = ("china", "flower")


def read_picture(image: str) -> np.ndarray:
    """Read a picture, upright.

    Args:
        image: ``china`` or ``flower`` (427 × 640, three channels), or a file that Pillow reads.

    Returns:
        Bytes from 0 to 255. Shape: (H, W, 3).

    Raises:
        DataError: The file is not there, or is no picture.
    """
    if image in BUILTIN:
        from sklearn.datasets import load_sample_image

        return np.asarray(load_sample_image(f"{image}.jpg"))
    from PIL import Image, ImageOps, UnidentifiedImageError

    path = Path(image).expanduser()
    if not path.is_file():
        raise DataError(f"--image: expected a picture's file, or {' or '.join(BUILTIN)}, got {image!r}: no such file.")
    try:
        with Image.open(path) as opened:
            return np.asarray(ImageOps.exif_transpose(opened).convert("RGB"))
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"--image: expected a picture, got {image!r}, which Pillow cannot read ({reason}).") from error


def grey(picture: np.ndarray) -> np.ndarray:
    """Return the luminance of a picture (H, W): 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601), rounded to bytes."""
    from PIL import Image

    return np.asarray(Image.fromarray(picture).convert("L"))


def resized(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return a picture (H, W) or (H, W, 3) in another size, each pixel the mean of those it covers."""
    from PIL import Image

    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BOX))
