"""Why a run went well or badly: rules that look at what lies in its folder. No torch in here: it answers at once."""

from __future__ import annotations

from dlcore.diagnosis.diagnosis import Diagnosis, diagnose
from dlcore.diagnosis.finding import Finding

__all__ = ["Diagnosis", "Finding", "diagnose"]
