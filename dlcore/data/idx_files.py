"""Files in the IDX format of MNIST and its relatives, read with their checksum checked.

Format: two zero bytes, a type byte (8: unsigned bytes), the number of dimensions, each size as a big-endian 32-bit
number, then the values. Reference: https://yann.lecun.org/exdb/mnist, "File formats".
"""

from __future__ import annotations

import gzip
import hashlib
import math
import struct
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dlcore.errors import DataError

LARGEST = 200_000_000  # bytes of content; FashionMNIST's largest file has 47,040,016


def read_idx(path: Path, sha256: str) -> Tensor:
    """Read an IDX file of unsigned bytes, compressed (``.gz``) or not, as a uint8 tensor of its own shape.

    The SHA-256 is that of the uncompressed content: different mirrors compress the same data differently. A file that
    is cut short or not the expected one is a `DataError`.
    """
    try:
        # Read one byte more than the limit: an archive of a few kilobytes may unpack to gigabytes of zeros.
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"{path}: expected a whole file, but it cannot be read ({error}). Delete it, so that it is downloaded "
            "again, or put a good copy in its place."
        ) from error
    if len(content) > LARGEST:
        raise DataError(f"{path}: expected at most {LARGEST:,} bytes of content, got more. Put a good copy there.")
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise DataError(
            f"{path}: expected content with SHA-256 {sha256}, got {found} ({len(content):,} bytes). The file is "
            "damaged or not the right one: delete it, so that it is downloaded again, or put a good copy in its place."
        )
    try:
        magic, dimensions = struct.unpack_from(">3sB", content)
        shape = struct.unpack_from(f">{dimensions}I", content, offset=4)
        values = np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions)
    except (struct.error, ValueError) as error:
        raise DataError(f"{path}: expected an IDX file, got one without its header ({error}).") from error
    if magic != b"\0\0\x08":
        raise DataError(f"{path}: expected an IDX file of unsigned bytes (00 00 08), got one of {magic.hex(' ')}.")
    if values.size != math.prod(shape):
        raise DataError(f"{path}: expected {math.prod(shape):,} values, of shape {shape}, got {values.size:,}.")
    return torch.from_numpy(values.reshape(shape).copy())
