"""Texts and rules of which the tests make token stores."""

import random

from dlcore.text.dictionary import Dictionary
from dlcore.text.segmentation import Segmenter
from dlcore.text.store_building import Rules

RULES = Rules("blank_line", min_freq=3, split=True, val_size=0.05, test_size=0.05)
CHARACTERS = Segmenter(None)
WORDS = Dictionary("明月 9\n东风 7\n何处 5\n几时 3\n有 9\n人 9\n".encode())


def poems(count, seed=0):
    """Documents of one to four lines."""
    chance = random.Random(seed)
    pieces = ["明月", "东风", "何处", "几时", "有", "人", "，", "。", "a", "bc", "罕"]
    lines = [["".join(chance.choices(pieces, k=9)) for _ in range(chance.randint(1, 4))] for _ in range(count)]
    return ["\n".join(lines_of) for lines_of in lines]
