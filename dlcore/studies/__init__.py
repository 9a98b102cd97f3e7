"""Studies: lessons as data. Variants become runs, runs become a table, a picture, a report and verdicts.

``run_study(read_study(find_study("scaling")))`` is what ``python -m dlcore study scaling`` does.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from dlcore.studies.study import Claim, Study, Variant
from dlcore.studies.study_file import find_study, read_study, study_names

if TYPE_CHECKING:
    from dlcore.studies.outcome import Outcome, run_study

__all__ = ["Claim", "Outcome", "Study", "Variant", "find_study", "read_study", "run_study", "study_names"]


def __getattr__(name: str) -> Any:
    # What carries studies out needs numpy and joblib; lists and help shall not wait for them.
    if name in ("Outcome", "run_study"):
        return getattr(importlib.import_module("dlcore.studies.outcome"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
