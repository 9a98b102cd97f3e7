"""All figures of dlcore. matplotlib is imported when the first one is drawn."""

from dlcore.tracking.figures.activation_rows import activation_rows
from dlcore.tracking.figures.activation_sheet import activation_sheet
from dlcore.tracking.figures.captioned_pictures import captioned_pictures
from dlcore.tracking.figures.column_sheet import column_sheet
from dlcore.tracking.figures.confusion_matrix import confusion_matrix
from dlcore.tracking.figures.feature_maps import feature_maps
from dlcore.tracking.figures.hand_made_features import hand_made_features
from dlcore.tracking.figures.image_grid import image_grid
from dlcore.tracking.figures.kernels import kernels
from dlcore.tracking.figures.layer_maps import LayerMap, layer_maps
from dlcore.tracking.figures.layer_overview import layer_overview
from dlcore.tracking.figures.learning_curves import learning_curves
from dlcore.tracking.figures.lr_range import lr_range
from dlcore.tracking.figures.overlaid_curves import Family, overlaid_curves
from dlcore.tracking.figures.parameter_histograms import parameter_histograms
from dlcore.tracking.figures.pixel_values import pixel_values
from dlcore.tracking.figures.schedule_curve import schedule_curve
from dlcore.tracking.figures.token_loss import token_loss
from dlcore.tracking.figures.worst_predictions import worst_predictions

__all__ = [
    "Family",
    "LayerMap",
    "activation_rows",
    "activation_sheet",
    "captioned_pictures",
    "column_sheet",
    "confusion_matrix",
    "feature_maps",
    "hand_made_features",
    "image_grid",
    "kernels",
    "layer_maps",
    "layer_overview",
    "learning_curves",
    "lr_range",
    "overlaid_curves",
    "parameter_histograms",
    "pixel_values",
    "schedule_curve",
    "token_loss",
    "worst_predictions",
]
