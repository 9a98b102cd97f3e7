"""All figures of dlcore. matplotlib is imported when the first one is drawn."""

from dlcore.tracking.figures.activations import activation_overlay, activation_rows, activation_sheet
from dlcore.tracking.figures.attribution import Bars, MapRow, attribution_bars, attribution_maps
from dlcore.tracking.figures.column_sheet import column_sheet
from dlcore.tracking.figures.confusion_matrix import confusion_matrix
from dlcore.tracking.figures.convolutions import feature_maps, kernels
from dlcore.tracking.figures.evaluation import classifier_curves, regression_errors, text_bins
from dlcore.tracking.figures.layer_maps import LayerMap, layer_maps, layer_overview
from dlcore.tracking.figures.learning_curves import learning_curves
from dlcore.tracking.figures.learning_rate import lr_range, schedule_curve
from dlcore.tracking.figures.overlaid_curves import Family, overlaid_curves
from dlcore.tracking.figures.parameter_histograms import parameter_histograms
from dlcore.tracking.figures.picture_grids import captioned_pictures, image_grid, worst_predictions
from dlcore.tracking.figures.pixels import hand_made_features, pixel_values
from dlcore.tracking.figures.text_memory import text_memory
from dlcore.tracking.figures.token_loss import token_loss

__all__ = [
    "Bars", "Family", "LayerMap", "MapRow", "activation_overlay", "activation_rows", "activation_sheet",
    "attribution_bars", "attribution_maps", "captioned_pictures", "classifier_curves", "column_sheet",
    "confusion_matrix", "feature_maps", "hand_made_features", "image_grid", "kernels", "layer_maps",
    "layer_overview", "learning_curves", "lr_range", "overlaid_curves", "parameter_histograms", "pixel_values",
    "regression_errors", "schedule_curve", "text_bins", "text_memory", "token_loss", "worst_predictions",
]  # fmt: skip
