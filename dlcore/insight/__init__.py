"""Analysis: before training data, model shape, gradients, learning rate, config; after it, what decides an answer."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dlcore.insight.activation_curves import activation_curve
    from dlcore.insight.attribution.methods import attribute
    from dlcore.insight.attribution.pictures import explain_picture
    from dlcore.insight.attribution.tables import explain_rows, explain_table
    from dlcore.insight.attribution.trained import load_trained
    from dlcore.insight.config_sources import config_lines
    from dlcore.insight.gradient_check import GradientReport, check_gradients
    from dlcore.insight.lr_range_test import RangeTest, find_learning_rate
    from dlcore.insight.model_summary import ModelSummary, summarize_model
    from dlcore.insight.picture_data import summarize_pictures
    from dlcore.insight.preflight import PreflightReport, check_recipe, check_training
    from dlcore.insight.schedule_preview import SchedulePreview, preview_schedule
    from dlcore.insight.table_columns import summarize_table
    from dlcore.insight.text_memory import memory_of_run

__all__ = [
    "GradientReport", "ModelSummary", "PreflightReport", "RangeTest", "SchedulePreview", "activation_curve",
    "attribute", "check_gradients", "check_recipe", "check_training", "config_lines", "explain_picture", "explain_rows",
    "explain_table", "find_learning_rate", "load_trained", "memory_of_run", "preview_schedule", "summarize_model",
    "summarize_pictures", "summarize_table",
]  # fmt: skip
_FILES = {
    "activation_curves": ("activation_curve",),
    "attribution.methods": ("attribute",),
    "attribution.pictures": ("explain_picture",),
    "attribution.tables": ("explain_rows", "explain_table"),
    "attribution.trained": ("load_trained",),
    "config_sources": ("config_lines",),
    "gradient_check": ("GradientReport", "check_gradients"),
    "lr_range_test": ("RangeTest", "find_learning_rate"),
    "model_summary": ("ModelSummary", "summarize_model"),
    "picture_data": ("summarize_pictures",),
    "preflight": ("PreflightReport", "check_recipe", "check_training"),
    "schedule_preview": ("SchedulePreview", "preview_schedule"),
    "table_columns": ("summarize_table",),
    "text_memory": ("memory_of_run",),
}


def __getattr__(name: str) -> Any:
    # Import on demand: most of them need Lightning, whose import takes seconds; activation curves do not.
    for file, names in _FILES.items():
        if name in names:
            return getattr(importlib.import_module(f"dlcore.insight.{file}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
