"""Split texts into training, validation and test: by folder, in groups that stay together, or at random.

Shapes: N texts.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from dlcore.data.splits import HoldOut
from dlcore.data.texts.sources import Texts


def split_texts(
    texts: Texts, kept: np.ndarray, classes: np.ndarray, hold_out: HoldOut, own: Collection[str] = ()
) -> dict[str, np.ndarray]:
    """Return the texts of each part, of those that are used (N,); classes are those of all texts.

    Nothing is held out for parts of their own, nor for those that a folder assigns to validation or test.
    """
    chosen = {}
    if texts.parts is not None:
        of = np.array(texts.parts)[kept]
        chosen = {part: kept[of == part] for part in ("val", "test") if (of == part).any()}
        kept = kept[of == "train"]
    groups = None if texts.groups is None else np.array(texts.groups)[kept]
    train, test, val = hold_out.cut(kept, classes[kept], groups, {*own, *chosen})
    return {"train": train, "val": val, "test": test, **chosen}
