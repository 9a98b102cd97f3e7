"""Runs: a recipe becomes trainer, model, data and a run folder. The commands of the command line, in Python."""

from dlcore.runs.command import Command
from dlcore.runs.run import fit, predict, prepare, run, test, validate
from dlcore.runs.text_classification import ClassifiedText, TextClassifierModel, classify, load_text_classifier
from dlcore.runs.text_generation import TextModel, generate, load_text_model, neighbors

__all__ = [
    "ClassifiedText",
    "Command",
    "TextClassifierModel",
    "TextModel",
    "classify",
    "fit",
    "generate",
    "load_text_classifier",
    "load_text_model",
    "neighbors",
    "predict",
    "prepare",
    "run",
    "test",
    "validate",
]
