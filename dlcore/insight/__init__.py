"""What can be known before a network is trained: its shape, its gradients, its learning rate, its activations."""

from dlcore.insight.activation_curves import activation_curve
from dlcore.insight.gradient_check import GradientReport, check_gradients
from dlcore.insight.lr_range_test import RangeTest, lr_range_test
from dlcore.insight.model_summary import ModelSummary, summarize_model
from dlcore.insight.schedule_preview import SchedulePreview, preview_schedule

__all__ = [
    "GradientReport",
    "ModelSummary",
    "RangeTest",
    "SchedulePreview",
    "activation_curve",
    "check_gradients",
    "lr_range_test",
    "preview_schedule",
    "summarize_model",
]
