"""Which parts of its input decided a trained model's answer: maps over pictures, columns of tables, words of texts."""

from dlcore.insight.attribution.checks import MapCheck, check_map, randomized
from dlcore.insight.attribution.methods import METHODS, attribute
from dlcore.insight.attribution.pictures import PictureReason, explain_picture, mass_within, methods_for
from dlcore.insight.attribution.reading import Reading
from dlcore.insight.attribution.tables import RowReason, TableReason, explain_row, explain_table
from dlcore.insight.attribution.texts import TextReason, explain_next, explain_text
from dlcore.insight.attribution.trained import Sample, Trained, load_trained

__all__ = [
    "METHODS",
    "MapCheck",
    "PictureReason",
    "Reading",
    "RowReason",
    "Sample",
    "TableReason",
    "TextReason",
    "Trained",
    "attribute",
    "check_map",
    "explain_next",
    "explain_picture",
    "explain_row",
    "explain_table",
    "explain_text",
    "load_trained",
    "mass_within",
    "methods_for",
    "randomized",
]
