"""The files of a corpus: their paths, encodings and content hashes."""

from __future__ import annotations

import codecs
import glob
import hashlib
import io
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from dlcore.errors import ArgumentError, DataError
from dlcore.text.encodings import decoder_of, errors_of, other_encoding, shown_name

ENDINGS = (".txt", ".text")
_BLOCK = 1 << 20  # bytes
_DAMAGE = 0.2  # share of undecodable characters among those outside ASCII, below which a text is damaged UTF-8


@dataclass(frozen=True)
class TextFile:
    """A checked text file."""

    path: Path  # the file
    size: int  # its bytes
    encoding: str  # ``utf-8``, ``gb18030``, or the one that was given
    digest: str  # hash of its content, and of an encoding that was given


def each_once(paths: Sequence[Path]) -> list[Path]:
    """Return files without duplicates, each under its first name: no text must be in training and test."""
    found: dict[str, Path] = {}
    for path in paths:
        found.setdefault(os.path.realpath(path), path)  # unlike `resolve`, no error for links that form a loop
    return list(found.values())


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


class _Reading:
    """Decodes a file block by block; `wrong` is the position of the first byte that it cannot decode, or -1."""

    def __init__(self, encoding: str) -> None:
        self.encoding, self.wrong = encoding, -1
        self._decoder, self._size = decoder_of(encoding), 0

    def add(self, block: bytes) -> str:
        """Return the text of a block, empty from the first wrong byte on; an empty block is the end."""
        if self.wrong >= 0:
            return ""
        kept = len(self._decoder.getstate()[0])
        try:
            text = self._decoder.decode(block, final=not block)
        except UnicodeError as error:
            start = error.start if isinstance(error, UnicodeDecodeError) else 0
            text, self.wrong = "", self._size - kept + start
        self._size += len(block)
        return text


def look_through(path: Path, encoding: str | None = None, flag: str = "") -> TextFile:
    """Read a file once: find its encoding and its digest.

    Args:
        path: The file.
        encoding: Its encoding, by Python's name; None: UTF-8 or GB18030, whichever it is.
        flag: The argument by which a user gives another encoding, for messages; empty if there is none.

    Raises:
        DataError: It holds NUL characters, or is not in the encoding (with the position), or in a third one.
    """
    utf_8, given = _Reading("utf-8"), None if encoding is None else _Reading(encoding)
    digest, size, same = hashlib.blake2b(digest_size=20), 0, True
    for block in _blocks(path):
        digest.update(block)
        text = utf_8.add(block)
        if given is None:
            _refuse_zeros(path, block, size, flag)
        else:
            other = given.add(block)
            same = same and other == text
            expected = f"{path}: expected text in {shown_name(given.encoding)}, got"
            if given.wrong >= 0:
                remedy = "Give another encoding, or none: UTF-8 and GB18030 are detected."
                raise DataError(f"{expected} other bytes, at byte {given.wrong:,}. {remedy}")
            if "\0" in other:
                raise DataError(f"{expected} a NUL character: a program's file, or another encoding.")
        size += len(block)
    detected = "utf-8" if utf_8.wrong < 0 else "gb18030"
    if encoding is None:
        encoding = detected if utf_8.wrong < 0 else _other_encoding(path, utf_8.wrong, flag)
    elif same and utf_8.wrong < 0:
        encoding = "utf-8"  # the same text in both, as ASCII is
    if encoding != detected:  # the same bytes are another text
        digest.update(encoding.encode())
    return TextFile(path, size, encoding, digest.hexdigest())


def open_text(file: TextFile, binary: IO[bytes]) -> io.TextIOWrapper:
    """Return the text of a checked file, which is open."""
    encoding = "utf-8-sig" if file.encoding == "utf-8" else file.encoding
    return io.TextIOWrapper(binary, encoding, errors_of(file.encoding))


def _blocks(path: Path) -> Iterator[bytes]:
    """Yield a file's content in blocks; the last one is empty."""
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                yield block
            yield b""
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}).") from error


def _refuse_zeros(path: Path, block: bytes, before: int, flag: str) -> None:
    """Refuse UTF-32 and UTF-16, and a program's file."""
    marks = {"UTF-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE), "UTF-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)}
    for name, starts in marks.items():
        if before == 0 and block.startswith(starts):
            raise DataError(f"{path}: expected UTF-8 or GB18030, got {name}. {_remedy(name.lower(), flag)}")
    if (nul := block.find(b"\0")) >= 0:
        also = f" (then {flag} utf-16-le or the like)" if flag else ""
        what = f"a program's file, or UTF-16 or UTF-32{also}"
        raise DataError(f"{path}: expected text, got a NUL byte at byte {before + nul:,}: {what}.")


def _remedy(encoding: str, flag: str) -> str:
    return f"Save it as UTF-8, or give its encoding: {flag} {encoding}." if flag else "Save it as UTF-8."


def _other_encoding(path: Path, wrong: int, flag: str) -> str:
    """Return GB18030 if a file that is not UTF-8 is in that encoding; raise otherwise."""
    reading = _Reading("gb18030")
    for block in _blocks(path):
        reading.add(block)
    elsewhere = reading.wrong
    if 0 <= elsewhere < wrong or _is_damaged_utf8(path):
        raise DataError(
            f"{path}: expected UTF-8, got other bytes, at byte {wrong:,}. Repair the file, or save it again."
        )
    with path.open("rb") as file:
        other = other_encoding(file.read(_BLOCK))
    expected = f"{path}: expected UTF-8 or GB18030, got"
    if other:
        raise DataError(f"{expected} text that seems to be {shown_name(other)}. {_remedy(other, flag)}")
    if elsewhere >= 0:
        where = f"not UTF-8 at byte {wrong:,}, not GB18030 at byte {elsewhere:,}"
        raise DataError(f"{expected} other bytes: {where}.{' ' * bool(flag)}{flag and _remedy('NAME', flag)}")
    if other is not None:
        sure = f" If it is GB18030: {flag} gb18030." if flag else ""
        remedy = _remedy("big5, cp932, …", flag)
        raise DataError(f"{expected} text of rare characters only, which seems to be in another. {remedy}{sure}")
    return "gb18030"


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
