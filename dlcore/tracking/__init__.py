"""Output of a run: TensorBoard events, tables and figures, written without delaying the training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dlcore.tracking.background import BackgroundWriter
from dlcore.tracking.figures import confusion_matrix, layer_maps, layer_overview, learning_curves, parameter_histograms
from dlcore.tracking.metrics_csv import MetricsCsv, read_metrics

if TYPE_CHECKING:
    from dlcore.tracking.histogram import Histogram, HistogramTensors, count_histogram
    from dlcore.tracking.run_logger import RunLogger

__all__ = [
    "BackgroundWriter", "Histogram", "HistogramTensors", "MetricsCsv", "RunLogger", "confusion_matrix",
    "count_histogram", "layer_maps", "layer_overview", "learning_curves", "parameter_histograms", "read_metrics",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    # RunLogger needs Lightning, and histograms need torch, which take seconds to import. Import them lazily: figures
    # and tables do not need them.
    if name in ("Histogram", "HistogramTensors", "count_histogram"):
        from dlcore.tracking import histogram

        return getattr(histogram, name)
    if name == "RunLogger":
        from dlcore.tracking.run_logger import RunLogger

        return RunLogger
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
