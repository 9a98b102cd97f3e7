"""The words for segmentation: jieba's dictionary or another in its format, with words of the user's own."""

from __future__ import annotations

import base64
import codecs
import hashlib
import importlib.util
import io
import warnings
import zlib
from functools import cached_property
from pathlib import Path
from typing import Any

from dlcore.errors import ArgumentError, DataError

_LARGEST = 500_000_000  # bytes; jieba's own has 5 million


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
        """Read a file instead of jieba's dictionary, and a file of further words; invalid entries are a `DataError`."""
        words = _content("dictionary", dictionary)
        made = cls(words, _content("user_dict", user_dict) or b"", dictionary or user_dict or "")
        if words is not None:
            _check_words(words, dictionary or "")
        _check_user(made.user, user_dict or "")
        return made

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
        before = set(jieba.finalseg.Force_Split_Words)
        tokenizer.load_userdict(io.BytesIO(self.user))
        split = jieba.finalseg.Force_Split_Words - before
        jieba.finalseg.Force_Split_Words -= split  # they belong to this dictionary alone
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


def _content(argument: str, path: str | None) -> bytes | None:
    if path is None:
        return None
    file = Path(path).expanduser()
    if not file.is_file():
        raise ArgumentError(argument, "a file of words", path, "That is a folder." if file.is_dir() else "")
    lines = file.read_bytes().removeprefix(codecs.BOM_UTF8).splitlines()
    return b"".join(line + b"\n" for line in lines if line.strip())


def _check_words(content: bytes, name: str) -> None:
    total = 0
    for number, line in enumerate(content.splitlines(), 1):
        try:
            word, frequency = line.strip().decode("utf-8").split(" ")[:2]
            count = int(frequency)
        except ValueError:
            count, word = -1, ""
        if count < 0 or not word:
            raise DataError(
                f"{name}, line {number:,}: expected a word, a space and its frequency, in UTF-8, got "
                f"{line[:60].decode('utf-8', 'replace')!r}."
            )
        total += count
    if not total:
        raise DataError(f"{name}: expected words with frequencies, got none.")


def _check_user(content: bytes, name: str) -> None:
    for number, line in enumerate(content.splitlines(), 1):
        try:
            line.decode("utf-8")
        except UnicodeDecodeError:
            got = repr(line[:60].decode("utf-8", "replace"))
            raise DataError(f"{name}, line {number:,}: expected UTF-8, got {got}.") from None
