"""A recipe becomes trainer, model, data and a run folder. What the command line does, in Python."""

from dlcore.runs.command import Command
from dlcore.runs.run import fit, predict, prepare, run, test, validate

__all__ = ["Command", "fit", "predict", "prepare", "run", "test", "validate"]
