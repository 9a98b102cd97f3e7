"""A folder of pictures of which each has its number as its grey, read and interrupted."""

import numpy as np
import pytest
import torch
from PIL import Image

from dlcore.data.images import decoding
from dlcore.data.images.image_files import find_pictures
from dlcore.data.images.pixel_cache import decoded
from dlcore.data.images.pixel_files import PixelFormat
from dlcore.errors import DataError

FORM = PixelFormat((8, 8), 3, "crop")
COUNT = 150  # pictures: three pieces of 64


def write_numbered(folder):
    """JPEG files of one grey each, in two classes: that of a picture is its number."""
    for number in range(COUNT):
        path = folder / f"class{number * 2 // COUNT}" / f"{number:03}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8, 3), number, dtype=np.uint8)).save(path, quality=95)
    return folder


def read(photos):
    """Find and decode the pictures; check that each has the pixels of its file."""
    names = find_pictures(str(photos)).names
    found = decoded(photos, names, FORM, keep=True)
    numbers = torch.arange(COUNT)
    assert (found.pixels.long() - numbers[:, None, None, None]).abs().max() <= 1
    assert torch.equal(found.moments[:, 0], found.pixels.long().sum((2, 3)))
    assert torch.equal(found.moments[:, 1], (found.pixels.long() ** 2).sum((2, 3)))
    return found


def kept(tmp_path, name):
    (path,) = (tmp_path / "cache").rglob(name)
    return path


class Interrupted(BaseException):
    """As KeyboardInterrupt."""


def interrupt(monkeypatch, photos, after):
    """Decode, and be interrupted after so many pictures; with one thread, so that their order is known."""
    real, seen = decoding.decode_jpeg, []

    def decode(path, *form):
        seen.append(path)
        if len(seen) > after:
            raise Interrupted
        return real(path, *form)

    with monkeypatch.context() as patched:
        patched.setattr(decoding, "decode_jpeg", decode)
        patched.setattr(decoding, "cores", lambda: 1)
        with pytest.raises(DataError, match="Interrupted"):
            read(photos)
