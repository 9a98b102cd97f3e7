"""What a run leaves behind: TensorBoard events, tables and figures, written so that training does not wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dlcore.tracking.background import BackgroundWriter
from dlcore.tracking.figures import confusion_matrix, layer_maps, layer_overview, learning_curves, parameter_histograms
from dlcore.tracking.metrics_csv import MetricsCsv, read_metrics

if TYPE_CHECKING:
    from dlcore.tracking.histogram import Histogram, HistogramTensors, count_histogram
    from dlcore.tracking.run_logger import RunLogger

__all__ = [
    "BackgroundWriter",
    "Histogram",
    "HistogramTensors",
    "MetricsCsv",
    "RunLogger",
    "confusion_matrix",
    "count_histogram",
    "layer_maps",
    "layer_overview",
    "learning_curves",
    "parameter_histograms",
    "read_metrics",
]


def __getattr__(name: str) -> Any:
    # RunLogger needs Lightning and histograms need torch, which take seconds to import: figures and tables, and what
    # reads them, shall not wait for it.
    if name in ("Histogram", "HistogramTensors", "count_histogram"):
        from dlcore.tracking import histogram

        return getattr(histogram, name)
    if name == "RunLogger":
        from dlcore.tracking.run_logger import RunLogger

        return RunLogger
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
