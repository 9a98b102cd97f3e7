"""What can be known before a network is trained: its shape, its gradients, its learning rate, its activations."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dlcore.insight.activation_curves import activation_curve
    from dlcore.insight.gradient_check import GradientReport, check_gradients
    from dlcore.insight.lr_range_test import RangeTest, find_learning_rate
    from dlcore.insight.model_summary import ModelSummary, summarize_model
    from dlcore.insight.schedule_preview import SchedulePreview, preview_schedule

__all__ = [
    "GradientReport",
    "ModelSummary",
    "RangeTest",
    "SchedulePreview",
    "activation_curve",
    "check_gradients",
    "find_learning_rate",
    "preview_schedule",
    "summarize_model",
]
_FILES = {
    "GradientReport": "gradient_check",
    "ModelSummary": "model_summary",
    "RangeTest": "lr_range_test",
    "SchedulePreview": "schedule_preview",
    "activation_curve": "activation_curves",
    "check_gradients": "gradient_check",
    "find_learning_rate": "lr_range_test",
    "preview_schedule": "schedule_preview",
    "summarize_model": "model_summary",
}


def __getattr__(name: str) -> Any:
    # Most of them need Lightning, which takes seconds to import: a drawing of activations shall not wait for it.
    if name in _FILES:
        return getattr(importlib.import_module(f"dlcore.insight.{_FILES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
