"""Base of all models: loss and metrics of a batch, logging, optimiser and schedule."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torchmetrics import MetricCollection

from dlcore.errors import check_number
from dlcore.models.optimization import flags_in_errors, make_optimization, validates
from dlcore.nn import Penalty, Task
from dlcore.nn.metrics import MeanLoss
from dlcore.optim import full_rate, warmup_factor
from dlcore.optim.factories import LRSchedulerCallable, OptimizerCallable
from dlcore.optim.optimizer_factory import check_optimization
from dlcore.processes import average_statistics


class Model(LightningModule):
    """Base of dlcore's models. A subclass defines `forward`, which maps inputs to raw scores (N, task.out_features).

    It logs ``val/…`` and ``train/…`` at each validation. ``train/…`` covers the training batches since the last
    validation, with dropout and changing weights. In an epoch without validation, it logs ``train/…`` at the end. Every
    `log_every_n_steps` steps, it logs ``lr`` and ``train/loss_step``, the mean since the last time. Losses exclude the
    penalty, so that training and validation are comparable; ``train/penalty`` is logged separately.

    Public attributes with plain values are kept in checkpoints, private ones (``_name``) are not.

    Args:
        task: Loss, metrics and output of the network.
        optimizer: Creates the optimiser from the parameters.
        lr_scheduler: Creates the schedule from the optimiser; None: constant learning rate.
        warmup_steps: Optimiser steps in which the learning rate grows to its full value, as a factor on the schedule's
            rate; schedules, callbacks and checkpoints see the rate without it.
        penalty: Penalty on parameters, added to the loss; None adds nothing.

    Raises:
        ArgumentError: Invalid settings of optimiser, schedule or warm-up.
    """

    logs_learning_rate = True  # for `RunEvents`, which logs that of other modules

    def __init__(
        self,
        task: Task,
        optimizer: OptimizerCallable,
        lr_scheduler: LRSchedulerCallable | None = None,
        warmup_steps: int = 0,
        penalty: Penalty | None = None,
    ) -> None:
        super().__init__()
        check_optimization(optimizer, lr_scheduler)
        check_number("warmup_steps", warmup_steps, at_least=0, whole=True)
        self.task, self.penalty = task, penalty
        self.optimizer_factory, self.schedule_factory, self.warmup_steps = optimizer, lr_scheduler, warmup_steps
        self.train_metrics = task.metrics("train/")
        self.val_metrics = task.metrics("val/", evaluation=True)
        self.test_metrics = task.metrics("test/", evaluation=True, thorough=True)
        self.recent_loss = MeanLoss(sync_on_compute=False)  # since train/loss_step was last logged
        self.recent_interval = 0
        self.trained = False  # since train/… was last logged
        self.validated_epoch = -1  # the epoch of the last validation
        self.last_penalty: Tensor | None = None
        self._confusion_matrix: Tensor | None = None
        self._evaluated: int | None = None
        self._penalized: list[nn.Parameter] = []
        self._batch = (-1, -1)  # epoch and index of the last training batch
        self._early_rate: float | None = None  # last rate of an epoch shorter than the first log interval

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Create the optimiser and the schedule; select the parameters of the penalty."""
        with flags_in_errors(self):
            # Check the pattern even if the factors are 0: a pattern without a match is an error.
            chosen = self.penalty.select(self.named_parameters()) if self.penalty is not None else []
            self._penalized = chosen if self.penalty else []
            return make_optimization(self)

    def loss(self, batch: Any, metrics: MetricCollection | None = None) -> Tensor:
        """Return the task's loss of a batch, a scalar.

        Args:
            batch: Inputs (N, …) and targets (N, …).
            metrics: Metrics to update with the batch; None: none.
        """
        inputs, targets = batch
        outputs = self(inputs)
        # A process has an empty batch if the last batch is smaller than the number of processes.
        loss = self.task.loss(outputs, targets) if len(targets) else outputs.sum() * 0
        if metrics is not None and len(targets):
            metrics.update(**self.task.metric_inputs(loss, outputs, targets))
        return loss

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Return the loss of a batch, with the penalty."""
        # L-BFGS computes the loss of a batch several times per step: count only the first.
        again = (self.current_epoch, batch_idx) == self._batch
        self._batch = (self.current_epoch, batch_idx)
        loss = total = self.loss(batch, None if again else self.train_metrics)
        if self.penalty is not None and self._penalized:
            penalty = self.penalty(self._penalized)
            self.last_penalty, total = penalty.detach(), loss + penalty
        if not again:
            self._log_training(loss, batch[1])
        return total

    def _log_training(self, loss: Tensor, targets: Tensor) -> None:
        self.trained = True
        last, steps, every = self.trainer.is_last_batch, self.global_step + 1, self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        rate = full_rate(self.trainer.optimizers[0]) * warmup_factor(self.global_step, self.warmup_steps)
        if every:
            if self.global_step // every != self.recent_interval:
                self.recent_interval = self.global_step // every
                self.recent_loss.reset()
            self.recent_loss.update(loss, self.task.weight(targets))
            if steps % every == 0:
                penalty = {} if self.last_penalty is None else {"train/penalty_step": self.last_penalty}
                self.log_dict({"train/loss_step": self.recent_loss.compute(), **penalty, "lr": rate})
        self._early_rate = rate if last and steps < every else None
        # Not in `on_train_epoch_end`: callbacks that read the metrics run before it.
        if last and not validates(self):
            self.log_dict(self._training_metrics(), on_step=False, on_epoch=True, sync_dist=True, batch_size=1)

    def on_train_epoch_end(self) -> None:
        """Log the learning rate of an epoch shorter than the first log interval, so that its curve has a point."""
        if self._early_rate is not None:
            self.log("lr", self._early_rate, sync_dist=True)

    def _training_metrics(self) -> dict[str, Tensor]:
        """Return the training metrics since the last call."""
        if not self.trained:
            return {}
        self.trained = False
        values = self._computed(self.train_metrics)
        return values if self.last_penalty is None else {**values, "train/penalty": self.last_penalty}

    def _computed(self, metrics: MetricCollection) -> dict[str, Tensor]:
        """Compute the metrics over all processes, the loss first, and reset them."""
        values, name = metrics.compute(), metrics.prefix
        metrics.reset()
        confusion, count = (values.pop(f"{name}{each}", None) for each in ("confusion_matrix", "count"))
        if metrics is not self.train_metrics:
            self._confusion_matrix = confusion
            self._evaluated = int(count if count is not None else confusion.sum())
        return {f"{name}loss": values.pop(f"{name}loss"), **values}  # torchmetrics sorts them by name

    def on_train_start(self) -> None:
        """Reset the batch index of an earlier fit."""
        self._batch = (-1, -1)

    def on_validation_model_zero_grad(self) -> None:
        """Keep the gradients of the last step, which callbacks read: Lightning would clear them."""

    def on_validation_epoch_start(self) -> None:
        """Reset the metrics; average running statistics, so that all processes evaluate the same network."""
        self.val_metrics.reset()
        average_statistics(self, self.trainer)

    def on_test_epoch_start(self) -> None:
        """Reset the metrics."""
        self.test_metrics.reset()

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Update the metrics with a batch."""
        self.loss(batch, self.val_metrics)

    def test_step(self, batch: Any, batch_idx: int) -> None:
        """Update the metrics with a batch."""
        self.loss(batch, self.test_metrics)

    def predict_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Return predictions: probabilities (N, K) of a classifier, numbers (N, O) of a regression."""
        return self.task.predict(self(batch[0]))

    def on_validation_epoch_end(self) -> None:
        """Log the metrics of validation and training."""
        training = {}
        if not self.trainer.sanity_checking:
            training, self.validated_epoch = self._training_metrics(), self.current_epoch
        self.log_dict({**training, **self._computed(self.val_metrics)}, sync_dist=True)

    def on_test_epoch_end(self) -> None:
        """Log the test's metrics."""
        self.log_dict(self._computed(self.test_metrics), sync_dist=True)

    # Public attributes are kept in checkpoints; these two belong to an evaluation.

    @property
    def confusion_matrix(self) -> Tensor | None:
        """Counts (K, K) of a classifier's last validation or test; rows are targets, columns predictions."""
        return self._confusion_matrix

    @property
    def evaluated(self) -> int | None:
        """How many samples (of text: tokens) the last validation or test had."""
        return self._evaluated
