"""A dictionary as arrays: the trie of its words in a hash table, and their weights; kept in the user's cache folder.

The arrays are memory-mapped: loading takes no time, and processes share them.

Shapes: M nodes of the trie (words and their prefixes), H slots of the hash table, a power of two.
"""

from __future__ import annotations

import json
import math
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from dlcore.cache import cache_folder, cached_entry
from dlcore.text.dictionary import LOOKED_UP, Dictionary

_VERSION = 2  # increase it when the tables of the same words change
_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # 2^64 divided by the golden ratio: Fibonacci hashing
_CHARACTERS = 1 << 16


@dataclass(frozen=True)
class WordTables:
    """The trie of a dictionary's words."""

    root: np.ndarray  # the node of each character as a first one (65536,), int32; -1 if no word begins with it
    keys: np.ndarray  # hash table (H,), int64: parent node and character of an edge; -1 for a free slot
    nodes: np.ndarray  # the node at the end of each of these edges (H,), int32
    # log(frequency / sum of frequencies) of each node (M,), float64; -inf for a prefix that is no word
    weights: np.ndarray
    parents: np.ndarray  # the parent node (M,), int32; -1 for a first character
    characters: np.ndarray  # the last character (M,), int32
    unknown: float  # weight of a character that is no word
    force_split: tuple[str, ...]  # words that are never joined (of frequency 0 in the user's dictionary)

    @classmethod
    def of(cls, dictionary: Dictionary) -> WordTables:
        """Return the tables of a dictionary, from the cache if possible; else build and cache them."""
        place = cache_folder() / "words" / f"{dictionary.digest[:32]}-{_VERSION}"
        with suppress(OSError):  # the cache only saves a second
            return cached_entry(place, cls._load, lambda folder: cls._make(dictionary)._save(folder), keep_others=True)
        return cls._make(dictionary)

    @classmethod
    def _make(cls, dictionary: Dictionary) -> WordTables:
        frequencies, total, force_split = dictionary.read()
        log_total = math.log(total)
        words = [word for word in frequencies if LOOKED_UP.fullmatch(word)]
        number = {word: node for node, word in enumerate(words)}
        parents = np.array([number.get(word[:-1], -1) for word in words], dtype=np.int32)
        characters = np.array([ord(word[-1]) for word in words], dtype=np.int32)
        weights = np.array(
            [math.log(count) - log_total if (count := frequencies[word]) else -math.inf for word in words]
        )
        root = np.full(_CHARACTERS, -1, dtype=np.int32)
        first = np.flatnonzero(parents < 0)
        root[characters[first]] = first
        keys, nodes = _hash_table(parents, characters)
        # jieba's own formula, so that the last bit is the same
        return cls(root, keys, nodes, weights, parents, characters, math.log(1) - log_total, tuple(force_split))

    def _save(self, folder: Path) -> None:
        for name in _ARRAYS:
            np.save(folder / f"{name}.npy", getattr(self, name))
        text = json.dumps({"unknown": self.unknown.hex(), "force_split": self.force_split}, ensure_ascii=False)
        (folder / "more.json").write_text(text, encoding="utf-8")
        for file in folder.iterdir():
            file.chmod(0o600)

    @classmethod
    def _load(cls, folder: Path) -> WordTables | None:
        """Return the tables in a folder; None if they are missing or damaged."""
        try:
            more = json.loads((folder / "more.json").read_text(encoding="utf-8"))
            arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in _ARRAYS}
            return cls(**arrays, unknown=float.fromhex(more["unknown"]), force_split=tuple(more["force_split"]))
        except (OSError, ValueError, KeyError, EOFError):
            return None

    def follow(self, nodes: np.ndarray, characters: np.ndarray) -> np.ndarray:
        """Return the nodes reached from nodes by one more character each (N,), int32; -1 if no word continues so."""
        wanted = nodes.astype(np.int64) << 16 | characters
        places = _places(wanted, len(self.keys))
        met = self.keys[places]
        hit = met == wanted
        found = np.where(hit, self.nodes[places], -1)
        left = np.flatnonzero(~hit & (met >= 0))
        while len(left):  # linear probing: another edge has this slot, try the next one
            places[left] = next_places = places[left] + 1 & len(self.keys) - 1
            met = self.keys[next_places]
            hit = met == wanted[left]
            found[left[hit]] = self.nodes[next_places[hit]]
            left = left[~hit & (met >= 0)]
        return found

    def are_words(self, codes: np.ndarray, begins: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """Return whether stretches of a text (R,) are words; their characters are below 65536."""
        found = np.zeros(len(begins), dtype=bool)
        left, nodes, length = np.arange(len(begins)), self.root[codes[begins]], 1
        while len(left):
            lives = nodes >= 0
            left, nodes = left[lives], nodes[lives]
            ended = ends[left] - begins[left] == length
            found[left[ended]] = self.weights[nodes[ended]] > -math.inf
            left, nodes = left[~ended], nodes[~ended]
            nodes = self.follow(nodes, codes[begins[left] + length])
            length += 1
        return found

    def text(self, node: int) -> str:
        """Return the word of a node."""
        letters = []
        while node >= 0:
            letters.append(chr(self.characters[node]))
            node = int(self.parents[node])
        return "".join(reversed(letters))


_ARRAYS = [field.name for field in fields(WordTables) if field.type == "np.ndarray"]


def _places(keys: np.ndarray, size: int) -> np.ndarray:
    shift = np.uint64(64 - (size.bit_length() - 1))
    return (keys.view(np.uint64) * _FACTOR >> shift).view(np.int64)


def _hash_table(parents: np.ndarray, characters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Hash the edges of the trie; on a collision, the later edge goes to the next free slot."""
    size = 1 << max(4, (4 * len(parents)).bit_length() - 1)  # at most half full, a quarter at best
    keys, nodes = np.full(size, -1, dtype=np.int64), np.full(size, -1, dtype=np.int32)
    left = np.flatnonzero(parents >= 0)
    wanted = parents.astype(np.int64) << 16 | characters
    places = _places(wanted, size)
    while len(left):
        free = left[keys[places[left]] < 0]
        nodes[places[free]] = free  # of several edges for one slot, the last wins
        won = free[nodes[places[free]] == free]
        keys[places[won]] = wanted[won]
        placed = np.zeros(len(parents), dtype=bool)
        placed[won] = True
        left = left[~placed[left]]
        places[left] = places[left] + 1 & size - 1
    return keys, nodes
