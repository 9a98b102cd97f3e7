"""Names of very many files, kept in one piece of memory.

Shapes: M files.
"""

from __future__ import annotations

import hashlib
import os
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, overload

import numpy as np

from dlcore.plain_text import decoded_name

PIECE = 4096  # names that exist as strings at once


class FileNames(Sequence[str]):
    """M names, each as its bytes, a zero byte and 8 bytes for its place: a list of strings takes three times as much.

    Args:
        names: The names.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._bytes, self._ends, self._decoded = bytearray(), array("q", [0]), False
        self.extend(names)

    def extend(self, names: Iterable[str]) -> None:
        """Append names."""
        rest = iter(names)
        while piece := list(islice(rest, PIECE)):
            packed = os.fsencode("\0".join(piece) + "\0")
            ends = np.flatnonzero(np.frombuffer(packed, dtype=np.uint8) == 0) + 1 + len(self._bytes)
            self._ends.frombytes(ends.astype(np.int64).tobytes())
            self._bytes += packed

    def decoded(self) -> FileNames:
        """Return the same names for reading, as `decoded_name` gives them; the memory is shared."""
        shown = FileNames()
        shown._bytes, shown._ends, shown._decoded = self._bytes, self._ends, True
        return shown

    @property
    def hash(self) -> str:
        """Hash of the names, as `dlcore.cache.hash_of` gives it."""
        return hashlib.sha256(self._bytes).hexdigest()

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the names take."""
        return len(self._bytes) + len(self._ends) * self._ends.itemsize

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, place: int) -> str: ...

    @overload
    def __getitem__(self, place: slice) -> list[str]: ...

    def __getitem__(self, place: int | slice) -> str | list[str]:
        """Return a name, or those of a slice."""
        if not isinstance(place, slice):
            place = range(len(self))[place]
            return self._read(place, place + 1)[0]
        start, stop, step = place.indices(len(self))
        if step != 1:
            return [self[each] for each in range(start, stop, step)]
        return self._read(start, stop) if start < stop else []

    def __iter__(self) -> Iterator[str]:
        return self.between(0, len(self))

    def between(self, start: int, stop: int) -> Iterator[str]:
        """Yield the names from one place to before another."""
        for place in range(start, stop, PIECE):
            yield from self[place : min(place + PIECE, stop)]

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(str.__eq__, self, other))

    __hash__ = None  # type: ignore[assignment]  # names may be appended

    def _read(self, start: int, stop: int) -> list[str]:
        names = os.fsdecode(bytes(self._bytes[self._ends[start] : self._ends[stop] - 1])).split("\0")
        return [decoded_name(name) for name in names] if self._decoded else names
