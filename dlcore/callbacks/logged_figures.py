"""What callbacks that draw or write texts share: the pictures, classes, tokenizer and loggers of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn

from dlcore.callbacks.data_facts import data_facts
from dlcore.errors import ArgumentError
from dlcore.lightning_compat import data_module_of, is_fast_dev_run
from dlcore.text import Tokenizer
from dlcore.tracking.run_logger import RunLogger


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Set evaluation mode for the block, then restore the mode of each layer."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def tokenizer_of(trainer: Trainer, model: LightningModule, section: str) -> Tokenizer:
    """Return the tokenizer of the run's data."""
    remedy = f"Switch it off: --{section} off"
    if not hasattr(model, "scores"):
        raise ArgumentError(section, "a text model, which has scores (TextRNN)", type(model).__name__, remedy)
    datamodule: Any = data_module_of(trainer)
    tokenizer: Tokenizer | None = getattr(datamodule, "tokenizer", None)
    if tokenizer is None:
        raise ArgumentError(section, "data with a tokenizer (ChineseCorpus)", type(datamodule).__name__, remedy)
    return tokenizer


def facts_of(trainer: Trainer) -> dict[str, Any]:
    """Return the facts about the data; empty if there are none."""
    return data_facts(data_module_of(trainer))


def picture_shape(trainer: Trainer, section: str) -> tuple[int, int, int]:
    """Return the shape (C, H, W) of the training pictures."""
    shape = facts_of(trainer).get("image_shape")
    if shape is None or len(shape) != 3:
        data = type(data_module_of(trainer)).__name__
        raise ArgumentError(
            section, "data that are pictures (facts with image_shape)", data, f"Switch it off: --{section} off"
        )
    return int(shape[0]), int(shape[1]), int(shape[2])


def name_of(names: list[str], number: int) -> str:
    """Return the name of a class, or ``class N`` if it has none."""
    return names[number] if 0 <= number < len(names) else f"class {number}"


def class_names(trainer: Trainer) -> list[str]:
    """Return the names of the classes; empty if they have none."""
    return [str(name) for name in facts_of(trainer).get("class_names", ())]


def class_numbers(targets: Tensor) -> Tensor:
    """Return class indices (N,) of targets; for probabilities (N, K), the most likely class."""
    return targets.argmax(1) if targets.dim() == 2 and targets.shape[1] > 1 else targets.reshape(-1).round().long()


def shown(trainer: Trainer, pictures: Tensor) -> Tensor:
    """Copy the network's input pictures (N, C, H, W) to the CPU and undo the normalisation.

    If the facts have a ``normalization`` (``mean`` and ``std`` of each channel), the result is in [0, 1].
    """
    normalization = facts_of(trainer).get("normalization")
    pictures = pictures.detach().float().cpu()
    if not normalization:
        return pictures
    mean, std = (torch.tensor(normalization[name]).view(-1, 1, 1) for name in ("mean", "std"))
    return pictures * std + mean


def black_and_white(trainer: Trainer) -> tuple[float | None, float | None]:
    """Return the values of black and white in pictures from `shown`; None if unknown."""
    return (0.0, 1.0) if facts_of(trainer).get("normalization") else (None, None)


def run_loggers(trainer: Trainer) -> list[RunLogger]:
    """Return the trainer's `RunLogger` objects, which accept figures."""
    return [logger for logger in trainer.loggers if isinstance(logger, RunLogger)]


def log_figure(trainer: Trainer, tag: str, draw: Callable[..., Any], file: str) -> None:
    """Draw a figure in the background, for TensorBoard under a tag and as a file in the run's folder."""
    for logger in run_loggers(trainer):
        logger.log_figure(tag, draw, trainer.global_step, Path(logger.log_dir) / file)


def say_without_run_logger(trainer: Trainer, callback: Callback) -> None:
    """Print that a callback shows nothing if the trainer has no `RunLogger`, and how to add one.

    Print nothing with `fast_dev_run`, which never logs.
    """
    if run_loggers(trainer) or is_fast_dev_run(trainer) or not trainer.is_global_zero:
        return
    others = ", ".join(type(logger).__name__ for logger in trainer.loggers)
    print(
        f"{type(callback).__name__} shows nothing: it writes through dlcore.tracking.RunLogger, and the trainer has "
        f"{f'only {others}' if others else 'no logger'}. Give it one: "
        f"Trainer(logger=[{'…, ' * bool(others)}RunLogger(name='mine')])."
    )
