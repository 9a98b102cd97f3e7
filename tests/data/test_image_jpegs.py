"""Ordinary JPEG files are decoded without detours, to the very bytes that the general decoder gives."""

import numpy as np
import pytest
from PIL import Image

from dlcore.data.images.decoder import BrokenPicture, decode
from dlcore.data.images.jpegs import decode_jpeg

RNG = np.random.default_rng(0)


def jpeg(path, width=40, height=30, mode="RGB", **options):
    """A file of soft colours."""
    small = Image.fromarray(RNG.integers(0, 256, (4, 5, 3), dtype=np.uint8))
    small.resize((width, height), Image.Resampling.BICUBIC).convert(mode).save(path, "JPEG", **options)
    return path


def decoded(path, size=(30, 40), channels=3, resize="crop"):
    return decode_jpeg(path, size, channels, resize)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"quality": 30},
        {"progressive": True},
        {"subsampling": 0},
        {"mode": "L"},
        {"keep_rgb": True},
        {"dpi": (72, 72)},
    ],
)
@pytest.mark.parametrize(
    ("size", "resize"), [((30, 40), "crop"), ((20, 20), "crop"), ((50, 44), "squash"), ((26, 30), "pad")]
)
def test_the_bytes_are_those_of_the_general_decoder(tmp_path, options, size, resize):
    path = jpeg(tmp_path / "图.jpg", **options)
    found = decoded(path, size, 3, resize)
    assert np.array_equal(found, decode(path, size, 3, resize))


def test_a_grey_file_stays_grey(tmp_path):
    path = jpeg(tmp_path / "grey.jpg", mode="L")
    assert np.array_equal(decoded(path, channels=1), decode(path, (30, 40), 1, "crop"))


def test_what_needs_the_general_decoder_is_left_to_it(tmp_path):
    turned = Image.Exif()
    turned[0x0112] = 6
    left = [
        jpeg(tmp_path / "turned.jpg", exif=turned),
        jpeg(tmp_path / "cmyk.jpg", mode="CMYK"),
        jpeg(tmp_path / "large.jpg", width=400, height=300),  # which it decodes at an eighth
        tmp_path / "empty.jpg",
        tmp_path / "text.jpg",
        tmp_path / "none.jpg",
    ]
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "text.jpg").write_text("no picture")
    assert [decoded(path) for path in left] == [None] * len(left)
    colour = jpeg(tmp_path / "colour.jpg")
    assert decoded(colour, channels=1) is None  # its luma is not quite the file's own


def test_nothing_that_is_cut_short_passes(tmp_path):
    whole = jpeg(tmp_path / "whole.jpg").read_bytes()
    path = tmp_path / "cut.jpg"
    for length in range(2, len(whole), 7):
        path.write_bytes(whole[:length])
        found = decoded(path)
        if found is not None:
            assert np.array_equal(found, decode(path, (30, 40), 3, "crop"))
    path.write_bytes(whole[: len(whole) // 2])
    assert decoded(path) is None
    with pytest.raises(BrokenPicture, match=r"(?i)truncated"):
        decode(path, (30, 40), 3, "crop")
