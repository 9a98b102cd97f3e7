"""Runs: a recipe becomes trainer, model, data and a run folder. The commands of the command line, in Python."""

from dlcore.runs.command import Command
from dlcore.runs.run import fit, predict, prepare, run, test, validate
from dlcore.runs.text_generation import generate, neighbors
from dlcore.runs.text_model import TextModel, load_text_model

__all__ = [
    "Command",
    "TextModel",
    "fit",
    "generate",
    "load_text_model",
    "neighbors",
    "predict",
    "prepare",
    "run",
    "test",
    "validate",
]
