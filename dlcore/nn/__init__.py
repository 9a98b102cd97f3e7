"""Plain torch.nn: layers, activations, initialisers, losses, penalties, tasks. Without Lightning."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from dlcore.nn.perceptron import perceptron  # now, since its module has the same name

if TYPE_CHECKING:
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
_FILES = {
    "activation_names": "activations",
    "make_activation": "activations",
    "saturated": "activations",
    "ResidualBlock": "architectures",
    "architecture_names": "architectures",
    "make_architecture": "architectures",
    "residual_network": "architectures",
    "BATCH_NORMS": "convolution",
    "CONVOLUTIONS": "convolution",
    "block_settings": "convolution",
    "convolutional": "convolution",
    "layer_geometry": "convolution",
    "output_size": "convolution",
    "size_formula": "convolution",
    "initialize": "initializers",
    "initializer_names": "initializers",
    "AdaptiveSoftmax": "language_modeling",
    "LanguageModeling": "language_modeling",
    "ClassWeights": "losses",
    "L2Form": "losses",
    "Penalty": "losses",
    "loss_names": "losses",
    "make_loss": "losses",
    "CELLS": "recurrent",
    "LockedDropout": "recurrent",
    "Recurrent": "recurrent",
    "RecurrentState": "recurrent",
    "drop_words": "recurrent",
    "dropped_weights": "recurrent",
    "Binary": "tasks",
    "Multiclass": "tasks",
    "Regression": "tasks",
    "Task": "tasks",
    "make_task": "tasks",
}


def __getattr__(name: str) -> Any:
    # Import on demand: tasks need torchmetrics and architectures torchvision, whose imports take seconds.
    if name in _FILES:
        return getattr(importlib.import_module(f"dlcore.nn.{_FILES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
