"""LightningModules. To add one: a new file, its name here, a recipe."""

from dlcore.models.cnn import CNN
from dlcore.models.factory_settings import LRSchedulerCallable, OptimizerCallable
from dlcore.models.mlp import MLP
from dlcore.models.model import Model
from dlcore.models.text_rnn import TextRNN

__all__ = ["CNN", "MLP", "LRSchedulerCallable", "Model", "OptimizerCallable", "TextRNN"]
