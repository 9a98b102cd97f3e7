"""Check: does the validation set contain samples of the training set?

Shapes: N samples.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from dlcore.data.array_data import ArrayData, Split
from dlcore.data.text_data import TextData
from dlcore.insight.preflight.case import Case
from dlcore.insight.preflight.report import CheckResult
from dlcore.translation import _

# Most samples and bytes to inspect per part.
_SAMPLES, _BYTES = 20_000, 400_000_000
_SOME, _MOST = 0.01, 0.5  # shares of the validation samples: a warning, a failure


def check_overlap(case: Case, result: CheckResult) -> None:
    """Compare hashes of the first samples of both sets."""
    data = case.datamodule
    if not isinstance(data, ArrayData | TextData):
        result.skip(_("{data} does not hold its samples in memory").format(data=type(data).__name__))
        return
    train, val = data.parts["train"], data.parts["val"]
    unit = _("documents") if isinstance(data, TextData) else _("samples")
    if _same(train, val):
        seen = _("the training {unit} are also the validation {unit}: val/… does not measure new ones ({remedy})")
        # Without held-out samples this is intended, as for the small data of a lesson.
        result.numbers["share"] = 1.0
        result.ok(seen.format(unit=unit, remedy=case.flag("data", "val_size", 0.2, _("holds some out"))))
        return
    known = Counter(_hashes(train))
    found = list(_hashes(val))
    again = sum(digest in known for digest in found)
    repeated = sum(known.values()) - len(known)
    share, within = again / max(len(found), 1), repeated / max(sum(known.values()), 1)
    result.numbers |= {"share": share, "repeated": float(repeated), "repeated_share": within}
    hashed, count = sum(known.values()), len(train) if isinstance(train, Split) else train.documents
    looked = _("{again:,} of {found:,} validation {unit} are copies of training {unit}")
    looked = looked.format(again=again, found=len(found), unit=unit)
    if hashed < count:
        looked += _(" (compared with {hashed:,} of {count:,})").format(hashed=hashed, count=count)
    if repeated:
        looked += _("; {repeated:,} training {unit} are copies of others").format(repeated=repeated, unit=unit)
    # Rows of a few categories repeat naturally, in training as in validation.
    natural = (
        isinstance(train, Split)
        and train.inputs.dim() == 2
        and within > share / 2
        and all(len(column.unique()) <= 20 for column in train.inputs[train.indices[:1000]].T)
    )
    if share <= _SOME or natural:
        result.ok(looked)
        return
    note = result.fail if share > _MOST else result.warn
    note(
        _("{seen}: val/… will look better than the network is").format(seen=looked),
        _("take the copies out of the files, or hold out others"),
        expected=_("none"),
    )


def _same(train: Any, val: Any) -> bool:
    """Return whether one set is the other, or contains all of it by index."""
    if train is val:
        return True
    if not isinstance(train, Split):
        return bool(train.tokens is val.tokens)
    if train.inputs is not val.inputs:
        return False
    return bool(torch.isin(val.indices, train.indices).all())


def _hashes(part: Any) -> Iterator[int]:
    """Yield a hash for each sample, the same for the same content."""
    if isinstance(part, Split):
        first = part.inputs[:1]
        most = min(_SAMPLES, max(1, _BYTES // max(first.numel() * first.element_size(), 1)))
        yield from part.hashes(most)
        return
    offsets = np.asarray(part.offsets[: _SAMPLES + 1]).astype(np.int64)
    for begin, end in pairwise(offsets):
        yield hash(part.tokens[begin:end].tobytes())
