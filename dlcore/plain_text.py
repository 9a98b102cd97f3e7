"""Text of strangers (names of files, classes, columns, words of a corpus), made harmless for where it goes.

A terminal, a shell, a file's name, a cell of a table.
"""

from __future__ import annotations

import json
import re
import shlex

# Control characters but for line ends and tabs, and the signs that turn the direction of what follows: with them text
# moves a terminal's cursor, changes its title, or reads otherwise than it is.
_UNPRINTABLE = re.compile("[\ud800-\udfff\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_UNDECODED = re.compile("[\ud800-\udfff]")
_NOT_IN_FILE_NAMES = re.compile('[\x00-\x1f\x7f-\x9f/\\\\<>:"|?*\u2028-\u202e\u2066-\u2069]+')
_RESERVED_BY_WINDOWS = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
_MAX_NAME_BYTES = 150  # file systems take 255, and folders within it have names too


def printable(text: str) -> str:
    r"""Text for a terminal: what would steer it, and what is no UTF-8, is spelled out, as ``\x1b``."""
    return _UNPRINTABLE.sub(_spelled_out, text)


def decoded_name(name: str) -> str:
    r"""A file's name as text that any file holds: bytes that are no UTF-8 are spelled out, as ``\xc3``."""
    return _UNDECODED.sub(_spelled_out, name)


def _spelled_out(sign: re.Match[str]) -> str:
    if "\udc80" <= sign[0] <= "\udcff":  # how Python names a byte of a file's name that is no UTF-8
        return f"\\x{ord(sign[0]) - 0xDC00:02x}"
    return sign[0].encode("unicode_escape").decode("ascii")


def without_markup(text: str) -> str:
    """Text of a docstring without the signs of reStructuredText, which libraries write: roles, links, backticks.

    ``:class:`~datetime.timedelta``` is timedelta, a link its words and its address in brackets. A text may be wrapped.
    """
    text = re.sub(r":[a-z]+(?::[a-z]+)*:`([^`]*)`", lambda role: _target(role[1]), text)
    text = re.sub(r"`([^`<]*?)\s*<([^`>]*)>`__?", r"\1 (\2)", text)
    return re.sub(r"(`+)([^`]*)\1(?:__?\b)?", r"\2", text)


def _target(words: str) -> str:
    """The words of a role: its title where it has one, of a name with ~ the last part."""
    title = re.fullmatch(r"(.*?)\s*<[^<>]*>", words, re.DOTALL)
    words = title[1] if title else words
    return words.rpartition(".")[2] if words.startswith("~") else words


def file_name(text: str) -> str:
    """Text as the name of one file or folder on any system: never empty, never a path, never one that leads up."""
    name = _NOT_IN_FILE_NAMES.sub("_", text).strip(" ")
    name = name.encode("utf-8", "replace")[:_MAX_NAME_BYTES].decode("utf-8", "ignore").rstrip(" .")
    return f"_{name}" if _RESERVED_BY_WINDOWS.fullmatch(name) else name or "run"


def csv_cell(text: str) -> str:
    """Text as a cell that no spreadsheet takes for a formula and that steers no terminal; numbers stay as they are.

    Reference: https://owasp.org/www-community/attacks/CSV_Injection
    """
    text = printable(text)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t")) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def shell_word(word: str) -> str:
    """A word as one types it in a shell: in quotes only if it needs them. Letters of any script need none."""
    return word if re.fullmatch(r"[\w@%+=:,./-]+", word) else shlex.quote(word)


def flag_words(name: str, *values: str) -> str:
    """A flag as one types it in a shell, with one value or a list of them."""
    value = values[0] if len(values) == 1 else json.dumps(values, ensure_ascii=False)
    return f"--{name}{'=' if value.startswith('-') else ' '}{shell_word(value)}"
