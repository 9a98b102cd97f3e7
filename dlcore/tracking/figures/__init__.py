"""Figures that dlcore draws. matplotlib is imported when the first one is drawn."""

from dlcore.tracking.figures.activation_rows import activation_rows
from dlcore.tracking.figures.activation_sheet import activation_sheet
from dlcore.tracking.figures.confusion_matrix import confusion_matrix
from dlcore.tracking.figures.layer_by_step import layer_by_step
from dlcore.tracking.figures.learning_curves import learning_curves
from dlcore.tracking.figures.lr_range import lr_range
from dlcore.tracking.figures.schedule_curve import schedule_curve

__all__ = [
    "activation_rows",
    "activation_sheet",
    "confusion_matrix",
    "layer_by_step",
    "learning_curves",
    "lr_range",
    "schedule_curve",
]
