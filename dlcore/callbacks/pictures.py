"""What the callbacks that show pictures ask of a run's data; they know its module only by what it offers."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch import Callback, Trainer
from torch import Tensor

from dlcore.callbacks.data_facts import data_facts
from dlcore.errors import ArgumentError
from dlcore.tracking.run_logger import RunLogger


def facts_of(trainer: Trainer) -> dict[str, Any]:
    """What the data know; empty for data that say nothing."""
    return data_facts(trainer.datamodule)  # type: ignore[attr-defined]


def picture_shape(trainer: Trainer, section: str) -> tuple[int, int, int]:
    """The shape (C, H, W) of the pictures that a run trains on.

    Args:
        trainer: The run's trainer.
        section: The section of the callback that asks, for the message.

    Raises:
        ArgumentError: The data are no pictures.
    """
    shape = facts_of(trainer).get("image_shape")
    if shape is None or len(shape) != 3:
        data = type(trainer.datamodule).__name__  # type: ignore[attr-defined]
        raise ArgumentError(
            section, "data that are pictures (facts with image_shape)", data, f"Switch it off: --{section} off"
        )
    return int(shape[0]), int(shape[1]), int(shape[2])


def name_of(names: list[str], number: int) -> str:
    """The name of a class; its number where it has none."""
    return names[number] if 0 <= number < len(names) else f"class {number}"


def class_names(trainer: Trainer) -> list[str]:
    """The classes' names; empty where they have none."""
    return [str(name) for name in facts_of(trainer).get("class_names", ())]


def class_numbers(targets: Tensor) -> Tensor:
    """Class indices (N,) of targets; of probabilities (N, K), the likeliest class."""
    return targets.argmax(1) if targets.dim() == 2 and targets.shape[1] > 1 else targets.reshape(-1).round().long()


def shown(trainer: Trainer, pictures: Tensor) -> Tensor:
    """Pictures as the network got them (N, C, H, W), in main memory and in the colours that they had before.

    Data whose facts have a ``normalization`` (``mean`` and ``std`` of each channel) scaled them to 0 to 1 before it.
    """
    normalization = facts_of(trainer).get("normalization")
    pictures = pictures.detach().float().cpu()
    if not normalization:
        return pictures
    mean, std = (torch.tensor(normalization[name]).view(-1, 1, 1) for name in ("mean", "std"))
    return pictures * std + mean


def black_and_white(trainer: Trainer) -> tuple[float | None, float | None]:
    """The numbers that are black and white in pictures as `shown` gives them; None where the data do not say."""
    return (0.0, 1.0) if facts_of(trainer).get("normalization") else (None, None)


def run_loggers(trainer: Trainer) -> list[RunLogger]:
    """The loggers that take figures."""
    return [logger for logger in trainer.loggers if isinstance(logger, RunLogger)]


def say_without_run_logger(trainer: Trainer, callback: Callback) -> None:
    """Print that a callback can show nothing in this trainer, and what it lacks; nothing where it has that.

    A trial of a few batches (`fast_dev_run`) logs nothing in any case.

    Args:
        trainer: The trainer, at the start of a training.
        callback: A callback that shows what it finds through `RunLogger`.
    """
    if run_loggers(trainer) or trainer.fast_dev_run or not trainer.is_global_zero:  # type: ignore[attr-defined]
        return
    others = ", ".join(type(logger).__name__ for logger in trainer.loggers)
    print(
        f"{type(callback).__name__} shows nothing: it writes through dlcore.tracking.RunLogger, and the trainer has "
        f"{f'only {others}' if others else 'no logger'}. Give it one: "
        f"Trainer(logger=[{'…, ' * bool(others)}RunLogger(name='mine')])."
    )
