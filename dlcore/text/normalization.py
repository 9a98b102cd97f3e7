"""Normalise text: line ends, spaces, full-width letters and digits.

Not NFKC, which turns ，！？ into ASCII: Chinese punctuation is kept.
"""

from __future__ import annotations

import re
import string

VERSION = 1  # increase it when the result changes: token stores are then built again

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
