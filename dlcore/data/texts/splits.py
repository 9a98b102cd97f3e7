"""Split texts into training, validation and test: by folder, in groups that stay together, or at random.

Shapes: N texts.
"""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np

from dlcore.data.batches import epoch_order
from dlcore.data.tables.row_splits import cut, part_size
from dlcore.data.texts.sources import Texts
from dlcore.errors import ArgumentError


def split_texts(
    texts: Texts, kept: np.ndarray, classes: np.ndarray, sizes: dict[str, float], seed: int
) -> dict[str, np.ndarray]:
    """Return the texts of each part, of those that are used (N,); classes are those of all texts.

    sizes has ``test_size`` and ``val_size``, of the texts that no folder assigns to validation or test.
    """
    chosen = {}
    if texts.parts is not None:
        of = np.array(texts.parts)[kept]
        chosen = {part: kept[of == part] for part in ("val", "test") if (of == part).any()}
        kept = kept[of == "train"]
        sizes = {
            argument: 0.0 if argument.removesuffix("_size") in chosen else size for argument, size in sizes.items()
        }
    if texts.groups is not None:
        places = cut_groups(np.array(texts.groups)[kept], classes[kept], sizes, seed)
        train, test, val = (kept[own] for own in places)
    else:
        train, test, val = cut(kept, classes[kept], sizes, seed)
    return {"train": train, "val": val, "test": test, **chosen}


def cut_groups(
    groups: np.ndarray, classes: np.ndarray, sizes: dict[str, float], seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Split texts in three so that no group is in two parts: return the training, test and validation texts.

    sizes has ``test_size`` and ``val_size``, of all texts, reached to the nearest group. Each class loses its share,
    and so do the groups that have texts of several classes.
    """
    kinds: dict[int, set[int]] = defaultdict(set)
    for group, label in zip(groups.tolist(), classes.tolist(), strict=True):
        kinds[group].add(label)
    counts = Counter(groups.tolist())
    strata: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for group, labels in kinds.items():
        strata[tuple(labels) if len(labels) == 1 else ()].append(group)
    held: dict[str, list[int]] = {argument: [] for argument in sizes}
    for place, own in enumerate(strata.values()):
        left = [own[number] for number in epoch_order(len(own), seed * 31 + place, epoch=-1).tolist()]
        total = sum(counts[group] for group in own)
        for argument, size in sizes.items():
            wanted = part_size(argument, size, len(groups)) * total / len(groups)
            taken = 0
            while left and taken + counts[left[-1]] / 2 < wanted:
                taken += counts[left[-1]]
                held[argument].append(left.pop())
            if not left:
                raise ArgumentError(argument, "so few that texts of each kind are left to train with", size)
    test, val = (np.isin(groups, held[argument]) for argument in ("test_size", "val_size"))
    return tuple(np.flatnonzero(chosen) for chosen in (~test & ~val, test, val))  # type: ignore[return-value]
