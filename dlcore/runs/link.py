"""Where models and data meet: what the data know is filled into the model's arguments, or checked against them."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from lightning.pytorch import Trainer
from torch import nn

from dlcore.data import ArrayData
from dlcore.errors import CheckpointError, FitError


def link_facts(model_class: type, init_args: dict[str, Any], facts: dict[str, Any], data_name: str) -> dict[str, Any]:
    """Fill in what the model asks for and the data know.

    Args:
        model_class: The model's class; the arguments of its ``__init__`` are what it may ask for.
        init_args: The arguments as configured; None counts as left out.
        facts: What the data know: ``num_classes``, ``in_features``, ``image_shape``, ….
        data_name: The data's name, for messages.

    Returns:
        The arguments that were filled in.

    Raises:
        FitError: The model is configured for other data.
    """
    filled: dict[str, Any] = {}
    for name in inspect.signature(model_class).parameters:
        if name not in facts:
            continue
        configured = init_args.get(name)
        if configured is None:
            filled[name] = facts[name]
        elif configured != facts[name]:
            raise FitError(
                f"model.{name}: expected {facts[name]!r}, which {data_name} has, got {configured!r}. Leave it out: "
                "the data say it."
            )
    return filled


def check_weights(model: nn.Module, checkpoint: dict[str, Any], path: str) -> None:
    """Check that a checkpoint's weights fit the model, before anything is loaded.

    Args:
        model: The model.
        checkpoint: What the checkpoint holds.
        path: The checkpoint's file, for messages.

    Raises:
        CheckpointError: They are of another model; the first difference is named.
    """
    own = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    kept = {name: tuple(value.shape) for name, value in checkpoint["state_dict"].items() if torch.is_tensor(value)}
    for name in [*own, *kept]:
        here, there = own.get(name, "none"), kept.get(name, "none")
        if here != there:
            raise CheckpointError(
                f"{path}: expected weights of this {type(model).__name__}, got those of another model: {name} has "
                f"shape {here} here and {there} in "
                "the checkpoint. Leave out the flags that change the network."
            )


def check_last_batch(model: nn.Module, data: Any, trainer: Trainer) -> None:
    """Check that batch normalisation never meets a single sample, whose variance does not exist.

    Args:
        model: The model.
        data: The data; asked for their size only where the model normalises.
        trainer: The trainer, which knows the number of processes.

    Raises:
        FitError: The last batch of each epoch would have one sample.
    """
    normalises = any(isinstance(layer, nn.modules.batchnorm._BatchNorm) for layer in model.modules())
    if not normalises or not isinstance(data, ArrayData) or data.drop_last:
        return
    data.prepare_data()
    data.setup("fit")
    samples, size = len(data.parts["train"]), data.batch_size * trainer.num_nodes * trainer.num_devices
    if 0 < samples % size <= trainer.num_nodes * trainer.num_devices:
        raise FitError(
            f"data.batch_size: {samples:,} samples in batches of {size:,} leave a last batch of one, on which batch "
            "normalisation cannot work. Choose another size, or --data.drop_last true."
        )
