"""Diagnosis of a run: rules that explain its result from the files in its folder. Without torch, so it is fast."""

from __future__ import annotations

from dlcore.diagnosis.diagnosis import Diagnosis, diagnose
from dlcore.diagnosis.rule import Finding

__all__ = ["Diagnosis", "Finding", "diagnose"]
