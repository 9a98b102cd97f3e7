"""Words of a command line as a shell takes them."""

from __future__ import annotations

import json
import re
import shlex


def shell_word(word: str) -> str:
    """A word as one types it in a shell: in quotes only if it needs them. Letters of any script need none."""
    return word if re.fullmatch(r"[\w@%+=:,./-]+", word) else shlex.quote(word)


def flag_words(name: str, *values: str) -> str:
    """A flag as one types it in a shell, with one value or a list of them."""
    value = values[0] if len(values) == 1 else json.dumps(values, ensure_ascii=False)
    return f"--{name}{'=' if value.startswith('-') else ' '}{shell_word(value)}"
