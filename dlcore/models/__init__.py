"""LightningModules. To add one: a new file, its name here, a recipe."""

from dlcore.models.cnn import CNN
from dlcore.models.mlp import MLP
from dlcore.models.model import Model

__all__ = ["CNN", "MLP", "Model"]
