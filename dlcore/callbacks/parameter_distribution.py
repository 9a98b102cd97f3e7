"""Distributions of weights, gradients, updates and activations per layer during training."""

from __future__ import annotations

import math
import time
from functools import partial
from pathlib import Path
from typing import Any, final

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from dlcore.callbacks.activation_watch import ActivationWatch, InputsWatch
from dlcore.callbacks.fine_tuning import fine_tuning_of
from dlcore.callbacks.logged_figures import run_loggers, say_without_run_logger
from dlcore.callbacks.metric_callback import epochs_done
from dlcore.callbacks.weight_watch import WeightWatch
from dlcore.errors import check_number
from dlcore.execution.per_batch_hooks import Position
from dlcore.tracking.background import Refresh
from dlcore.tracking.figures.layer_maps import layer_overview
from dlcore.tracking.figures.parameter_histograms import parameter_histograms
from dlcore.tracking.histogram import KeptHistograms
from dlcore.tracking.layer_table import FILE, LayerTable, read_layers
from dlcore.tracking.run_file import run_title
from dlcore.tracking.run_logger import RunLogger

# Samples over which activations are accumulated; maximum number of batches; maximum share of an epoch's batches.
_SAMPLES, _BATCHES, _SHARE = 512, 32, 0.05
_FIRST_FIGURE = 1.0  # seconds for the first figure, with the import of matplotlib


@final
class ParameterDistribution(Callback):
    """Shows weights, biases, gradients, updates and activations, layer by layer, and what is wrong with them.

    It needs a `dlcore.tracking.RunLogger` among the trainer's loggers; without one it prints a message.

    It records before the first step, at the last step of an epoch, and every `every_n_steps`: gradients and update of
    that step, and activations of the training batches up to it (about 512 samples, at most 5% of an epoch, at least
    two batches). Values are counted on the device; reading, drawing and writing happen in the background.

    In TensorBoard, histograms by layer. In the run's folder, layers.csv (numbers per layer and record), layers.png
    (norm of gradients, size of updates, spread of weights, dead and saturated units: a row per layer, a column per
    record) and distributions.png (histograms of weights and biases, at the start and at the end). Both figures are
    drawn at the end; layers.png also during the training, in at most 1% of its time. NaN and infinite numbers are
    counted and shown.

    Args:
        every_n_epochs: Record at the end of every n-th epoch, and of the last one; at least 1.
        every_n_steps: Record also after every n-th optimiser step, at least 1; left out: not.
        gradients: Whether gradients are shown.
        updates: Whether updates are shown: this copies the weights before a recorded step.
        activations: Layers whose outputs are shown: hidden (all activation functions; the recurrent layers if there
            are none), none, or a pattern for layer names as `show model` prints them: linear_*.

    Raises:
        ArgumentError: A value is out of range, or no layer name matches the pattern.
    """

    def __init__(
        self,
        every_n_epochs: int = 1,
        every_n_steps: int | None = None,
        gradients: bool = True,
        updates: bool = True,
        activations: str = "hidden",
    ) -> None:
        check_number("every_n_epochs", every_n_epochs, at_least=1, whole=True)
        if every_n_steps is not None:
            check_number("every_n_steps", every_n_steps, at_least=1, whole=True)
        self.every_n_epochs, self.every_n_steps = every_n_epochs, every_n_steps
        self.gradients, self.updates, self.activations = gradients, updates, activations
        self._loggers: list[RunLogger] = []
        self._is_look = False
        self._last_look = -1
        self._validation_seen = False
        self._validation_inputs: InputsWatch | None = None
        self._window = 0  # batches over which activations are accumulated; 0 before the first batch
        self._resumed: dict[str, Any] = {}  # activation sums of the interrupted run

    def state_dict(self) -> dict[str, Any]:
        """Return the activation sums so far."""
        watch = self._activations.state_dict() if self._loggers else {}
        return {"activations": watch} if watch else {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Store the activation sums until the training starts."""
        self._resumed = state_dict.get("activations", {})

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Record the initial weights."""
        say_without_run_logger(trainer, self)
        self._activations = ActivationWatch(pl_module, self.activations)
        tuning = fine_tuning_of(trainer)
        later = tuning.frozen_for_a_time if tuning is not None and tuning.freeze_epochs is not None else ()
        self._weights = WeightWatch(pl_module, self.gradients, self.updates, later)
        # Only rank 0 records, without the others: after a step all processes have the same weights.
        loggers = run_loggers(trainer) if trainer.is_global_zero else []
        self._loggers = []
        if not loggers:
            return
        self._folder = Path(loggers[0].log_dir)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._table = LayerTable(self._folder / FILE, last_step=trainer.global_step)
        self._kept = KeptHistograms(self._folder)
        self._loggers = loggers  # set last: if reading a file fails, there is nothing to draw
        self._refresh = Refresh(expected=_FIRST_FIGURE)
        self._is_look, self._last_look, self._window = False, trainer.global_step, 0
        self._validation_seen = "validation inputs" in self._table.layers
        self._activations.load_state_dict(self._resumed, pl_module.device)
        self._resumed = {}
        if trainer.global_step == 0:
            self._inspect(trainer, pl_module)

    def skippable_batches(self, trainer: Trainer, position: Position) -> float:
        """Return the batches until activations are next accumulated, or until the last step."""
        if not self._loggers:
            return math.inf
        if self._activations.is_open or not self._window:
            return 0
        distance = self._batches_to_look(trainer, position.batch_idx, position.accumulate_grad_batches)
        last = position.batches_before(trainer.max_steps) if trainer.max_steps >= 0 else math.inf
        return max(min(distance - self._window, last), 0)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Accumulate activations in the batches before a record."""
        if not self._loggers:
            return
        batches = trainer.accumulate_grad_batches
        leads_to_step = trainer.is_last_batch or (batch_idx + 1) % batches == 0
        self._is_look = leads_to_step and self._is_due(trainer)
        if not self._activations.is_open:
            distance = self._batches_to_look(trainer, batch_idx, batches)
            self._window = self._window or _window(trainer, batch)
            if not self._is_look and distance > self._window:
                return
            self._activations.open()
        self._activations.start_batch(last=self._is_look)

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Any) -> None:
        """Record the gradients and copy the weights before the step."""
        if self._is_look:
            self._weights.before_step()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Record after the step, if it is due."""
        if self._loggers and self._activations.is_open:
            self._activations.end_batch(batch)
            if self._is_look:
                self._is_look = False
                self._inspect(trainer, pl_module)

    def on_validation_batch_start(self, trainer: Trainer, pl_module: LightningModule, *args: Any) -> None:
        """Look at the first validation inputs, which should be like those of training."""
        if self._loggers and not self._validation_seen:
            self._validation_seen, self._validation_inputs = True, InputsWatch(pl_module, "validation inputs")

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, *args: Any
    ) -> None:
        """Record them."""
        watch, self._validation_inputs = self._validation_inputs, None
        if watch is not None and (row := watch.close(batch)) is not None:
            rows = _Rows([row], trainer.global_step, epochs_done(trainer))
            self._loggers[0].background.submit(self._table.write, rows)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Record the final weights if not yet done, and draw the overviews."""
        if self._loggers and trainer.global_step != self._last_look:
            self._inspect(trainer, pl_module)
        self._draw(trainer)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Draw the overviews of the records so far."""
        self._draw(trainer)

    def _is_due(self, trainer: Trainer) -> bool:
        step, epoch = trainer.global_step + 1, trainer.current_epoch + 1
        if trainer.is_last_batch and (epoch % self.every_n_epochs == 0 or epoch == trainer.max_epochs):
            return True
        return step == trainer.max_steps or (self.every_n_steps is not None and step % self.every_n_steps == 0)

    def _batches_to_look(self, trainer: Trainer, batch_idx: int, accumulate_grad_batches: int) -> float:
        """Return the number of batches to the next record, including this one; infinite if unknown."""
        distances = [math.inf]
        epoch = trainer.current_epoch + 1
        if epoch % self.every_n_epochs == 0 or epoch == trainer.max_epochs:
            distances.append(trainer.num_training_batches - batch_idx)
        if self.every_n_steps is not None:
            steps = self.every_n_steps - trainer.global_step % self.every_n_steps
            distances.append(steps * accumulate_grad_batches - batch_idx % accumulate_grad_batches)
        return min(distances)

    @torch.no_grad()
    def _inspect(self, trainer: Trainer, model: LightningModule) -> None:
        rows, histograms = self._weights.after_step()
        if self._activations.is_open:
            seen, counted = self._activations.close()
            rows += seen
            width = len(str(max(len(counted) - 1, 10)))
            histograms |= {f"activations/{n:0{width}d}_{name}": each for n, (name, each) in enumerate(counted.items())}
        step = self._last_look = trainer.global_step
        for logger in self._loggers:
            logger.log_histograms(histograms, step)
        background = self._loggers[0].background
        background.submit(self._table.write, _Rows(rows, step, epochs_done(trainer)))
        background.submit(self._kept.keep, {tag: each for tag, each in histograms.items() if _is_parameter(tag)}, step)
        if self._weights.has_weights and self._refresh.due():
            background.submit(_redraw, self._loggers[0], self._folder, step, self._refresh)

    def _draw(self, trainer: Trainer) -> None:
        loggers, self._loggers = self._loggers, []
        for number, logger in enumerate(loggers):
            folder = self._folder if number == 0 else None
            for tag, draw in (
                ("layers", partial(_draw_layers, self._folder)),
                ("distributions", partial(_draw_distributions, self._kept)),
            ):
                if tag == "distributions" or self._weights.has_weights:
                    logger.log_figure(tag, draw, trainer.global_step, folder and folder / f"{tag}.png")


class _Rows:
    """Rows of the layer table; their numbers are read from the device when they are written."""

    def __init__(self, rows: list[dict[str, Any]], step: int, epoch: float) -> None:
        self._rows, self._step, self._epoch = rows, step, epoch
        numbers = [value for row in rows for value in row.values() if isinstance(value, Tensor)]
        self._numbers = torch.stack([number.float() for number in numbers]) if numbers else torch.empty(0)

    def __iter__(self) -> Any:
        numbers = iter(self._numbers.tolist())
        for row in self._rows:
            read = {name: next(numbers) if isinstance(value, Tensor) else value for name, value in row.items()}
            read["not_finite"] = int(read["not_finite"])
            yield {"step": self._step, "epoch": self._epoch, **read}


def _redraw(logger: RunLogger, folder: Path, step: int, refresh: Refresh) -> None:
    began = time.monotonic()
    try:
        logger.log_figure("layers", partial(_draw_layers, folder), step, folder / "layers.png")
    finally:
        refresh.took(time.monotonic() - began)


def _draw_layers(folder: Path) -> Any:
    return layer_overview(read_layers(folder), run_title(folder))


def _draw_distributions(kept: KeptHistograms) -> Any:
    return parameter_histograms(kept.first, kept.last, run_title(kept.path.parent))


def _window(trainer: Trainer, batch: Any) -> int:
    """Return the number of batches over which activations are accumulated."""
    first = batch[0] if isinstance(batch, tuple | list) and len(batch) else batch
    samples = len(first) if isinstance(first, Tensor) and first.dim() else 1
    # At least two: an epoch's last batch may have very few samples, so that units look dead and one class dominates
    # by chance.
    share = max(trainer.num_training_batches * _SHARE, 2)
    return int(max(1, min(-(-_SAMPLES // max(samples, 1)), _BATCHES, share)))


def _is_parameter(tag: str) -> bool:
    return tag.startswith(("weights/", "biases/"))
