"""LightningModules. To add one, write a new file, add its name here, and add a recipe."""

from dlcore.models.cnn import CNN
from dlcore.models.mlp import MLP
from dlcore.models.model import Model
from dlcore.models.text_classifier import TextClassifier
from dlcore.models.text_rnn import TextRNN
from dlcore.optim.factories import LRSchedulerCallable, OptimizerCallable

__all__ = ["CNN", "MLP", "LRSchedulerCallable", "Model", "OptimizerCallable", "TextClassifier", "TextRNN"]
