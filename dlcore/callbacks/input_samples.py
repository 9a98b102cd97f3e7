"""Training pictures as the network receives them."""

from __future__ import annotations

import math
from functools import partial
from typing import Any, final

from lightning.pytorch import Callback, LightningModule, Trainer

from dlcore.callbacks.logged_figures import (
    black_and_white,
    class_names,
    class_numbers,
    log_figure,
    name_of,
    picture_shape,
    say_without_run_logger,
    shown,
)
from dlcore.errors import check_number
from dlcore.execution.per_batch_hooks import Position
from dlcore.tracking.figures.picture_grids import captioned_pictures


@final
class InputSamples(Callback):
    """Shows the first training batch in TensorBoard as the network gets it, scaled and augmented, with its classes.

    Runs once, at the start of a run. Also writes input_samples.png in the run's folder.

    Args:
        count: How many pictures, 1 to 128; fewer where the first batch has fewer.

    Raises:
        ArgumentError: The number is out of range, or the data are no pictures.
    """

    def __init__(self, count: int = 32) -> None:
        check_number("count", count, at_least=1, at_most=128, whole=True)
        self.count = count
        self._waiting = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Wait for the first batch of a new run; a resumed run has already shown it."""
        say_without_run_logger(trainer, self)
        picture_shape(trainer, "input_samples")
        self._waiting = trainer.is_global_zero and trainer.global_step == 0

    def skippable_batches(self, trainer: Trainer, position: Position) -> float:
        """Return 0 before the first batch, then infinity."""
        return 0 if self._waiting else math.inf

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Show the first batch."""
        if not self._waiting:
            return
        self._waiting = False
        inputs, targets = batch
        if not len(inputs):
            return
        pictures = shown(trainer, inputs[: self.count].reshape(-1, *picture_shape(trainer, "input_samples")))
        names = class_names(trainer)
        numbers = class_numbers(targets[: self.count]).tolist() if names else []
        captions = [[name_of(names, number)] for number in numbers] or [[] for _ in pictures]
        title = f"The first {len(pictures)} training samples, as the network gets them"
        draw = partial(captioned_pictures, pictures.numpy(), captions, title, limits=black_and_white(trainer))
        log_figure(trainer, "input/samples", draw, "input_samples.png")
