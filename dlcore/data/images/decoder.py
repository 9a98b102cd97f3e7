"""Decoder of picture files, and the program of the decoding processes: it imports neither torch nor dlcore.

How any picture becomes one of C channels, H × W, 0 to 255:

- It is turned by its EXIF orientation.
- Palettes are looked up; CMYK, YCbCr and the like become RGB. Transparent areas become white.
- 16 bits become 8: two levels, the same for all pictures of a data set, become 0 and 255, linearly between them; values
  beyond are clipped. The levels are 0 and 65535, or narrower where all values lie close together (`own_levels`).
  Colours of 16 bits are read so from PNG; from other files only their upper byte is used.
- 32-bit floats are refused: their white level is not defined.
- Of an animation the first frame is used.
- One channel is the luma of ITU-R 601, 0.299 R + 0.587 G + 0.114 B; a grey picture has three equal channels.
- It is resized by triangle filter with antialiasing (Pillow's BILINEAR). ``crop`` keeps proportions: the largest
  centred piece of the right shape, i.e. the shorter side to size and then a centre crop; ``squash`` uses all and
  changes proportions; ``pad`` uses all and keeps them, on black.
- A JPEG at least four times too large is decoded at a half, a quarter or an eighth, but at least at twice the target
  size: several times faster, with a mean difference of at most one grey level.

Shapes: C channels, H height, W width.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

# Never all formats of Pillow: it passes EPS to Ghostscript, which runs programs that the file holds.
COMMON = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
OTHERS = ("TIFF", "PPM", "AVIF", "JPEG2000", "ICO", "TGA", "MPO", "QOI")
MAX_PIXELS = 89_478_485  # Pillow's own limit: 256 MB of RGB
MAX_BYTES = 1_000_000_000  # of a file; as many pixels of uncompressed 16-bit RGBA are 0.7 GB
_TOO_LARGE = f"it has more than {MAX_PIXELS:,} pixels, the limit"
WHOLE = (0, 65535)
_NARROW = 32768  # values of 16 bits that span less would have fewer than 128 grey levels
_COARSE = 64  # least maximum of 16-bit colours of which only the upper byte is known: else too few levels are left
_EXACT_ROW = 2**24 // 255**2
_BACKGROUND = (255, 255, 255, 255)


class BrokenPicture(Exception):
    """A file cannot be decoded; the text says why."""


def decode(
    path: str | Path, size: tuple[int, int], channels: int, resize: str, levels: tuple[int, int] = WHOLE
) -> NDArray[np.uint8]:
    """Decode one file as a picture (C, H, W) of the form described above; see `decode_and_measure`."""
    return decode_and_measure(path, size, channels, resize, levels)[0]


def decode_and_measure(
    path: str | Path, size: tuple[int, int], channels: int, resize: str, levels: tuple[int, int]
) -> tuple[NDArray[np.uint8], tuple[int, int] | None]:
    """Decode one file: return the picture (C, H, W), and the range of its 16-bit values, None for 8 bits.

    size is (H, W), channels 1 (grey) or 3 (RGB); levels are the 16-bit values that become 0 and 255. A file that cannot
    be decoded raises `BrokenPicture`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd metadata; what matters is raised
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with _open(path) as image:
                return _decode(image, path, size, channels, resize, levels)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise BrokenPicture(_TOO_LARGE) from error
    except FileNotFoundError as error:
        link = os.path.islink(path)  # noqa: PTH114
        raise BrokenPicture("it is a broken link" if link else "it no longer exists") from error
    except UnidentifiedImageError as error:
        empty = Path(path).stat().st_size == 0
        reason = "it is empty" if empty else "its content is no picture of a kind that is read here"
        raise BrokenPicture(reason) from error
    except BrokenPicture:
        raise
    except MemoryError as error:
        raise BrokenPicture("there is not memory enough to decode it") from error
    except Exception as error:  # Pillow's plugins raise all kinds on damaged files
        raise BrokenPicture(" ".join(str(error).split()) or type(error).__name__) from error


def _open(path: str | Path) -> Image.Image:
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    if (size := os.stat(path).st_size) > MAX_BYTES:  # noqa: PTH116 (faster)
        raise BrokenPicture(f"it has {size:,} bytes, more than any picture")
    if _webp_pixels(path) > MAX_PIXELS:
        raise BrokenPicture(_TOO_LARGE)
    try:
        return Image.open(path, formats=COMMON)
    except UnidentifiedImageError:
        return Image.open(path, formats=_others())


def _webp_pixels(path: str | Path) -> int:
    """Return the pixels that a WebP file claims; 0 for other files.

    Pillow before 13 reserves memory for all of them before it compares them with its limit.
    """
    with open(path, "rb") as file:  # noqa: PTH123 (faster)
        head = file.read(30)
    if head[:4] != b"RIFF" or head[8:12] != b"WEBP" or len(head) < 30:
        return 0
    if head[12:16] == b"VP8X":
        return (int.from_bytes(head[24:27], "little") + 1) * (int.from_bytes(head[27:30], "little") + 1)
    if head[12:16] == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return ((bits & 0x3FFF) + 1) * ((bits >> 14 & 0x3FFF) + 1)
    return (int.from_bytes(head[26:28], "little") & 0x3FFF) * (int.from_bytes(head[28:30], "little") & 0x3FFF)


@cache
def _others() -> tuple[str, ...]:
    Image.init()  # loads all plugins: takes 0.1 s, which common pictures do not need
    return tuple(name for name in OTHERS if name in Image.OPEN)


def _decode(
    image: Image.Image, path: str | Path, size: tuple[int, int], channels: int, resize: str, levels: tuple[int, int]
) -> tuple[NDArray[np.uint8], tuple[int, int] | None]:
    kind, depth = image.format, _raw_mode(image)  # read before an EXIF block behind the pixels loads the picture
    # Reading the orientation takes as long as decoding a small picture.
    told = image.format not in COMMON or image.format == "PNG" or "exif" in image.info or "xmp" in image.info
    sideways = told and image.getexif().get(0x0112, 1) >= 5
    if image.format in ("JPEG", "MPO"):
        # Let the library decode a JPEG smaller, but at least at twice the target size.
        image.draft(None, _least(image.size, size[::-1] if sideways else size, resize))
    image.load()
    if told:
        image = ImageOps.exif_transpose(image)
    values = _deep_values(image, path, kind, depth)
    span = None
    if values is not None:
        colors = values[..., :3] if values.ndim == 3 else values  # without alpha
        span = int(colors.min()), int(colors.max())
        image = _from_values(values, levels)
    pixels = np.asarray(resized(_in_mode(image, "L" if channels == 1 else "RGB"), size, resize))
    return np.ascontiguousarray(pixels.reshape(*size, channels).transpose(2, 0, 1)), span


def _raw_mode(image: Image.Image) -> str:
    """Return how a file's pixels are stored, as Pillow's raw mode; empty if unknown."""
    tile = getattr(image, "tile", None)
    how: Any = tile[0][3] if tile else ""
    how = how[0] if isinstance(how, tuple | list) and how else how
    return how if isinstance(how, str) else ""


def _deep_values(image: Image.Image, path: str | Path, kind: str | None, depth: str) -> NDArray[np.int64] | None:
    """Return the values of a 16-bit picture (H, W) or (H, W, C); None for any other."""
    if image.mode.startswith("I"):
        values: NDArray[np.int64] = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > WHOLE[1]:
            raise BrokenPicture("its pixels are 32-bit numbers beyond 65535: save it with 8 or 16 bits")
        return values
    if ";16" not in depth:
        return None
    if kind == "PNG" and depth in ("RGB;16B", "RGBA;16B"):
        # Pillow returns the upper byte of each colour; read in the other byte order, the lower one.
        lower: Any
        with _open(path) as lower:
            lower.tile = [(*lower.tile[0][:3], depth.replace("16B", "16L"))]
            bytes_below = np.asarray(ImageOps.exif_transpose(lower))
        values = np.asarray(image).astype(np.int64) * 256
        values += bytes_below
        return values
    if (greatest := int(np.asarray(image)[..., : -1 if "A" in image.mode else None].max())) < _COARSE:
        raise BrokenPicture(f"only {greatest + 1} of its 65,536 levels would remain: save it with 8 bits")
    return None


def _from_values(values: NDArray[np.int64], levels: tuple[int, int]) -> Image.Image:
    """Return an 8-bit picture from 16-bit values; a fourth channel is alpha."""
    span = max(levels[1] - levels[0], 1)
    scaled = (np.clip(values - levels[0], 0, span) * 255 + span // 2) // span
    if values.shape[2:] == (4,):
        scaled[..., 3] = values[..., 3] // 257
    return Image.fromarray(scaled.astype(np.uint8))


def own_levels(span: tuple[int, int]) -> tuple[int, int]:
    """Return the 16-bit values that become 0 and 255: all, or their range if it is narrow, as of a 12-bit camera."""
    return span if 0 < span[1] - span[0] < _NARROW else WHOLE


def draft_scale(there: tuple[int, int], size: tuple[int, int], resize: str) -> int:
    """Return by which factor a JPEG of this width and height is decoded smaller: 1, 2, 4 or 8."""
    least = _least(there, size, resize)
    possible = min(there[0] // least[0], there[1] // least[1])
    return max(scale for scale in (1, 2, 4, 8) if scale <= max(possible, 1))


def _least(there: tuple[int, int], size: tuple[int, int], resize: str) -> tuple[int, int]:
    """Return the least width and height of a JPEG that is decoded smaller."""
    shares = size[1] / there[0], size[0] / there[1]
    if resize != "squash":
        shares = (max(shares),) * 2 if resize == "crop" else (min(shares),) * 2
    return int(2 * shares[0] * there[0]) + 1, int(2 * shares[1] * there[1]) + 1


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    if image.mode == "F":
        raise BrokenPicture("its pixels are 32-bit floats, which have no agreed white: save it with 8 or 16 bits")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, _BACKGROUND), image).convert("RGB")
    if image.mode == mode:
        return image
    if mode == "L" and image.mode not in ("1", "RGB"):
        image = image.convert("RGB")
    return image.convert(mode)


def resized(image: Image.Image, size: tuple[int, int], resize: str) -> Image.Image:
    """Resize a picture to the target size (H, W) by the rules above."""
    height, width = size
    if image.size == (width, height):
        return image
    if resize == "squash":
        return image.resize((width, height), Image.Resampling.BILINEAR)
    if resize == "pad":
        return ImageOps.pad(image, (width, height), Image.Resampling.BILINEAR)
    scale = max(width / image.width, height / image.height)
    left, top = (image.width - width / scale) / 2, (image.height - height / scale) / 2
    box = (max(0.0, left), max(0.0, top), min(image.width, image.width - left), min(image.height, image.height - top))
    return image.resize((width, height), Image.Resampling.BILINEAR, box=box)


def moments(pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return sum and sum of squares (…, 2, C) of each channel of pictures (…, C, H, W): for mean and deviation."""
    # float32 is exact up to 2^24: for a row of 258 squares. Summing bytes is several times slower.
    rows: NDArray[Any] = pixels.astype(np.float32 if pixels.shape[-1] <= _EXACT_ROW else np.float64)
    sums = np.stack([rows.sum(axis=-1), np.einsum("...w,...w->...", rows, rows)], axis=-3)
    totals: NDArray[np.int64] = sums.sum(axis=-1, dtype=np.float64).astype(np.int64)
    return totals


def main() -> None:
    """Decode the files named on standard input, a JSON line per share; answer each with a JSON line.

    The first line gives the target file and the pictures' form. Each picture is written at its position in that file.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C; this process ends with its input
    form: dict[str, Any] = json.loads(sys.stdin.readline())
    size = (form["size"][0], form["size"][1])
    levels = tuple(form["levels"] or WHOLE)
    row_bytes = form["channels"] * size[0] * size[1]
    with Path(form["target"]).open("r+b", buffering=0) as target:
        for line in sys.stdin:
            answer: dict[str, Any] = {"moments": [], "broken": [], "spans": []}
            for row, path in json.loads(line):
                try:
                    pixels, span = decode_and_measure(path, size, form["channels"], form["resize"], levels)
                except BrokenPicture as error:
                    answer["broken"].append([row, str(error)])
                    continue
                try:
                    target.seek(row * row_bytes)
                    if target.write(pixels.tobytes()) < row_bytes:
                        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                except OSError as error:
                    answer["failed"] = [error.errno, error.strerror]
                answer["moments"].append([row, moments(pixels).tolist()])
                answer["spans"] += [span] if span else []
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
