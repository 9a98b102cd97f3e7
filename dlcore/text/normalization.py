"""One spelling for what is the same: line ends, spaces, full-width letters and digits.

Not NFKC, which turns ，！？ into ASCII: Chinese punctuation stays as it is.
"""

from __future__ import annotations

import re
import string

VERSION = 1  # to be raised when the same text becomes another one: token stores are then made anew

_FULL_WIDTH = "".join(chr(ord(sign) + 0xFEE0) for sign in string.digits + string.ascii_letters)
_TABLE = {
    **{ord(sign): chr(ord(sign) - 0xFEE0) for sign in _FULL_WIDTH},
    0x3000: " ",  # the space as wide as a character
    0xFEFF: None,  # byte order marks, also where files were joined
}
_CHANGED = re.compile("[\r\ufeff\u3000" + _FULL_WIDTH + "]")


def normalize(text: str) -> str:
    r"""Line ends become ``\n``, U+3000 a space, full-width letters and digits ASCII; byte order marks go."""
    if not _CHANGED.search(text):
        return text
    return text.replace("\r\n", "\n").replace("\r", "\n").translate(_TABLE)
