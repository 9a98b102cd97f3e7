import gzip
import hashlib
import struct

import numpy as np
import pytest
import torch

from dlcore.data.idx_files import read_idx
from dlcore.errors import DataError

VALUES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
CONTENT = struct.pack(">HBB3I", 0, 8, 3, 2, 3, 4) + VALUES.tobytes()


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("name", ["images", "images.gz", "图片.gz"])
def test_reads_packed_and_unpacked_files(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(gzip.compress(CONTENT) if path.suffix == ".gz" else CONTENT)
    values = read_idx(path, _checksum(CONTENT))
    assert values.dtype == torch.uint8
    assert torch.equal(values, torch.from_numpy(VALUES))
    values += 1  # its memory is its own


def test_the_checksum_is_that_of_the_content_however_it_is_packed(tmp_path):
    for level in (1, 9):
        path = tmp_path / f"level_{level}.gz"
        path.write_bytes(gzip.compress(CONTENT, level, mtime=level))
        assert read_idx(path, _checksum(CONTENT)).shape == (2, 3, 4)


def test_an_altered_byte_is_an_error_with_both_checksums(tmp_path):
    altered = CONTENT[:-1] + b"\xff"
    path = tmp_path / "images"
    path.write_bytes(altered)
    with pytest.raises(DataError) as caught:
        read_idx(path, _checksum(CONTENT))
    assert str(caught.value) == (
        f"{path}: expected content with SHA-256 {_checksum(CONTENT)}, got {_checksum(altered)} (40 bytes). The file is "
        "damaged or not the right one: delete it, so that it is downloaded again, or put a good copy in its place."
    )


@pytest.mark.parametrize("content", [b"", CONTENT[:-5], CONTENT + b"\0", b"<html>Not found</html>"])
def test_a_file_with_other_content_is_an_error_with_both_checksums(tmp_path, content):
    path = tmp_path / "images"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"SHA-256 {_checksum(CONTENT)}, got {_checksum(content)} ") as caught:
        read_idx(path, _checksum(CONTENT))
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize("keep", [0, 5, 20, -1])
@pytest.mark.fault(
    "A packed file of FashionMNIST is cut short",
    "“…: expected a whole file, but it cannot be read (…). Delete it, …”",
)
def test_a_truncated_packed_file_is_an_error_with_its_path(tmp_path, keep):
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(CONTENT)[:keep])
    with pytest.raises(DataError) as caught:
        read_idx(path, _checksum(CONTENT))
    assert str(caught.value).startswith(f"{path}: expected ")
    assert "put a good copy in its place" in str(caught.value)


@pytest.mark.parametrize("at", [0, 12, 25, -6])
@pytest.mark.fault(
    "A byte of a packed file of FashionMNIST is altered",
    "the file, with both checksums or the place",
)
def test_an_altered_byte_in_a_packed_file_is_an_error_with_its_path(tmp_path, at):
    packed = bytearray(gzip.compress(CONTENT, mtime=0))
    packed[at] ^= 0xFF
    path = tmp_path / "images.gz"
    path.write_bytes(packed)
    with pytest.raises(DataError) as caught:
        read_idx(path, _checksum(CONTENT))
    assert str(caught.value).startswith(f"{path}: expected a whole file")


def test_a_missing_file_is_an_error_with_its_path(tmp_path):
    with pytest.raises(DataError, match="expected a whole file, but it cannot be read"):
        read_idx(tmp_path / "images", _checksum(CONTENT))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected an IDX file, got one without its header"),
        (b"\0\0\x08", "expected an IDX file, got one without its header"),
        (CONTENT[:12], "expected an IDX file, got one without its header"),
        (b"\0\0\x0d" + CONTENT[3:], r"expected an IDX file of unsigned bytes \(00 00 08\), got one of 00 00 0d"),
        (b"\x89PN" + CONTENT[3:], r"expected an IDX file of unsigned bytes \(00 00 08\), got one of 89 50 4e"),
        (CONTENT[:-1], r"expected 24 values, of shape \(2, 3, 4\), got 23"),
        (CONTENT + b"\0", r"expected 24 values, of shape \(2, 3, 4\), got 25"),
    ],
)
def test_a_file_that_is_the_expected_one_but_no_idx_file_is_an_error(tmp_path, content, message):
    path = tmp_path / "images"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_idx(path, _checksum(content))
