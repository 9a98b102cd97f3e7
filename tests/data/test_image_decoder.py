"""Any picture file becomes bytes by the documented rules; one that is broken is told from one that is not."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from dlcore.data.images.decoder import WHOLE, BrokenPicture, decode, decode_and_measure, moments, own_levels

RED, WHITE, BLACK = [255, 0, 0], [255, 255, 255], [0, 0, 0]


def saved(tmp_path, image, name, **options):
    path = tmp_path / name
    image.save(path, **options)
    return path


def opened(path, attribute):
    """What Pillow says of a file."""
    with Image.open(path) as image:
        return getattr(image, attribute)


def flat(path, side=4, channels=3, resize="crop"):
    """The pixels (C, H·W) of a file."""
    return decode(path, (side, side), channels, resize).reshape(channels, -1)


def halves(width, height, mode="RGB"):
    """Left half black, right half white."""
    pixels = np.zeros((height, width, 3), dtype=np.uint8)
    pixels[:, width // 2 :] = 255
    return Image.fromarray(pixels).convert(mode)


def test_a_picture_of_the_right_size_comes_as_it_is(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    found = decode(saved(tmp_path, Image.fromarray(pixels), "a.png"), (5, 7), 3, "crop")
    assert found.dtype == np.uint8
    assert found.flags["C_CONTIGUOUS"]
    assert np.array_equal(found, pixels.transpose(2, 0, 1))


def test_one_channel_is_luma_and_grey_has_three_equal_ones(tmp_path):
    colors = Image.fromarray(np.array([[RED, [0, 255, 0], [0, 0, 255]]], dtype=np.uint8))
    assert decode(saved(tmp_path, colors, "a.png"), (1, 3), 1, "crop").ravel().tolist() == [76, 150, 29]
    grey = saved(tmp_path, Image.fromarray(np.array([[9, 200]], dtype=np.uint8)), "b.png")
    assert decode(grey, (1, 2), 3, "crop").reshape(3, 2).tolist() == [[9, 200]] * 3


def test_sixteen_bits_are_divided(tmp_path):
    values = np.array([[0, 128, 129, 257, 32896, 65535]], dtype=np.uint16)
    path = saved(tmp_path, Image.fromarray(values), "a.png")
    assert opened(path, "mode").startswith("I;16")
    assert decode(path, (1, 6), 1, "crop").ravel().tolist() == [0, 0, 1, 1, 128, 255]


def test_the_levels_of_sixteen_bits_can_be_others(tmp_path):
    path = saved(tmp_path, Image.fromarray(np.array([[0, 1000, 2000, 3000, 65535]], dtype=np.uint16)), "a.png")
    pixels, span = decode_and_measure(path, (1, 5), 1, "crop", (1000, 3000))
    assert pixels.ravel().tolist() == [0, 0, 128, 255, 255]
    assert span == (0, 65535)
    eight = saved(tmp_path, Image.fromarray(np.array([[0, 255]], dtype=np.uint8)), "b.png")
    assert decode_and_measure(eight, (1, 2), 1, "crop", (1000, 3000))[1] is None


@pytest.mark.parametrize("channels", [3, 4])
def test_colours_of_sixteen_bits_keep_their_lower_bytes(tmp_path, channels):
    values = np.full((2, 3, channels), 65535)
    values[..., :3] = np.random.default_rng(0).integers(0, 4096, (2, 3, 3))
    path = tmp_path / "a.png"
    path.write_bytes(deep_png(values))
    pixels, span = decode_and_measure(path, (2, 3), 3, "crop", (0, 4095))
    assert span == (values[..., :3].min(), values[..., :3].max())
    assert np.abs(pixels.transpose(1, 2, 0) - values[..., :3] * 255 / 4095).max() <= 0.51


@pytest.mark.parametrize(
    ("span", "levels"),
    [((0, 4095), (0, 4095)), ((30_000, 30_400), (30_000, 30_400)), ((0, 40_000), WHOLE), ((7, 7), WHOLE)],
)
def test_values_that_lie_close_together_give_the_levels(span, levels):
    assert own_levels(span) == levels


@pytest.mark.parametrize("kind", ["RGBA", "LA", "P", "P bytes"])
def test_transparent_places_are_white(tmp_path, kind):
    image = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    image.paste((255, 0, 0, 255) if kind != "LA" else (0, 0, 0, 255), (0, 0, 2, 4))
    options = {}
    if kind.startswith("P"):
        image = Image.new("P", (4, 4), 1)
        image.putpalette(RED + BLACK)
        image.paste(0, (0, 0, 2, 4))
        options = {"transparency": 1 if kind == "P" else bytes([255, 0])}
    else:
        image = image.convert(kind)
    pixels = decode(saved(tmp_path, image, "a.png", **options), (4, 4), 3, "crop")
    assert pixels[:, 0, 0].tolist() == (BLACK if kind == "LA" else RED)
    assert pixels[:, 0, 3].tolist() == WHITE


def test_half_transparent_is_half_white(tmp_path):
    path = saved(tmp_path, Image.new("RGBA", (2, 2), (0, 0, 0, 128)), "a.webp", lossless=True)
    assert decode(path, (2, 2), 1, "crop").ravel().tolist() == [127] * 4


def test_palettes_bits_and_cmyk_become_colours(tmp_path):
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette(BLACK + RED)
    assert flat(saved(tmp_path, palette, "a.gif"))[:, 0].tolist() == RED
    assert flat(saved(tmp_path, Image.new("1", (4, 4), 1), "b.png"))[:, 0].tolist() == WHITE
    path = saved(tmp_path, Image.new("CMYK", (4, 4), (0, 255, 255, 0)), "c.jpg", quality=100)
    assert opened(path, "mode") == "CMYK"
    assert np.abs(flat(path)[:, 0].astype(int) - RED).max() < 12


def test_of_an_animation_the_first_frame_is_taken(tmp_path):
    frames = [Image.new("RGB", (4, 4), color) for color in ("red", "blue", "lime")]
    path = saved(tmp_path, frames[0], "a.gif", save_all=True, append_images=frames[1:])
    assert opened(path, "n_frames") == 3
    assert flat(path)[:, 0].tolist() == RED


@pytest.mark.parametrize(("orientation", "corner"), [(1, (0, 0)), (3, (1, 1)), (6, (0, 1)), (8, (1, 0)), (2, (0, 1))])
@pytest.mark.parametrize("ending", ["jpg", "png", "webp"])
def test_pictures_are_turned_as_exif_says(tmp_path, orientation, corner, ending):
    # Twelve by eight, dark in the corner at the top left; where it must be after turning, of 2 × 2.
    pixels = np.full((8, 12, 3), 255, dtype=np.uint8)
    pixels[:4, :6] = 0
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path, Image.fromarray(pixels), f"a.{ending}", exif=exif.tobytes(), quality=100)
    found = decode(path, (2, 2), 1, "squash")[0]
    assert np.unravel_index(found.argmin(), (2, 2)) == corner
    assert found.min() < 100


def test_crop_takes_the_centre_squash_everything_and_pad_adds_black(tmp_path):
    path = saved(tmp_path, halves(16, 4), "a.png")  # 16 wide, 4 high
    assert decode(path, (4, 4), 1, "crop")[0].tolist() == [[0, 0, 255, 255]] * 4
    squashed = decode(path, (4, 4), 1, "squash")[0]
    assert squashed[0, 0] == 0
    assert squashed[0, 3] == 255
    padded = decode(saved(tmp_path, Image.new("L", (16, 4), 255), "b.png"), (4, 4), 1, "pad")[0]
    assert padded.tolist() in ([[0] * 4, [255] * 4, [0] * 4, [0] * 4], [[0] * 4, [0] * 4, [255] * 4, [0] * 4])
    tall = decode(saved(tmp_path, halves(4, 16).rotate(0), "c.png"), (4, 8), 1, "crop")
    assert tall.shape == (1, 4, 8)


def test_crop_is_the_shorter_side_to_size_and_then_a_centre_crop(tmp_path):
    from torchvision.transforms.functional import center_crop, resize

    pixels = np.random.default_rng(1).integers(0, 256, (50, 90, 3), dtype=np.uint8)
    image = Image.fromarray(pixels).resize((180, 100))
    expected = np.asarray(center_crop(resize(image, 20), 20)).transpose(2, 0, 1)
    found = decode(saved(tmp_path, image, "a.png"), (20, 20), 3, "crop")
    assert np.abs(found.astype(int) - expected).max() <= 3


def test_a_large_jpeg_decoded_smaller_is_nearly_the_same(tmp_path):
    rng = np.random.default_rng(2)
    image = Image.fromarray(rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)).resize((1200, 900), Image.BICUBIC)
    path = saved(tmp_path, image, "a.jpg", quality=95)
    with Image.open(path) as whole:
        exact = decode(saved(tmp_path, whole, "a.png"), (60, 80), 3, "crop").astype(int)
    difference = np.abs(decode(path, (60, 80), 3, "crop").astype(int) - exact)
    assert difference.mean() < 1
    assert difference.max() <= 8


def png(width, height, bits=8, kind=2, rows=b"\0"):
    """A PNG file whose header claims a size, and which holds next to nothing."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    packed = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + packed + chunk(b"IEND", b"")


def deep_png(values):
    """A PNG file of 16 bits a colour; Pillow writes none."""
    height, width, channels = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    return png(width, height, 16, {2: 4, 3: 2, 4: 6}[channels], rows)


def jpeg():
    file = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(file, "JPEG")
    return file.getvalue()


def floats():
    file = io.BytesIO()
    Image.fromarray(np.ones((4, 4), dtype=np.float32)).save(file, "TIFF")
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("cut.jpg", jpeg()[:2000], "truncated"),
        ("text.jpg", b"no picture at all", "its content is no picture of a kind that is read here"),
        ("empty.png", b"", "it is empty"),
        ("bomb.png", png(40_000, 40_000), "it has more than 89,478,485 pixels, the limit"),
        ("just_beyond.png", png(9460, 9460), "it has more than 89,478,485 pixels, the limit"),
        ("short.png", png(40, 40), "truncated"),
        ("veiled.png", deep_png(np.full((4, 4, 2), 4095)), "only 16 of its 65,536 levels would remain"),
        ("float.tif", floats(), "32-bit floats"),
        # Pillow would hand it to Ghostscript, and that would run what it says.
        ("program.jpg", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) show\n%%EOF\n", "no picture of a kind"),
    ],
)
def test_a_broken_file_says_why(tmp_path, name, content, reason):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(BrokenPicture, match=reason):
        decode(path, (8, 8), 3, "crop")


def test_the_limit_on_pixels_is_met_by_what_is_just_within(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(png(9459, 9459))  # 89,472,681
    with pytest.raises(BrokenPicture, match="truncated"):
        decode(path, (8, 8), 3, "crop")


def test_moments_are_sums_and_sums_of_squares():
    pixels = np.array([[[1, 2]], [[255, 255]]], dtype=np.uint8)
    assert moments(pixels).tolist() == [[3, 510], [5, 2 * 255**2]]


def test_moments_are_exact_for_long_rows_too():
    pixels = np.random.default_rng(0).integers(200, 256, (2, 3, 1000), dtype=np.uint8)
    exact = pixels.astype(np.int64)
    assert moments(pixels).tolist() == [exact.sum(axis=(1, 2)).tolist(), (exact**2).sum(axis=(1, 2)).tolist()]
    narrow, exact = pixels[:, :, :257], exact[:, :, :257]
    assert moments(narrow).tolist() == [exact.sum(axis=(1, 2)).tolist(), (exact**2).sum(axis=(1, 2)).tolist()]
