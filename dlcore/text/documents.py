"""A corpus read block by block, each parted into documents: memory stays as it is, however much text there is.

A block ends where a document ends if there is such a place in it, else at a line break, else after a sign that is in no
word: what is cut into words within blocks is cut as the whole would be.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from dlcore.errors import DataError
from dlcore.text.corpus_files import TextFile
from dlcore.text.normalization import normalize

Documents = Literal["blank_line", "file", "none"]

BLOCK = 1 << 19  # characters
_BLANK = re.compile(r"\n[^\S\n]+(?=\n)")
_IN_NO_WORD = re.compile(r"[^\u4E00-\u9FD5a-zA-Z0-9+#&._%\-]")
_MANY_BREAKS = re.compile(r"\n{2,}")


@dataclass(frozen=True)
class Block:
    """A piece of a corpus.

    Attributes:
        text: Its text, normalised.
        ends: Whether its last document ends with it; else that goes on in the next block.
        size: About how many bytes of the corpus were read for it.
    """

    text: str
    ends: bool
    size: int


def read_blocks(files: Sequence[TextFile], documents: Documents, characters: int = BLOCK) -> Iterator[Block]:
    """The blocks of a corpus, in order.

    Args:
        files: The files.
        documents: What parts documents: ``blank_line`` (and files), ``file``, or ``none``: all is one.
        characters: About how long a block is.
    """
    for number, file in enumerate(files):
        last = number == len(files) - 1
        rest, done, place_before = "", False, 0
        encoding = "utf-8-sig" if file.encoding == "utf-8" else file.encoding
        with file.path.open("rb") as binary, io.TextIOWrapper(binary, encoding) as source:
            while not done:
                while len(rest) < characters and not done:
                    try:
                        read = source.read(characters)
                    except UnicodeDecodeError as error:
                        raise DataError(f"{file.path}: changed while it was read. Start again.") from error
                    done = not read
                    rest += normalize(read)
                size, place_before = binary.tell() - place_before, binary.tell()
                if documents == "blank_line":
                    rest = _BLANK.sub("\n", rest)  # lines of spaces are blank
                if done:
                    if documents == "none" and not last:
                        yield Block(rest + "\n" * (not rest.endswith("\n")), False, size)
                    else:
                        yield Block(rest, True, size)
                else:
                    place, ends = _cut(rest, documents)
                    yield Block(rest[:place], ends, size)
                    rest = rest[place:]


def part(text: str, ends: bool, goes_on: bool, documents: Documents) -> list[str]:
    """The documents of a block.

    Args:
        text: The block's text.
        ends: Whether its last document ends with it.
        goes_on: Whether its first document began in an earlier block.
        documents: What parts documents.

    Returns:
        Their texts, without line breaks around them; the first belongs to the earlier block's last document where
        `goes_on`, and then it may be empty.
    """
    if not goes_on:
        text = text.lstrip("\n")
    if ends:
        text = text.rstrip()
    pieces = _MANY_BREAKS.split(text) if documents == "blank_line" else [text]
    first, *others = pieces
    return [*([first] if goes_on or first.strip() else []), *(piece for piece in others if piece.strip())]


def _cut(text: str, documents: Documents) -> tuple[int, bool]:
    """Where a block may end, and whether a document ends there. Something is left, so that what follows is known."""
    if documents == "blank_line" and (place := text.rfind("\n\n", 0, len(text.rstrip()))) > 0:
        return place + 2, True
    place = text.rfind("\n", 0, len(text.rstrip()))
    if place > 0:
        return place + 1, False
    # One line, longer than a block.
    window = text[-4096:]
    signs = [found.end() for found in _IN_NO_WORD.finditer(window)]
    return (len(text) - len(window) + signs[-1] if signs else len(text)), False
