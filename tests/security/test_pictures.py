"""Pictures from anybody: what claims to be too large, holds bombs or is cut short costs no memory and is named."""

import io
import struct
import sys
import zlib

import pytest
from limited import within
from PIL import Image

from dlcore.data.images.decoder import decode
from dlcore.data.images.jpegs import decode_jpeg

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(sys.platform != "linux", reason="the memory of a process is limited as Linux does it"),
]
NO_PICTURE = "BrokenPicture: its content is no picture"
CLAIMS = "BrokenPicture: it has more than 89,478,485 pixels, the limit"


SEEN = "… files cannot be decoded: FILE ({})"


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, *extra):
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    rows = chunk(b"IDAT", zlib.compress(bytes((1 + 3 * min(width, 8)) * min(height, 8))))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(extra) + rows + chunk(b"IEND", b"")


def saved(kind, **options):
    file = io.BytesIO()
    Image.new("RGB", (32, 32)).save(file, kind, **options)
    return bytearray(file.getvalue())


def jpeg(width, height):
    content = saved("JPEG")
    place = content.index(b"\xff\xc0")
    content[place + 5 : place + 9] = struct.pack(">HH", height, width)
    return bytes(content)


def webp():
    """A canvas of 16,384 × 16,384 with a small picture in it, animated."""
    frame = bytes(6) + struct.pack("<I", 31)[:3] * 2 + bytes(4) + bytes(saved("WEBP")[12:])
    size = struct.pack("<I", 16_383)[:3]
    parts = (b"VP8X", bytes([2, 0, 0, 0]) + size * 2), (b"ANIM", bytes(6)), (b"ANMF", frame)
    body = b"WEBP" + b"".join(name + struct.pack("<I", len(data)) + data for name, data in parts)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def tiff():
    tags = ((256, 60_000), (257, 60_000), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (279, 100))
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + bytes(4)


GIF = (
    b"GIF89a"
    + struct.pack("<HH", 65_535, 65_535)
    + b"\x80\0\0"
    + bytes(6)
    + b"\x2c"
    + bytes(4)
    + b"\xff" * 4
    + b"\0\2\2D\1\0;"
)
BOMBS = {
    "a PNG of 50,000 × 50,000 in 100 bytes": ("a.png", lambda: png(50_000, 50_000), CLAIMS),
    "a JPEG of 65,500 × 65,500 in 700 bytes": ("a.jpg", lambda: jpeg(65_500, 65_500), CLAIMS),
    "a GIF of 65,535 × 65,535": ("a.gif", lambda: GIF, CLAIMS),
    "an animated WebP of 16,384 × 16,384": ("a.webp", webp, CLAIMS),
    "a TIFF of 60,000 × 60,000": ("a.tif", tiff, CLAIMS),
    "a PPM of 60,000 × 60,000": ("a.ppm", lambda: b"P6 60000 60000 255\n", CLAIMS),
    "a BMP of 60,000 × 60,000": (
        "a.bmp",
        lambda: b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 60_000, 60_000, 1, 24, 0, 0, 0, 0, 0, 0),
        CLAIMS,
    ),
    "a TGA of 65,000 × 65,000": ("a.tga", lambda: b"\0\0\2" + bytes(9) + b"\xe8\xfd" * 2 + b"\x18\0", CLAIMS),
    "a QOI of 60,000 × 60,000": ("a.qoi", lambda: b"qoif" + struct.pack(">IIQ", 60_000, 60_000, 3 << 56), CLAIMS),
    "a PNG whose comment unpacks to 300 MB": (
        "a.png",
        lambda: png(8, 8, chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(300_000_000), 1))),
        "BrokenPicture: Decompressed data too large",
    ),
    "a PNG whose colour profile unpacks to 300 MB": (
        "a.png",
        lambda: png(8, 8, chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(300_000_000), 1))),
        "BrokenPicture: Decompressed data too large",
    ),
    "a PNG that is cut short": ("a.png", lambda: bytes(saved("PNG"))[:60], "BrokenPicture: "),
    "a JPEG that is cut short": ("a.jpg", lambda: bytes(saved("JPEG"))[:-200], "BrokenPicture: "),
    "a GIF that is cut short": ("a.gif", lambda: bytes(saved("GIF"))[:30], "BrokenPicture: "),
    "EPS, a program for Ghostscript": ("a.png", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9", NO_PICTURE),
}  # fmt: skip


def decode_any(path):
    """As a folder of pictures is decoded: the quick way first."""
    picture = decode_jpeg(path, (32, 32), 3, "crop")
    return (decode(path, (32, 32), 3, "crop") if picture is None else picture).shape


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        pytest.param(*case, id=name, marks=pytest.mark.fault(f"{name} as picture", SEEN.format(case[2][15:])))
        for name, case in BOMBS.items()
    ],
)  # fmt: skip
def test_a_hostile_picture_costs_no_memory(name, content, said, tmp_path):
    (tmp_path / name).write_bytes(content())
    answer, touched = within(800, decode_any, tmp_path / name)
    assert str(answer).startswith(said)
    assert touched < 100


@pytest.mark.fault("an animation of 3,000 frames", "nothing: its first frame is taken")
def test_of_many_frames_one_is_decoded(tmp_path):
    frames = [Image.new("L", (64, 64), number % 255) for number in range(3000)]
    frames[0].save(tmp_path / "many.gif", save_all=True, append_images=frames[1:])
    answer, touched = within(500, decode_any, tmp_path / "many.gif")
    assert answer == (3, 32, 32)
    assert touched < 50


@pytest.mark.fault(
    "a file of 5 TB (sparse) that is named .jpg", "FILE (it has 5,497,558,138,880 bytes, more than any picture)"
)
@pytest.mark.parametrize("begin", [b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b""])
def test_a_file_of_terabytes_is_not_read(begin, tmp_path):
    with (tmp_path / "a.jpg").open("wb") as file:
        file.write(begin)
        file.truncate(5 * 2**40)
    answer, touched = within(500, decode_any, tmp_path / "a.jpg")
    assert answer == "BrokenPicture: it has 5,497,558,138,880 bytes, more than any picture"
    assert touched < 50


def test_the_largest_picture_that_is_taken_needs_a_bounded_memory(tmp_path):
    Image.new("RGB", (9_400, 9_400)).save(tmp_path / "large.png", compress_level=1)
    answer, touched = within(1500, decode_any, tmp_path / "large.png")
    assert answer == (3, 32, 32)
    assert touched < 1000
