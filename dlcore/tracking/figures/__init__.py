"""Figures that dlcore draws. matplotlib is imported when the first one is drawn."""

from dlcore.tracking.figures.confusion_matrix import confusion_matrix
from dlcore.tracking.figures.layer_by_step import layer_by_step
from dlcore.tracking.figures.learning_curves import learning_curves

__all__ = ["confusion_matrix", "layer_by_step", "learning_curves"]
