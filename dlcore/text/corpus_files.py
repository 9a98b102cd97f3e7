"""The files of a corpus: their paths, encodings and content hashes."""

from __future__ import annotations

import codecs
import glob
import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dlcore.errors import ArgumentError, DataError

ENDINGS = (".txt", ".text")
_BLOCK = 1 << 20  # bytes
_DAMAGE = 0.2  # share of undecodable characters among those outside ASCII, below which a text is damaged UTF-8


@dataclass(frozen=True)
class TextFile:
    """A checked text file."""

    path: Path  # the file
    size: int  # its bytes
    encoding: str  # ``utf-8`` or ``gb18030``
    digest: str  # hash of its content


def each_once(paths: Sequence[Path]) -> list[Path]:
    """Return files without duplicates, each under its first name: no text must be in training and test."""
    found: dict[str, Path] = {}
    for path in paths:
        found.setdefault(os.path.realpath(path), path)  # unlike `resolve`, no error for links that form a loop
    return list(found.values())


_USUAL = "的一是不了人我在有他這中大來上國說們你，。"  # frequent in any text, in Big5's traditional characters


def named_files(root: str | Sequence[str]) -> list[Path]:
    """Return the files of a corpus in natural order (2 before 10), repeated if a list, pattern or link repeats them.

    root is a file, a folder (all ``.txt`` and ``.text`` in it and its subfolders), a pattern (``news/*.txt``), or a
    list of these. A name without a file is an `ArgumentError`, a folder without text files a `DataError`.
    """
    if not isinstance(root, str):
        if not root:
            raise ArgumentError("root", "at least one file", list(root))
        return [path for one in root for path in named_files(one)]
    top = Path(root).expanduser()
    if top.is_file():
        return [top]
    if top.is_dir():
        found = [path for path in _below(top) if path.suffix.lower() in ENDINGS]
        if not found:
            raise DataError(f"{root}: expected text files ({', '.join(ENDINGS)}) in the folder, got none.")
    else:
        names = glob.glob(str(top), recursive=True) if glob.has_magic(root) else []  # noqa: PTH207 (it may be absolute)
        found = [path for path in map(Path, names) if path.is_file()]
        if not found:
            raise ArgumentError("root", "a text file, a folder or a pattern", root, "There is nothing of that name.")
    return sorted(found, key=lambda path: _natural(str(path)))


def _below(top: Path) -> Iterator[Path]:
    """Yield the files in a folder and its subfolders; names that begin with a dot are skipped, links are followed.

    A broken link is reported later; a pipe is left out, since reading it would block.
    """
    seen: set[str] = set()
    for folder, folders, names in os.walk(top, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:  # a link that forms a loop
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [name for name in folders if not name.startswith(".") and name != "__MACOSX"]
        paths = [Path(folder) / name for name in names if not name.startswith(".")]
        yield from (path for path in paths if path.is_file() or (path.is_symlink() and not path.exists()))


def look_through(path: Path) -> TextFile:
    """Read a file once: find its encoding and its digest.

    If it holds NUL bytes, or is neither UTF-8 nor GB18030, the `DataError` has the position.
    """
    digest = hashlib.blake2b(digest_size=20)
    size = 0
    decoder, wrong = codecs.getincrementaldecoder("utf-8")("strict"), -1
    try:
        with path.open("rb") as file:
            while True:
                block = file.read(_BLOCK)
                digest.update(block)
                if size == 0 and block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                    raise DataError(f"{path}: expected UTF-8 or GB18030, got UTF-16. Save it as UTF-8.")
                if (nul := block.find(b"\0")) >= 0:
                    raise DataError(
                        f"{path}: expected text, got a NUL byte at byte {size + nul:,}: a program's file, or UTF-16."
                    )
                if wrong < 0:
                    kept = len(decoder.getstate()[0])
                    try:
                        decoder.decode(block, final=not block)
                    except UnicodeDecodeError as error:
                        wrong = size - kept + error.start
                size += len(block)
                if not block:
                    break
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}).") from error
    encoding = "utf-8" if wrong < 0 else _other_encoding(path, wrong)
    return TextFile(path, size, encoding, digest.hexdigest())


def _other_encoding(path: Path, wrong: int) -> str:
    """Return GB18030 if a file that is not UTF-8 is in that encoding; raise otherwise."""
    elsewhere = _first_wrong(path, "gb18030")
    if elsewhere < 0 and _is_big5(path):
        raise DataError(f"{path}: expected UTF-8 or GB18030, got text that seems to be Big5. Save it as UTF-8.")
    if elsewhere < 0 and not _is_damaged_utf8(path):
        return "gb18030"
    if elsewhere < 0 or elsewhere <= wrong or _is_damaged_utf8(path):
        raise DataError(
            f"{path}: expected UTF-8, got other bytes, at byte {wrong:,}. Repair the file, or save it again."
        )
    raise DataError(
        f"{path}: expected UTF-8 or GB18030, got other bytes: not UTF-8 at byte {wrong:,}, not GB18030 at "
        f"byte {elsewhere:,}."
    )


def _first_wrong(path: Path, encoding: str) -> int:
    """Return the position of the first byte that cannot be decoded, or -1."""
    decoder, place = codecs.getincrementaldecoder(encoding)("strict"), 0
    with path.open("rb") as file:
        while True:
            block = file.read(_BLOCK)
            kept = len(decoder.getstate()[0])
            try:
                decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                return place - kept + error.start
            place += len(block)
            if not block:
                return -1


def _is_big5(path: Path) -> bool:
    """Return whether the beginning is Chinese in Big5; its bytes are often valid GB18030 too, with rare characters."""
    with path.open("rb") as file:
        block = file.read(_BLOCK)
    try:
        as_big5 = codecs.getincrementaldecoder("big5")("strict").decode(block)
    except UnicodeDecodeError:
        return False
    as_gb18030 = codecs.getincrementaldecoder("gb18030")("strict").decode(block)
    usual = [sum(map(text.count, _USUAL)) / len(text) for text in (as_big5, as_gb18030)]
    return usual[0] > 0.02 and usual[0] > 4 * usual[1]


def _is_damaged_utf8(path: Path) -> bool:
    """Return whether most text outside ASCII is UTF-8: its bytes are often valid GB18030 too, but nonsense."""
    bad = other = 0
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        while text := file.read(_BLOCK):
            bad += text.count("\ufffd")
            other += len(text) - len(text.encode("ascii", "ignore"))
    return bad < _DAMAGE * other


def _natural(name: str) -> list[tuple[int, int | str]]:
    return [(0, int(piece)) if piece.isdecimal() else (1, piece) for piece in re.split(r"(\d+)", name)]
