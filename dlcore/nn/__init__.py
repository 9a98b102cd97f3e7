"""Plain torch.nn: layers, activations, initialisers, losses, penalties, tasks. No Lightning in here."""

from dlcore.nn.activations import activation_names, make_activation
from dlcore.nn.initializers import initialize, initializer_names
from dlcore.nn.losses import ClassWeights, loss_names, make_loss
from dlcore.nn.penalties import L2Form, Penalty
from dlcore.nn.perceptron import perceptron
from dlcore.nn.tallies import BinaryTally, ClassTally, RegressionTally, Tally
from dlcore.nn.tasks import Binary, Multiclass, Regression, Task, make_task

__all__ = [
    "Binary",
    "BinaryTally",
    "ClassTally",
    "ClassWeights",
    "L2Form",
    "Multiclass",
    "Penalty",
    "Regression",
    "RegressionTally",
    "Tally",
    "Task",
    "activation_names",
    "initialize",
    "initializer_names",
    "loss_names",
    "make_activation",
    "make_loss",
    "make_task",
    "perceptron",
]
