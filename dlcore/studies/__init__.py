"""Studies: lessons as experiments. Variants become runs, runs become a table, a picture, a report and verdicts.

``run_study(read_study(find_study("scaling")))`` is what ``python -m dlcore study scaling`` does.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from dlcore.studies.study import Claim, Study, Variant
from dlcore.studies.study_file import find_study, read_study, study_names

if TYPE_CHECKING:
    from dlcore.studies.outcome import Outcome
    from dlcore.studies.study_runner import Listener, run_studies, run_study

__all__ = [
    "Claim", "Listener", "Outcome", "Study", "Variant", "find_study", "read_study", "run_studies", "run_study",
    "study_names",
]  # fmt: skip
_HEAVY = {"Outcome": "outcome", "Listener": "study_runner", "run_study": "study_runner", "run_studies": "study_runner"}


def __getattr__(name: str) -> Any:
    # Running a study needs numpy and joblib; lists and help must not import them.
    if name in _HEAVY:
        return getattr(importlib.import_module(f"dlcore.studies.{_HEAVY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
