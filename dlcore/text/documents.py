"""Read a corpus block by block, normalise it and split it into documents: memory use does not grow with the text.

A block ends at the end of a document if it contains one, else at a line break, else after a character that is in no
word: so segmenting blocks gives the same words as segmenting the whole text.

Not NFKC, which turns ，！？ into ASCII: Chinese punctuation is kept.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from dlcore.errors import DataError
from dlcore.text.corpus_files import TextFile, open_text

Documents = Literal["blank_line", "file", "none"]

BLOCK = 1 << 19  # characters
_BLANK_LINE = re.compile(r"^[^\S\n]+(?=\n)", re.MULTILINE)
_BEHIND_SIGN = re.compile(r"(?<=[^\u4E00-\u9FD5a-zA-Z0-9+#&._%\-])\S")  # a position after a character in no word
_WINDOW = 4096  # characters that are searched for it
_MOST = 4 * BLOCK  # longest block, even if this cuts a word
_MANY_BREAKS = re.compile(r"\n{2,}")

NORMALIZATION = 1  # version: increase it when the result changes: token stores are then built again

_FULL_WIDTH = "".join(chr(ord(sign) + 0xFEE0) for sign in string.digits + string.ascii_letters)
_TABLE = {
    **{ord(sign): chr(ord(sign) - 0xFEE0) for sign in _FULL_WIDTH},
    0x3000: " ",  # the full-width space
    0xFEFF: None,  # byte order marks, also inside concatenated files
}
_CHANGED = re.compile("[\r\ufeff\u3000" + _FULL_WIDTH + "]")


def normalize(text: str) -> str:
    r"""Replace line ends by ``\n``, U+3000 by a space, full-width letters, digits by ASCII; drop byte order marks."""
    if not _CHANGED.search(text):
        return text
    return text.replace("\r\n", "\n").replace("\r", "\n").translate(_TABLE)


@dataclass(frozen=True)
class Block:
    """A piece of a corpus."""

    text: str  # its text, normalised
    ends: bool  # whether its last document ends with it; else the document continues in the next block
    size: int  # bytes of the corpus read for it, approximately


def read_blocks(files: Sequence[TextFile], documents: Documents, characters: int = BLOCK) -> Iterator[Block]:
    """Yield the blocks of a corpus, of about so many characters, in order.

    Documents are separated by a ``blank_line`` (and files), by ``file``, or not at all (``none``: all is one).
    """
    for number, file in enumerate(files):
        joins = documents == "none" and number < len(files) - 1
        with file.path.open("rb") as binary, open_text(file, binary) as source:
            rest, place_before = "", 0
            while True:
                try:
                    read = source.read(characters)
                except UnicodeDecodeError as error:
                    raise DataError(f"{file.path}: changed while it was read. Start again.") from error
                rest += normalize(read)
                if documents == "blank_line":
                    rest = _BLANK_LINE.sub("", rest)
                if not read:
                    break
                place, ends = _cut(rest, documents) if len(rest) >= characters else (0, False)
                if place:
                    size, place_before = binary.tell() - place_before, binary.tell()
                    yield Block(rest[:place], ends, size)
                    rest = rest[place:]
        text = rest.rstrip() + "\n" if joins else rest
        yield Block(text, not joins, file.size - place_before)


def part(text: str, ends: bool, goes_on: bool, documents: Documents) -> list[str]:
    """Return the documents of a block, without trailing spaces and leading line breaks.

    ends says whether its last document ends with it; with `goes_on`, the first continues the earlier block's last
    document, and it may be empty.
    """
    if not goes_on:
        text = text.lstrip("\n")
    *whole, last = _MANY_BREAKS.split(text) if documents == "blank_line" else [text]
    pieces = [*(piece.rstrip() for piece in whole), last.rstrip() if ends else last]
    first, *others = pieces
    return [*([first] if goes_on or first.strip() else []), *(piece for piece in others if piece.strip())]


def _cut(text: str, documents: Documents) -> tuple[int, bool]:
    """Return where a block may end, and whether a document ends there; 0 if nowhere yet.

    The rest starts with no line break and is not blank, so that the blocks' boundary is certain.
    """
    last = len(text.rstrip())
    if documents == "blank_line" and (place := text.rfind("\n\n", 0, last)) >= 0:
        return place + 2, True
    place = text.rfind("\n", 0, last) + 1
    if not text[:place].strip():  # one line, longer than a block
        signs = [found.start() for found in _BEHIND_SIGN.finditer(text, max(0, last - _WINDOW), last)]
        place = next((sign for sign in reversed(signs) if text[:sign].strip()), 0)
        if not place and last > _MOST:
            place = last - 1
    return place, False
