"""Ordinary JPEG files, decoded without detours: three times as fast as any picture, and beside each other in threads.

What a folder of pictures mostly holds needs none of the general decoder's care: 8 bits, grey or three colours, no EXIF,
not so large that it would be decoded smaller. Its bytes are those of `dlcore.data.images.decoder`, since both stand on
the same library; whatever is not quite ordinary, or does not decode at once, is left to that one, whose word counts.

Shapes: C channels, H height, W width.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from dlcore.data.images.decoder import MAX_BYTES, MAX_PIXELS, draft_scale, resized

_FRAMES = (0xC0, 0xC1, 0xC2)  # baseline, extended, progressive; with Huffman codes
_NO_FRAMES = (0xC4, 0xC8, 0xCC)  # tables and the like, in the same range of numbers
_EXIF, _SCAN = 0xE1, 0xDA
_BEGIN = 1 << 16  # bytes


def decode_jpeg(path: Path, size: tuple[int, int], channels: int, resize: str) -> NDArray[np.uint8] | None:
    """Decode a file that is an ordinary JPEG.

    Args:
        path: The file.
        size: Height and width that it gets (H, W).
        channels: 1 (grey) or 3 (RGB).
        resize: ``crop``, ``squash`` or ``pad``; see `dlcore.data.images.decoder`.

    Returns:
        The picture (C, H, W); None where it is left to the general decoder.
    """
    content = _ordinary(path, size, channels, resize)
    if content is None:
        return None
    try:
        # Strict: what the library would only warn of counts as broken.
        pixels = simplejpeg.decode_jpeg(content, colorspace="GRAY" if channels == 1 else "RGB", strict=True)
    except ValueError:
        return None
    if pixels.shape[:2] != size:
        image = Image.fromarray(pixels[..., 0] if channels == 1 else pixels)
        pixels = np.asarray(resized(image, size, resize)).reshape(*size, channels)
    return pixels.transpose(2, 0, 1)


def _ordinary(path: Path, size: tuple[int, int], channels: int, resize: str) -> bytes | None:
    """A file's content, where it is a JPEG that needs no special care."""
    try:
        with path.open("rb") as file:  # its beginning first: it may be large, and no picture
            begin = file.read(_BEGIN)
            if not begin.startswith(b"\xff\xd8") or os.fstat(file.fileno()).st_size > MAX_BYTES:
                return None
            content = begin + file.read()
    except OSError:
        return None
    frame = _frame(content)
    if frame is None:
        return None
    height, width, components = frame
    # The grey of a colour file is its own luma here, and that of rounded colours there.
    fits = components == 1 or (components == 3 and channels == 3)
    if not fits or not 0 < height * width <= MAX_PIXELS or draft_scale((width, height), size, resize) > 1:
        return None
    return content


def _frame(content: bytes) -> tuple[int, int, int] | None:
    """Height, width and number of components of a JPEG; None if it is none, or has EXIF or another precision.

    Reference: ITU-T T.81, annex B.
    """
    if content[:2] != b"\xff\xd8":
        return None
    place = 2
    while place + 10 <= len(content) and content[place] == 0xFF:
        marker = content[place + 1]
        if marker == 0xFF:  # a byte of filling
            place += 1
            continue
        if marker in _FRAMES:
            height, width = (int.from_bytes(content[place + n : place + n + 2], "big") for n in (5, 7))
            return (height, width, content[place + 9]) if content[place + 4] == 8 else None
        if marker in (_EXIF, _SCAN) or (0xC0 <= marker <= 0xCF and marker not in _NO_FRAMES):
            return None
        place += 2 + int.from_bytes(content[place + 2 : place + 4], "big")
    return None
