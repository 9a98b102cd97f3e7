"""What unpacks to more than it may, or promises more than there is, is refused before memory is taken for it."""

import base64
import gzip
import hashlib
import struct
import sys
import time
import zipfile
import zlib
from pathlib import Path

import pytest
import torch
from limited import within

from dlcore.data import downloads
from dlcore.data.downloads import download
from dlcore.data.idx_files import read_idx
from dlcore.data.table import Table
from dlcore.errors import DataError
from dlcore.runs.checkpoint_file import read_checkpoint
from dlcore.text.dictionary import Dictionary

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the memory of a process is limited as Linux does it")
ZEROS = 2**20


def zeros(file, megabytes):
    for _ in range(megabytes):
        file.write(bytes(ZEROS))


@pytest.mark.process
@pytest.mark.fault(
    "an IDX file of 4 MB that unpacks to 4 GB", "FILE: expected at most 200,000,000 bytes of content, got more."
)
def test_a_packed_file_of_gigabytes_is_not_unpacked(tmp_path):
    path = tmp_path / "images.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        zeros(file, 1024)
    once = path.read_bytes()
    path.write_bytes(once * 4)  # several members are one file
    assert path.stat().st_size < 25_000_000
    said, _ = within(1000, read_idx, path, "0" * 64)
    assert said.startswith(f"DataError: {path}: expected at most 200,000,000 bytes of content, got more")


@pytest.mark.process
@pytest.mark.fault(
    "a plain IDX file of 5 TB (sparse)", "FILE: expected at most 200,000,000 bytes of content, got more."
)
def test_a_plain_file_of_terabytes_is_not_read(tmp_path):
    with (tmp_path / "images").open("wb") as file:
        file.truncate(5 * 2**40)
    said, _ = within(1000, read_idx, tmp_path / "images", "0" * 64)
    assert "expected at most 200,000,000 bytes of content, got more" in said


@pytest.mark.process
@pytest.mark.fault(
    "an IDX header that promises terabytes", "FILE: expected 1,152,921,504,606,846,976 values, … got 10."
)
@pytest.mark.parametrize("shape", [(2**20, 2**20, 2**20), (2**32 - 1,) * 2, (2**31,) * 255])
def test_a_header_that_promises_terabytes_takes_no_memory(shape, tmp_path):
    content = struct.pack(f">3sB{len(shape)}I", b"\0\0\x08", len(shape), *shape) + bytes(10)
    (tmp_path / "images").write_bytes(content)
    said, touched = within(500, read_idx, tmp_path / "images", hashlib.sha256(content).hexdigest())
    assert said.startswith(f"DataError: {tmp_path / 'images'}: expected ")
    assert "got 10." in said
    assert touched < 100


@pytest.mark.process
@pytest.mark.fault(
    "a checkpoint whose parts are packed and unpack to 4 GB", "FILE: expected a checkpoint, but the file … is damaged"
)
def test_a_packed_checkpoint_is_not_unpacked(tmp_path):
    path = tmp_path / "bomb.ckpt"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file,
        file.open("archive/data.pkl", "w", force_zip64=True) as part,
    ):
        zeros(part, 1024)
    assert path.stat().st_size < 10_000_000
    said, touched = within(800, read_checkpoint, path)
    assert said.startswith("CheckpointError")
    assert touched < 200


@pytest.mark.process
@pytest.mark.fault(
    "a checkpoint whose index gives one part many names", "FILE: expected a checkpoint, but the file … is damaged"
)
def test_a_checkpoint_whose_parts_overlap_is_refused(tmp_path):
    path = tmp_path / "overlapping.ckpt"
    torch.save({"state_dict": {"w": torch.zeros(100_000)}, "global_step": 1}, path)
    assert read_checkpoint(path)["global_step"] == 1
    with zipfile.ZipFile(path, "a") as file:
        largest = max(file.infolist(), key=lambda part: part.file_size)
        for number in range(3):
            again = zipfile.ZipInfo(f"archive/data/{number + 100}")
            again.header_offset, again.file_size, again.CRC = largest.header_offset, largest.file_size, largest.CRC
            again.compress_size = largest.compress_size
            file.filelist.append(again)
            file.NameToInfo[again.filename] = again
        file._didModify = True
    said, _ = within(800, read_checkpoint, path)
    assert said.startswith("CheckpointError")


@pytest.mark.process
@pytest.mark.fault(
    "a checkpoint that promises a tensor of terabytes", "FILE: expected a checkpoint, but the file … is damaged"
)
def test_a_tensor_larger_than_its_file_is_refused(tmp_path):
    path = tmp_path / "long.ckpt"
    torch.save({"state_dict": {"w": torch.zeros(7_777)}, "global_step": 1}, path)
    # The pickle says how many numbers the storage has, 7,777, in two places: of the storage and of the tensor.
    with zipfile.ZipFile(path) as file:
        parts = {part.filename: file.read(part) for part in file.infolist()}
    (name,) = (name for name in parts if name.endswith("data.pkl"))
    small, large = b"M" + struct.pack("<H", 7_777), b"\x8a\x06" + (10**13).to_bytes(6, "little")
    assert parts[name].count(small) == 2
    parts[name] = parts[name].replace(small, large)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as file:
        for part, inner in parts.items():
            file.writestr(part, inner)
    said, touched = within(800, read_checkpoint, path)
    assert said.startswith("CheckpointError")
    assert touched < 200


def unpack(text):
    return Dictionary.from_state({"words": text, "user": "", "digest": "", "name": ""})


@pytest.mark.process
@pytest.mark.fault(
    "a checkpoint whose dictionary unpacks to 2 GB", "The checkpoint's dictionary: expected at most 500,000,000 bytes"
)
def test_a_dictionary_of_gigabytes_is_not_unpacked():
    packing = zlib.compressobj(1)
    packed = b"".join(packing.compress(bytes(ZEROS)) for _ in range(2048)) + packing.flush()
    text = base64.b85encode(packed).decode()
    said, _ = within(1500, unpack, text)
    assert said.startswith("DataError: The checkpoint's dictionary: expected at most 500,000,000 bytes of words")


@pytest.mark.fault("a checkpoint whose dictionary is damaged", "The checkpoint's dictionary: expected packed words")
@pytest.mark.parametrize("text", ["not packed", "", "ÿ"])
def test_a_dictionary_that_is_none_is_a_line(text):
    with pytest.raises(DataError, match="The checkpoint's dictionary: expected"):
        unpack(text)


@pytest.mark.process
@pytest.mark.fault("a table that is an archive (.csv.gz of 1 GB)", "FILE: expected a CSV file, got a binary one.")
def test_a_packed_table_is_refused_and_not_unpacked(tmp_path):
    with gzip.open(tmp_path / "rows.csv.gz", "wb", compresslevel=1) as file:
        file.write(b"a,b,y\n")
        zeros(file, 1024)
    said, touched = within(800, read_table, tmp_path / "rows.csv.gz")
    assert "expected a CSV file, got a binary one" in said
    assert touched < 200


def read_table(path: Path) -> None:
    Table(path=str(path), target="y").facts()


@pytest.mark.fault("a mirror that sends without end", "OSError: more than … bytes came; the next way is taken")
def test_a_download_without_end_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "MOST_BYTES", 1_000_000)
    monkeypatch.setattr(downloads, "_LOOK", 0.02)

    def fill(folder):
        with (folder / "wanted").open("wb") as file:
            for _ in range(2000):
                file.write(bytes(10_000))
                file.flush()
                time.sleep(0.001)

    with pytest.raises(OSError, match="more than 1,000,000 bytes came"):
        download(fill, tmp_path / "root", ["wanted"], patience=5)
    assert not (tmp_path / "root" / "wanted").exists()


def test_no_archive_is_unpacked_by_the_names_in_it():
    """Nothing of dlcore takes names of files out of an archive, so none can lead out of a folder."""
    import dlcore

    for path in Path(dlcore.__file__).parent.rglob("*.py"):
        text = path.read_text("utf-8")
        assert "tarfile" not in text, path
        assert ".extract(" not in text, path
        assert "unpack_archive" not in text, path
