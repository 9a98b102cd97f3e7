"""Analysis before training: data, model shape, gradients, learning rate, config."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dlcore.insight.activation_curves import activation_curve
    from dlcore.insight.config_sources import config_lines
    from dlcore.insight.gradient_check import GradientReport, check_gradients
    from dlcore.insight.lr_range_test import RangeTest, find_learning_rate
    from dlcore.insight.model_summary import ModelSummary, summarize_model
    from dlcore.insight.picture_data import summarize_pictures
    from dlcore.insight.preflight import PreflightReport, check_recipe, check_training
    from dlcore.insight.schedule_preview import SchedulePreview, preview_schedule
    from dlcore.insight.table_columns import summarize_table

__all__ = [
    "GradientReport",
    "ModelSummary",
    "PreflightReport",
    "RangeTest",
    "SchedulePreview",
    "activation_curve",
    "check_gradients",
    "check_recipe",
    "check_training",
    "config_lines",
    "find_learning_rate",
    "preview_schedule",
    "summarize_model",
    "summarize_pictures",
    "summarize_table",
]
_FILES = {
    "GradientReport": "gradient_check",
    "ModelSummary": "model_summary",
    "PreflightReport": "preflight",
    "RangeTest": "lr_range_test",
    "SchedulePreview": "schedule_preview",
    "activation_curve": "activation_curves",
    "check_gradients": "gradient_check",
    "check_recipe": "preflight",
    "check_training": "preflight",
    "config_lines": "config_sources",
    "find_learning_rate": "lr_range_test",
    "preview_schedule": "schedule_preview",
    "summarize_model": "model_summary",
    "summarize_pictures": "picture_data",
    "summarize_table": "table_columns",
}


def __getattr__(name: str) -> Any:
    # Import on demand: most of them need Lightning, whose import takes seconds; activation curves do not.
    if name in _FILES:
        return getattr(importlib.import_module(f"dlcore.insight.{_FILES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
