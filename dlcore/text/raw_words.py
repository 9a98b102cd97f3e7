"""Step 1 of a token store: the corpus as raw ids, in temporary files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from dlcore.text.corpus_files import TextFile
from dlcore.text.documents import Documents, read_blocks
from dlcore.text.parallel_segmentation import cut_blocks
from dlcore.text.segmentation import Segmenter

_SLICE = 1 << 20  # raw ids processed at a time
_FEW_DOCUMENTS = 40  # fewer are cut into pieces
_PIECES = 200
_LEAST_PIECE = 50  # words
_BREAKS = ("\n", "\n。！？!?", "")  # where documents are cut: the first that gives enough pieces; the last is anywhere


class RawWords:
    """A corpus as raw ids, in files of a folder.

    Attributes:
        count: Number of words (N).
        offsets: Start of each document, and N (D + 1,), int64.
    """

    def __init__(
        self, folder: Path, files: Sequence[TextFile], segmenter: Segmenter, documents: Documents, processes: int | None
    ) -> None:
        others: dict[str, int] = {}
        first = 0
        open_length, goes_on = 0, False
        total = sum(file.size for file in files)
        with (folder / "raw").open("wb") as raw, (folder / "lengths").open("wb") as lengths:
            for block, cut in cut_blocks(read_blocks(files, documents), segmenter, documents, total, processes):
                first = segmenter.first_other
                numbers = cut.raw
                if cut.others:
                    own = [first + others.setdefault(word, len(others)) for word in cut.others]
                    numbers = numbers.copy()
                    places = numbers >= first
                    numbers[places] = np.array(own, dtype=np.uint32)[numbers[places] - first]
                numbers.tofile(raw)
                found = cut.lengths.copy()
                if goes_on:
                    found[0] += open_length
                goes_on, open_length = not block.ends, 0
                if goes_on and len(found):
                    open_length, found = int(found[-1]), found[:-1]
                found[found > 0].astype("<u8").tofile(lengths)
        self._path = folder / "raw"
        self.count = self._path.stat().st_size // 4
        sizes = np.fromfile(folder / "lengths", dtype="<u8")
        self.offsets = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
        self._segmenter, self._others = segmenter, list(others)
        self._first_other = segmenter.first_other

    @property
    def size(self) -> int:
        """The raw ids' upper bound, exclusive."""
        return self._first_other + len(self._others)

    def text(self, number: int) -> str:
        """Return the word of a raw id."""
        if number < self._first_other:
            return self._segmenter.known(number)
        return self._others[number - self._first_other]

    def slices(self) -> Iterator[tuple[int, np.ndarray]]:
        """Yield the raw ids (see `Segmenter.raw`) a slice at a time, with the start of each slice."""
        with self._path.open("rb") as file:
            for start in range(0, self.count, _SLICE):
                yield start, np.fromfile(file, dtype=np.uint32, count=_SLICE)

    def document_lengths(self, start: int, stop: int) -> tuple[slice, np.ndarray, np.ndarray]:
        """Return the documents in a slice: their indices, the words of each in the slice, and whether it ends there."""
        first = int(np.searchsorted(self.offsets, start, side="right")) - 1
        last = int(np.searchsorted(self.offsets, stop, side="left"))
        bounds = self.offsets[first : last + 1]
        ends = bounds[1:] <= stop
        return slice(first, last), np.diff(bounds.clip(start, stop)), ends

    def cut_documents(self) -> bool:
        """Cut documents into pieces if there are too few to hold some out; return whether that was done."""
        before = self.offsets
        for signs in _BREAKS:
            if len(self.offsets) > _FEW_DOCUMENTS:
                break
            self.offsets = self._pieces(before, signs)
        return len(self.offsets) > len(before)

    def _pieces(self, offsets: np.ndarray, signs: str) -> np.ndarray:
        """Return offsets of documents cut after signs, as evenly as possible; an empty string allows any position."""
        least = max(_LEAST_PIECE, self.count // _PIECES)
        codes = np.array([ord(sign) for sign in signs], dtype=np.uint32)
        ends, document, made = offsets[1:].tolist(), 0, [0]
        for start, numbers in self.slices():
            places = start + 1 + (np.flatnonzero(np.isin(numbers, codes)) if signs else np.arange(len(numbers)))
            while document < len(ends):
                if made[-1] + least > ends[document] - least:  # too short to be cut again
                    made.append(ends[document])
                    document += 1
                    continue
                chosen = int(np.searchsorted(places, made[-1] + least))
                if chosen == len(places):
                    break  # the next slice may have one
                if places[chosen] <= ends[document] - least:
                    made.append(int(places[chosen]))
                else:
                    made.append(ends[document])
                    document += 1
        return np.array([*made, *ends[document:]], dtype=np.int64)
