"""Export: a trained model as a file that other programs run."""

from dlcore.export.exporter import Export, export_model

__all__ = ["Export", "export_model"]
