"""Bits per character of a text under interpolated modified Kneser-Ney models on characters: the baseline of a network.

Run: python benchmarks/kneser_ney.py FILE [--orders 1 2 3 4 5 6] [--without_titles] [--samples FILE]
FILE has documents separated by blank lines. Documents 19, 39, 59, ... (counted from 0) are held out, the others are
for training. A line break within a document is a character. Each held-out document has one END symbol: its bits count,
but it is not a character (a second figure counts it as one). Nothing is tuned on the held-out documents.
--without_titles leaves out the first line of each document, which costs few bits if it is one of some hundred tunes.
Characters that are not in the training documents are one symbol, unknown; the interpolation's base distribution
(1 / (V + 1) for each of V known symbols and for unknown) gives it a probability. The last figure also adds
log2(0x110000) bits for each of them, to specify the character.
With --samples, a file of generated documents separated by blank lines: print the longest span copied from the training
documents and distinct-2, the fraction of distinct bigrams among all bigrams of characters (within documents), and the
same for as many held-out characters.

The model: Chen and Goodman, An empirical study of smoothing techniques for language modeling (1998), section 3:
three discounts an order, from counts of counts; n-grams at a document's beginning keep their own counts.
"""

from __future__ import annotations

import argparse
import re
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dlcore.text.copied_text import distinct, joined, longest_copy

CODE_POINTS = 0x110000
FALLBACK = (0.5, 1.0, 1.5)  # discounts if the counts of counts give none, in very small texts


def read_documents(path: Path) -> list[str]:
    """Return the documents of a UTF-8 file, separated by blank lines."""
    text = path.read_text(encoding="utf-8-sig").replace("\r\n", "\n")
    return [document.strip("\n") for document in re.split(r"\n(?:[ \t\u3000]*\n)+", text) if document.strip()]


def hold_out(documents: list[str], every: int = 20) -> tuple[list[str], list[str]]:
    """Return the training documents, and the held-out ones: the last of each `every`."""
    held_out = documents[every - 1 :: every]
    return [document for index, document in enumerate(documents) if index % every != every - 1], held_out


class Alphabet:
    """Ids of symbols: the characters of the training documents, then END, unknown, and BEGIN."""

    def __init__(self, documents: list[str]) -> None:
        self.chars = sorted(set("".join(documents)))
        self.number = {char: index for index, char in enumerate(self.chars)}
        self.end = len(self.chars)
        self.unknown = self.end + 1
        self.begin = self.end + 2
        self.known = self.end + 1  # characters and END
        self.size = self.end + 3

    def encode(self, documents: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return all symbols, each document as BEGIN, characters, END; and each symbol's position in its document."""
        symbols: list[int] = []
        depths: list[int] = []
        for document in documents:
            numbers = [self.number.get(char, self.unknown) for char in document]
            symbols += [self.begin, *numbers, self.end]
            depths += range(len(numbers) + 2)
        return np.array(symbols, dtype=np.int64), np.array(depths, dtype=np.int64)


@dataclass
class Level:
    """The statistics of an order: discounted counts of its n-grams; total and freed mass of its contexts."""

    keys: np.ndarray  # sorted: context * alphabet size + symbol
    discounted: np.ndarray  # of each n-gram
    total: np.ndarray  # of each context
    freed: np.ndarray  # of each context: the sum of the discounts


class Counts:
    """Ids and counts of all n-grams of a text up to an order."""

    def __init__(self, documents: list[str], alphabet: Alphabet, order: int) -> None:
        self.alphabet = alphabet
        self.order = order
        symbols, depths = alphabet.encode(documents)
        self.keys: list[np.ndarray] = []
        self.contexts: list[int] = []  # number of possible contexts of each order
        raw: list[np.ndarray] = []
        first: list[np.ndarray] = []  # first position of each n-gram
        ends: list[np.ndarray] = []  # id of the n-gram that ends at each symbol
        context = np.zeros_like(symbols)
        number_of_contexts = 1
        for n in range(1, order + 1):
            places = np.flatnonzero(depths >= max(n - 1, 1))  # not BEGIN itself, and not across BEGIN
            keys, index, inverse, count = np.unique(
                context[places] * alphabet.size + symbols[places],
                return_index=True,
                return_inverse=True,
                return_counts=True,
            )
            end = np.full(len(symbols), -1, dtype=np.int64)
            end[places] = inverse
            self.keys.append(keys)
            self.contexts.append(number_of_contexts)
            raw.append(count)
            first.append(places[index])
            ends.append(end)
            if n == 1:  # BEGIN is a context, but is never predicted
                end[depths == 0] = len(keys)
            number_of_contexts = len(keys) + (n == 1)
            context = np.concatenate([[-1], end[:-1]])
        self.raw = raw
        self.continuations = []  # number of symbols before each n-gram; at a document's beginning, its count
        for n in range(1, order):
            follows = np.bincount(ends[n - 1][first[n]], minlength=len(raw[n - 1]) + (n == 1))[: len(raw[n - 1])]
            at_beginning = depths[first[n - 1]] == n - 1
            self.continuations.append(np.where(at_beginning, raw[n - 1], follows))

    def level(self, n: int, highest: bool) -> Level:
        """Return the discounted counts of order `n`: occurrences in the model's highest order, else continuations."""
        counts = self.raw[n - 1] if highest else self.continuations[n - 1]
        discounts = np.array([0.0, *discounts_of(counts)])[np.minimum(counts, 3)]
        contexts = self.keys[n - 1] // self.alphabet.size
        size = self.contexts[n - 1]
        return Level(
            self.keys[n - 1],
            counts - discounts,
            np.bincount(contexts, counts, size),
            np.bincount(contexts, discounts, size),
        )


def discounts_of(counts: np.ndarray) -> tuple[float, float, float]:
    """Return the discounts of counts of 1, of 2, and of 3 or more."""
    ones, twos, threes, fours = (float((counts == value).sum()) for value in (1, 2, 3, 4))
    if not (ones and twos and threes):
        return FALLBACK
    y = ones / (ones + 2 * twos)
    found = (1 - 2 * y * twos / ones, 2 - 3 * y * threes / twos, 3 - 4 * y * fours / threes)
    return found if all(0 < value < limit for limit, value in enumerate(found, 1)) else FALLBACK


class KneserNey:
    """An interpolated modified Kneser-Ney model.

    Args:
        counts: Counts of the training documents, at least up to `order`.
        order: Maximum number of symbols in an n-gram, including the predicted one.
    """

    def __init__(self, counts: Counts, order: int) -> None:
        self.alphabet = counts.alphabet
        self.levels = [counts.level(n, highest=n == order) for n in range(1, order + 1)]

    def _find(self, n: int, contexts: np.ndarray, symbols: np.ndarray) -> np.ndarray:
        """Return the ids of n-grams; -1 for those not in the training documents."""
        keys = self.levels[n - 1].keys
        wanted = contexts * self.alphabet.size + symbols
        places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return np.where((contexts >= 0) & (keys[places] == wanted), places, -1)

    def _contexts(self, symbols: np.ndarray, depths: np.ndarray) -> list[np.ndarray]:
        """Return, for each order, the id of the context before each symbol; -1 if there is none."""
        contexts = [np.zeros_like(symbols)]
        for n in range(1, len(self.levels)):
            end = self._find(n, contexts[-1], symbols)
            if n == 1:
                end = np.where(symbols == self.alphabet.begin, len(self.levels[0].keys), end)
            context = np.concatenate([[-1], end[:-1]])
            contexts.append(np.where(depths >= n, context, -1))
        return contexts

    def _probabilities(self, contexts: list[np.ndarray], symbols: np.ndarray) -> np.ndarray:
        """Return the probability of each symbol given its contexts."""
        probability = np.full(len(symbols), 1 / (self.alphabet.known + 1))
        for n, (level, context) in enumerate(zip(self.levels, contexts, strict=True), 1):
            ngram = self._find(n, context, symbols)
            total = np.where(context >= 0, level.total[context], 0)
            seen = np.where(ngram >= 0, level.discounted[ngram], 0)
            with np.errstate(divide="ignore", invalid="ignore"):
                higher = (seen + level.freed[context] * probability) / total
            probability = np.where(total > 0, higher, probability)
        return probability

    def bits(self, documents: list[str]) -> np.ndarray:
        """Return the bits of each character and each END, in order."""
        symbols, depths = self.alphabet.encode(documents)
        probability = self._probabilities(self._contexts(symbols, depths), symbols)
        return -np.log2(probability[depths > 0])

    def distribution(self, history: str) -> np.ndarray:
        """Return the probability of each known symbol, END, and unknown after the first characters of a document."""
        symbols, depths = self.alphabet.encode([history])  # END is at the position of the next symbol
        contexts = [np.repeat(level[-1:], self.alphabet.known + 1) for level in self._contexts(symbols, depths)]
        return self._probabilities(contexts, np.arange(self.alphabet.known + 1))


def compare(samples: list[str], training: list[str], held_out: list[str]) -> None:
    """Print the two figures of generated documents, and those of as many held-out characters."""
    budget = sum(map(len, samples))
    alike: list[str] = []
    for document in held_out:
        if budget <= 0:
            break
        alike.append(document[:budget])
        budget -= len(alike[-1])
    for name, documents in (("samples", samples), ("held out", alike)):
        span = longest_copy(documents, joined(training))
        print(
            f"{name:>9}: {sum(map(len, documents)):,} characters, distinct-2 {distinct(documents, 2):.3f}, "
            f"longest span copied from training {len(span)} characters: {span.replace(chr(10), ' / ')}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="UTF-8 text, documents parted by blank lines")
    parser.add_argument("--orders", type=int, nargs="+", default=[1, 2, 3, 4, 5, 6], help="orders of the models")
    parser.add_argument("--without_titles", action="store_true", help="leave out the first line of each document")
    parser.add_argument("--samples", type=Path, help="generated documents, parted by blank lines")
    arguments = parser.parse_args()
    if min(arguments.orders) < 1:
        parser.error(f"--orders must be 1 or more, not {min(arguments.orders)}")
    try:
        documents = read_documents(arguments.file)
        samples = read_documents(arguments.samples) if arguments.samples else []
    except (OSError, UnicodeDecodeError) as error:
        parser.error(str(error))
    if arguments.samples and not samples:
        parser.error(f"--samples: {arguments.samples} holds no text")
    if arguments.without_titles:
        documents = [body for _, line_break, body in (text.partition("\n") for text in documents) if line_break]
    training, held_out = hold_out(documents)
    if not held_out:
        parser.error(f"{arguments.file} has {len(training)} documents; at least 20 are needed to hold one out")
    start = time.process_time()
    alphabet = Alphabet(training)
    counts = Counts(training, alphabet, max(arguments.orders))
    counting = time.process_time() - start
    characters = sum(map(len, held_out))
    unknown = sum(char not in alphabet.number for document in held_out for char in document)
    print(
        f"counted: {len(training):,} documents, {sum(map(len, training)):,} characters, {len(alphabet.chars):,} "
        f"distinct, {counting:.1f} s; held out: {len(held_out):,} documents, {characters:,} characters, "
        f"{unknown:,} of them unknown ({unknown / characters:.3%})"
    )
    print("order  bits/char  END as a character  unknown spelled out  CPU s")
    for order in arguments.orders:
        start = time.process_time()
        bits = float(KneserNey(counts, order).bits(held_out).sum())
        with_end = bits / (characters + len(held_out))
        spelled = (bits + unknown * np.log2(CODE_POINTS)) / characters
        seconds = time.process_time() - start
        print(f"{order:5d}  {bits / characters:9.4f}  {with_end:18.4f}  {spelled:19.4f}  {seconds:5.1f}")
    if samples:
        compare(samples, training, held_out)


if __name__ == "__main__":
    main()
