"""Errors of text in another encoding than given: which encodings can read the file, with a sample of each."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from dlcore.errors import DataError

_LOOKED_AT = 1 << 26  # bytes that are read
_SURE = 10  # this many letters of valid UTF-8 outside ASCII are no accident


def wrong_encoding(path: Path, encoding: str) -> DataError:
    """Return the error of a file that cannot be decoded."""
    with path.open("rb") as file:
        content = file.read(_LOOKED_AT)
    content = content[: content.rfind(b"\n") + 1] if len(content) == _LOOKED_AT else content
    start = _first_wrong(content, encoding) or 0
    number = content.count(b"\n", 0, start) + 1
    line = content[content.rfind(b"\n", 0, start) + 1 :].split(b"\n", 1)[0]
    said = f"{path}, line {number:,}: expected text in {encoding}, got other bytes."
    text = content.decode("utf-8", "replace")
    wrong = text.count("\ufffd")
    if 0 < wrong < sum(letter > "\x7f" for letter in text) - wrong:  # most text outside ASCII is valid UTF-8
        return DataError(f"{said} The file is UTF-8 except for some bytes: correct the line, or save the file again.")
    runs = re.findall(rb"[\x80-\xff]+", content)
    western = sum(len(run) == 1 for run in runs) > len(runs) / 2  # a Chinese character has two bytes
    likely = ("cp1252", "latin-1", "gb18030") if western else ("gb18030", "cp1252", "latin-1")
    found = [name for name in ("utf-8", *likely) if _first_wrong(content, name) is None]
    if "utf-8" in found:
        found = ["utf-8"]
    elif "cp1252" in found:
        found.remove("latin-1")
    ways = [f"{_sample(line.decode(name))!r} (--data.encoding {name})" for name in found]
    remedy = f"Choose the encoding that reads this line right: {' or '.join(ways)}." if ways else "Save it as UTF-8."
    return DataError(f"{said} {remedy}")


def check_not_utf8(path: Path, encoding: str, beginning: bytes) -> None:
    """Raise a `DataError` if a file with another given encoding is plainly UTF-8, which many encodings misread."""
    if codecs.lookup(encoding).name.startswith("utf"):
        return
    text = beginning.decode("utf-8", "ignore")
    marked = text.startswith("\ufeff")
    others = sum(letter > "\x7f" for letter in text)
    if (marked or others >= _SURE) and len(text.encode()) > len(beginning) - 4:  # a letter may be cut at the end
        raise DataError(
            f"{path}: expected text in {encoding}, got UTF-8 ({_sample(text)!r}). Give it (--data.encoding utf-8)."
        )


def _first_wrong(content: bytes, encoding: str) -> int | None:
    """Return the position of the first byte that cannot be decoded."""
    try:
        content.decode(encoding)
    except UnicodeDecodeError as error:
        return error.start
    except UnicodeError:  # UTF-16 without byte order mark
        return 0
    return None


def _sample(text: str) -> str:
    """Return the first word with a letter outside ASCII."""
    found = re.search(r"\w*[^\x00-\x7f\ufeff]\w*", text)
    return found[0][:20] if found else text[:20]
