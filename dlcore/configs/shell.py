"""Words of a command line as a shell takes them."""

from __future__ import annotations

import re
import shlex


def shell_word(word: str) -> str:
    """A word as one types it in a shell: in quotes only if it needs them. Letters of any script need none."""
    return word if re.fullmatch(r"[\w@%+=:,./-]+", word) else shlex.quote(word)
