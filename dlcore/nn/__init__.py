"""Plain torch.nn: layers, activations, initialisers, losses, penalties, tasks. Without Lightning."""

from dlcore.nn.activations import activation_names, make_activation, saturated
from dlcore.nn.architectures import ResidualBlock, architecture_names, make_architecture, residual_network
from dlcore.nn.convolution import (
    BATCH_NORMS,
    CONVOLUTIONS,
    block_settings,
    convolutional,
    layer_geometry,
    output_size,
    size_formula,
)
from dlcore.nn.initializers import initialize, initializer_names
from dlcore.nn.language_modeling import AdaptiveSoftmax, LanguageModeling
from dlcore.nn.losses import ClassWeights, L2Form, Penalty, loss_names, make_loss
from dlcore.nn.perceptron import perceptron
from dlcore.nn.recurrent import CELLS, LockedDropout, Recurrent, RecurrentState, drop_words, dropped_weights
from dlcore.nn.tasks import Binary, Multiclass, Regression, Task, make_task

__all__ = [
    "BATCH_NORMS",
    "CELLS",
    "CONVOLUTIONS",
    "AdaptiveSoftmax",
    "Binary",
    "ClassWeights",
    "L2Form",
    "LanguageModeling",
    "LockedDropout",
    "Multiclass",
    "Penalty",
    "Recurrent",
    "RecurrentState",
    "Regression",
    "ResidualBlock",
    "Task",
    "activation_names",
    "architecture_names",
    "block_settings",
    "convolutional",
    "drop_words",
    "dropped_weights",
    "initialize",
    "initializer_names",
    "layer_geometry",
    "loss_names",
    "make_activation",
    "make_architecture",
    "make_loss",
    "make_task",
    "output_size",
    "perceptron",
    "residual_network",
    "saturated",
    "size_formula",
]
