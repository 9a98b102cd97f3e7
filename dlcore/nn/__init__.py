"""Plain torch.nn: layers, activations, initialisers, losses, penalties, tasks. Without Lightning."""

from dlcore.nn.activations import activation_names, make_activation
from dlcore.nn.adaptive_softmax import AdaptiveSoftmax
from dlcore.nn.architectures import architecture_names, make_architecture
from dlcore.nn.convolution import BATCH_NORMS, CONVOLUTIONS, block_settings, convolutional
from dlcore.nn.feature_map_capture import layer_geometry, output_size, size_formula
from dlcore.nn.initializers import initialize, initializer_names
from dlcore.nn.language_modeling import LanguageModeling
from dlcore.nn.locked_dropout import LockedDropout, drop_words
from dlcore.nn.losses import ClassWeights, loss_names, make_loss
from dlcore.nn.penalties import L2Form, Penalty
from dlcore.nn.perceptron import perceptron
from dlcore.nn.recurrent import CELLS, Recurrent, RecurrentState
from dlcore.nn.residual import ResidualBlock, residual_network
from dlcore.nn.saturation import saturated
from dlcore.nn.tasks import Binary, Multiclass, Regression, Task, make_task
from dlcore.nn.weight_drop import dropped_weights

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
