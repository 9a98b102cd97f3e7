"""Where models and data meet: what the data know is filled into the model's arguments, or checked against them."""

from __future__ import annotations

from typing import Any

import torch
from jsonargparse import Namespace
from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer
from torch import nn
from torch.nn.parameter import is_lazy

from dlcore.callbacks.data_facts import LINKED, plain_value
from dlcore.data import ArrayData
from dlcore.errors import ArgumentError, CheckpointError, FitError
from dlcore.nn import BATCH_NORMS
from dlcore.runs.named_classes import found_at
from dlcore.runs.own_facts import check_filled, facts_for, typed_facts
from dlcore.runs.settings import Settings

# What a sample is, by what a model asks for: data of another kind are of no use to it.
_KINDS = {"in_features": "rows of numbers", "image_shape": "pictures", "vocab_size": "text"}


def fill_in(settings: Settings, model: Namespace, data: LightningDataModule) -> tuple[dict[str, Any], dict[str, Any]]:
    """Tell the model what the data know, in its part of the config.

    Args:
        settings: Where settings come from.
        model: The model's part of the config: ``class_path`` and ``init_args``.
        data: The data. They hear first what is known of the run: new rows, say, need not have a target.

    Returns:
        What the data know; the model's arguments that they gave, as plain values.

    Raises:
        DlcoreError: The model is for other data, or requires what nobody says.
    """
    model["init_args"] = model.get("init_args") or Namespace()
    arguments, chosen = model.init_args, settings.chosen("model")
    made, binding = found_at(model.class_path), hasattr(data, "facts")
    try:
        if hasattr(data, "expect"):
            task = arguments.get("task") if "task" in chosen else None
            data.expect(task, settings.checkpoint.get(type(data).__qualname__))
        facts = facts_for(made, data, {*vars(arguments)} - chosen)
    except ArgumentError as error:
        raise (error if error.argument.startswith("model.") else error.within("data")) from error
    linked = link_facts(vars(arguments), chosen, facts, type(data).__name__, binding)
    check_filled(made, data, settings.places - linked.keys())
    for name, value in (linked if binding else typed_facts(made, linked, data)).items():
        arguments[name] = value
    return facts, linked


def link_facts(
    init_args: dict[str, Any], chosen: set[str], facts: dict[str, Any], data_name: str, binding: bool = True
) -> dict[str, Any]:
    """Fill in what the model asks for and the data know.

    Args:
        init_args: All arguments of the model, with their defaults.
        chosen: Names of those that somebody chose; a default is not a choice.
        facts: What the data know: ``num_classes``, ``in_features``, ``image_shape``, …, and ``tasks``: what can be
            learned from their targets, the usual one first.
        data_name: The data's name, for messages.
        binding: Whether what was chosen must agree with the data; else it stands.

    Returns:
        The arguments that were filled in.

    Raises:
        FitError: The model is configured for other data.
    """
    kinds = {name: kind for name, kind in _KINDS.items() if name in init_args and (binding or name not in chosen)}
    if kinds.keys().isdisjoint(facts) and not facts.keys().isdisjoint(_KINDS) and kinds:
        given = next(kind for name, kind in reversed(_KINDS.items()) if name in facts)
        raise FitError(
            f"data: expected {' or '.join(kinds.values())}, which this model is for, got {given}, which is what "
            f"{data_name} gives. Choose other data (--data) or another model (--model)."
        )
    filled: dict[str, Any] = {}
    tasks = list(facts.get("tasks", ()))
    if tasks and "task" in init_args:
        if "task" not in chosen:
            filled["task"] = tasks[0]
        elif init_args["task"] not in tasks:
            raise FitError(
                f"model.task: expected {' or '.join(tasks)}, which can be learned from {data_name}, got "
                f"{init_args['task']!r}. Choose it (--model.task {tasks[0]}), or other targets."
            )
    for name in LINKED:
        if name not in facts or name not in init_args:
            continue
        if name not in chosen or init_args[name] is None:
            filled[name] = plain_value(facts[name])  # as a config file brings it back
        elif binding and plain_value(init_args[name]) != plain_value(facts[name]):
            raise FitError(
                f"model.{name}: expected {facts[name]!r}, which {data_name} has, got {init_args[name]!r}. Leave it "
                "out: the data say it."
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
    values = model.state_dict()
    own = {name: tuple(value.shape) for name, value in values.items() if not is_lazy(value)}
    late = {name for name, value in values.items() if is_lazy(value)}  # their shapes come with the weights
    makes_layers_late = isinstance(model, LightningModule) and any(
        getattr(type(model), hook) is not getattr(LightningModule, hook) for hook in ("setup", "configure_model")
    )
    kept = {name: tuple(value.shape) for name, value in checkpoint["state_dict"].items() if torch.is_tensor(value)}
    for name in [*own, *kept]:
        here, there = own.get(name, "none"), kept.get(name, "none")
        if name in late or (name not in own and makes_layers_late):
            continue  # Lightning compares them, when it has made the layers
        if here != there:
            raise CheckpointError(
                f"{path}: expected weights of this {type(model).__name__}, got those of another model: {name} has "
                f"shape {here} here and {there} in "
                "the checkpoint. Leave out the flags that change the network."
            )


def leaves_one_sample(samples: int, batch_size: int, world_size: int, batches: int) -> bool:
    """Whether some process of some step gets a single sample, or none.

    Args:
        samples: Training samples.
        batch_size: Samples in a batch of one process.
        world_size: Number of processes.
        batches: Batches of an epoch.
    """
    whole, rest = divmod(samples, batch_size * world_size)
    # The last batch counts only where the epoch is not cut short before it.
    return batch_size == 1 or (0 < rest < 2 * world_size and batches > whole)


class BatchNormCheck(Callback):
    """Refuses to begin when batch normalisation would meet a single sample, whose variance does not exist.

    Raises:
        FitError: A training batch of some process has one sample or none.
    """

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at the size of the batches that an epoch will have."""
        data = trainer.datamodule  # type: ignore[attr-defined]
        normalises = any(isinstance(layer, BATCH_NORMS) for layer in pl_module.modules())
        if not normalises or not isinstance(data, ArrayData):
            return
        samples, together = len(data.parts["train"]), data.batch_size * trainer.world_size
        batches = int(trainer.num_training_batches)
        if leaves_one_sample(samples, data.batch_size, trainer.world_size, batches):
            raise FitError(
                f"data.batch_size: {samples:,} samples in batches of {together:,} leave some process a batch of one "
                "sample, on which batch normalisation cannot work. Choose another size, or --data.drop_last true."
            )
