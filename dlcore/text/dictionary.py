"""The words for segmentation: jieba's dictionary or another in its format, with words of the user's own."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import io
import re
import warnings
import zlib
from functools import cached_property
from pathlib import Path
from typing import Any

from dlcore.errors import ArgumentError, DataError
from dlcore.text.documents import normalize

# What jieba looks up; each other character is a word of its own.
LOOKED_UP = re.compile(r"[\u4E00-\u9FD5a-zA-Z0-9+#&._%\-]+")

_LARGEST = 500_000_000  # bytes; jieba's own has 5 million
_USER_LINE = re.compile(r"(\S+)( [0-9]+)?( [a-z]+)?")  # jieba's pattern; it takes any other line for one long word
_SEPARATED = re.compile(r"[,;|、]|[，；][0-9.]")  # a list, or a column that something else than a space separates


class Dictionary:
    """Words and their frequencies.

    Args:
        words: Content of a dictionary in jieba's format: word, frequency and optionally tag per line; None: jieba's.
        user: Further words, one per line, optionally with a frequency (default: high enough that the word is cut out).
        name: Its name in messages.
    """

    def __init__(self, words: bytes | None = None, user: bytes = b"", name: str = "") -> None:
        self.words, self.user, self.name = words, user, name

    @classmethod
    def of_files(cls, dictionary: str | None, user_dict: str | None) -> Dictionary:
        """Read a file instead of jieba's dictionary, and a file of further words, normalised as the text is.

        A line of another form is a `DataError` with its number.
        """
        words = None if dictionary is None else _words(dictionary)
        user = b"" if user_dict is None else _user_words(user_dict)
        return cls(words, user, dictionary or user_dict or "")

    def never_cut(self) -> list[str]:
        """Return the words, apart from jieba's own, that are never cut: with a character that jieba never joins."""
        lines = ((self.words or b"") + self.user).decode("utf-8").split("\n")
        words = (line.split(" ")[0] for line in lines)
        return [word for word in words if word and not LOOKED_UP.fullmatch(word)]

    @cached_property
    def content(self) -> bytes:
        """The dictionary's bytes, without the user's words."""
        return jieba_words() if self.words is None else self.words

    @cached_property
    def digest(self) -> str:
        """A hash of dictionary and user's words."""
        parts = (hashlib.sha256(part).digest() for part in (self.content, self.user))
        return hashlib.sha256(b"".join(parts)).hexdigest()

    def read(self) -> tuple[dict[str, int], int, list[str]]:
        """Return what jieba reads: the frequency of each word and prefix, their sum, and words never to join."""
        jieba = quiet_jieba()
        tokenizer = jieba.Tokenizer()
        tokenizer.FREQ, tokenizer.total = tokenizer.gen_pfdict(io.BytesIO(self.content))
        tokenizer.initialized = True
        # jieba keeps these words for the whole process: neither take another dictionary's nor leave this one's.
        others, jieba.finalseg.Force_Split_Words = jieba.finalseg.Force_Split_Words, set()
        try:
            tokenizer.load_userdict(io.BytesIO(self.user))
            split = jieba.finalseg.Force_Split_Words
        finally:
            jieba.finalseg.Force_Split_Words = others
        return tokenizer.FREQ, tokenizer.total, sorted(split)

    def state(self) -> dict[str, Any]:
        """Return plain values, for a checkpoint: the content itself, except for jieba's own, which is installed."""
        packed = None if self.words is None else base64.b85encode(zlib.compress(self.words, 9)).decode("ascii")
        return {"words": packed, "user": self.user.decode("utf-8"), "digest": self.digest, "name": self.name}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Dictionary:
        """Create the object from the result of `state`.

        Invalid content, or jieba's own dictionary of another version, is a `DataError`.
        """
        words = None if state["words"] is None else _unpacked(state["words"])
        made = cls(words, state["user"].encode("utf-8"), state["name"])
        if made.digest != state["digest"]:
            raise DataError(
                "jieba's dictionary: expected the one with which the text of the training was cut, got that of another "
                "version. Install jieba==0.42.1."
            )
        return made


def _unpacked(text: str) -> bytes:
    """Unpack a dictionary from a checkpoint, which is not trusted: a kilobyte may unpack to gigabytes."""
    try:
        unpacking = zlib.decompressobj()
        words = unpacking.decompress(base64.b85decode(text), _LARGEST)
    except (ValueError, zlib.error) as error:
        raise DataError(f"The checkpoint's dictionary: expected packed words, got something else ({error}).") from error
    if not unpacking.eof:
        raise DataError(f"The checkpoint's dictionary: expected at most {_LARGEST:,} bytes of words, whole.")
    return words


def quiet_jieba() -> Any:
    """Return the package jieba, without the warnings of its import and its messages."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # invalid escapes, and pkg_resources
        import jieba
    jieba.setLogLevel("WARNING")
    return jieba


def jieba_words() -> bytes:
    """Return the content of jieba's own dictionary, without importing jieba."""
    found = importlib.util.find_spec("jieba")
    if found is None or found.origin is None:
        raise DataError("The package jieba is not installed. Install it: pip install jieba")
    return (Path(found.origin).parent / "dict.txt").read_bytes()


def _lines(argument: str, path: str) -> list[tuple[int, str]]:
    """Return the lines of a file that are not blank, normalised, with their numbers."""
    file = Path(path).expanduser()
    if not file.is_file():
        raise ArgumentError(argument, "a file of words", path, "That is a folder." if file.is_dir() else "")
    content = file.read_bytes()
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + 1
        got = repr(content.split(b"\n")[number - 1][:60].decode("utf-8", "replace"))
        raise DataError(f"{path}, line {number:,}: expected UTF-8, got {got}. Save the file as UTF-8.") from None
    lines = enumerate(normalize(text).split("\n"), 1)
    return [(number, line.strip()) for number, line in lines if line.strip()]


def _joined(lines: list[tuple[int, str]]) -> bytes:
    return "".join(f"{line}\n" for _, line in lines).encode("utf-8")


def _words(path: str) -> bytes:
    lines, total = _lines("dictionary", path), 0
    for number, line in lines:
        try:
            word, frequency = line.split(" ")[:2]
            count = int(frequency)
        except ValueError:
            count, word = -1, ""
        if count < 0 or not word:
            raise DataError(f"{path}, line {number:,}: expected a word, a space and its frequency, got {line[:60]!r}.")
        total += count
    if not total:
        raise DataError(f"{path}: expected words with frequencies, got none.")
    return _joined(lines)


def _user_words(path: str) -> bytes:
    lines = _lines("user_dict", path)
    for number, line in lines:
        found = _USER_LINE.fullmatch(line)
        if not found or _SEPARATED.search(found[1]):
            raise DataError(
                f"{path}, line {number:,}: expected a word, or with it a frequency, a whole number (明月 5), and a tag "
                f"of small letters (明月 5 n), with one space between them, got {line[:60]!r}."
            )
    if not lines:
        raise DataError(f"{path}: expected words, one a line, got none.")
    return _joined(lines)
