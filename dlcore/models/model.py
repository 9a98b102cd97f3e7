"""What all models share: loss and metrics of a batch, what is logged when, optimiser and schedule."""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any

from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim import LBFGS, Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.hooks import RemovableHandle
from torchmetrics import MetricCollection

from dlcore.errors import ArgumentError, FitError, check_number
from dlcore.lightning_compat import validation_follows
from dlcore.models.factory_settings import LRSchedulerCallable, OptimizerCallable
from dlcore.models.optimization import check_optimization, check_step, make_optimizer
from dlcore.models.schedules import check_length, make_schedule, steps_of_run
from dlcore.nn import Penalty, Task
from dlcore.nn.metrics import MeanLoss
from dlcore.optim import full_rate, warm_up, warmup_factor
from dlcore.processes import average_statistics
from dlcore.torch_compat import scale_before_step


class Model(LightningModule):
    """Base of dlcore's models. A subclass gives `forward`, which maps inputs to raw scores (N, task.out_features).

    Logged are, at each validation, ``val/…`` and ``train/…`` (of the batches since the last validation, taken while
    training, so with dropout and with weights that still change); in an epoch without validation ``train/…`` at its
    end; every `log_every_n_steps` steps ``train/loss_step`` (the mean since the last time) and ``lr``. Losses are the
    task's alone, so that training and validation compare; a penalty is logged apart, as ``train/penalty``.

    Args:
        task: Loss, metrics and output of the network.
        optimizer: Makes the optimiser from the parameters.
        lr_scheduler: Makes the schedule from the optimiser; None keeps the learning rate.
        warmup_steps: Optimiser steps in which the learning rate grows to its full value, as a factor on what the
            schedule says; schedules, callbacks and checkpoints see the rate without it.
        penalty: What is added to the loss for the size of parameters; None adds nothing.

    Raises:
        ArgumentError: Optimiser, schedule or warm-up cannot work as they are set.
    """

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
        self.last_penalty: Tensor | None = None
        self._confusion_matrix: Tensor | None = None
        self._evaluated: int | None = None
        self._penalized: list[nn.Parameter] = []
        self._batch = (-1, -1)  # epoch and index of the last training batch
        self._early_rate: float | None = None  # of the last step of an epoch before the first interval's end
        self._shares_loss = False
        self.validated_epoch = -1  # the epoch of the last validation
        self._warm_up: list[RemovableHandle] = []

    # Training

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Make the optimiser and the schedule."""
        try:
            optimizer = make_optimizer(self.optimizer_factory, self.parameters())
            if self.trainer.gradient_clip_val is not None:
                scale_before_step(optimizer)
            check_step(optimizer, self.trainer)
            # Also without a factor: a pattern that fits nothing is a slip, whatever it would have been multiplied by.
            chosen = self.penalty.select(self.named_parameters()) if self.penalty is not None else []
            self._penalized = chosen if self.penalty else []
            # A line search goes by the loss: all processes must see the same, or they wait for each other for ever.
            self._shares_loss = isinstance(optimizer, LBFGS) and self.trainer.world_size > 1
            if self.warmup_steps:
                self._warm_up = warm_up(optimizer, self.warmup_steps, lambda: self.global_step)
            if self.schedule_factory is None:
                return optimizer
            schedule, interval = self.make_schedule(optimizer)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": interval}}
        except ArgumentError as error:
            own = error.argument.split(".")[0] in inspect.signature(type(self)).parameters  # else trainer's or data's
            raise error.within("model") if own else error from error

    def make_schedule(self, optimizer: Optimizer) -> tuple[LRScheduler, str]:
        """A new schedule of the optimiser, and what it counts: ``epoch`` or ``step``."""
        steps = partial(steps_of_run, self.trainer)
        schedule, interval = make_schedule(self.schedule_factory, optimizer, steps)  # type: ignore[arg-type]
        check_length(schedule, steps)
        return schedule, interval

    def loss(self, batch: Any, metrics: MetricCollection | None = None) -> Tensor:
        """The task's loss of a batch, a scalar.

        Args:
            batch: Inputs (N, …) and targets (N, …).
            metrics: What the batch is added to; None: nothing.
        """
        inputs, targets = batch
        outputs = self(inputs)
        # An empty batch is a process's share of a last batch that is smaller than the number of processes.
        loss = self.task.loss(outputs, targets) if len(targets) else outputs.sum() * 0
        if metrics is not None and len(targets):
            metrics.update(**self.task.metric_inputs(loss, outputs, targets))
        return loss

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """The loss of a batch, with the penalty."""
        # L-BFGS computes the loss of a batch several times within a step: the first time counts.
        again = (self.current_epoch, batch_idx) == self._batch
        self._batch = (self.current_epoch, batch_idx)
        while self._warm_up and self.global_step >= self.warmup_steps:
            self._warm_up.pop().remove()
        loss = total = self.loss(batch, None if again else self.train_metrics)
        if self._penalized:
            penalty = self.penalty(self._penalized)  # type: ignore[misc]
            self.last_penalty, total = penalty.detach(), loss + penalty
        if not again:
            self._log_training(loss, batch[1])
        if self._shares_loss:
            total = total + (self.trainer.strategy.reduce(total.detach(), reduce_op="mean") - total).detach()
        return total

    def _log_training(self, loss: Tensor, targets: Tensor) -> None:
        self.trained = True
        if every := self.trainer.log_every_n_steps:  # type: ignore[attr-defined]
            if self.global_step // every != self.recent_interval:
                self.recent_interval = self.global_step // every
                self.recent_loss.reset()
            self.recent_loss.update(loss, self.task.weight(targets))
            if (self.global_step + 1) % every == 0:
                penalty = {} if self.last_penalty is None else {"train/penalty_step": self.last_penalty}
                self.log_dict({"train/loss_step": self.recent_loss.compute(), **penalty, "lr": self.current_rate})
        early = self.trainer.is_last_batch and self.global_step + 1 < every
        self._early_rate = self.current_rate if early else None
        # Not in `on_train_epoch_end`, which callbacks that go by the metrics come before.
        if self.trainer.is_last_batch and not self._validates():
            self.log_dict(self._training_metrics(), on_step=False, on_epoch=True, sync_dist=True, batch_size=1)

    def on_train_epoch_end(self) -> None:
        """Log the rate of an epoch before the first interval's end: its curve has a point all the same."""
        if self._early_rate is not None:
            self.log("lr", self._early_rate, sync_dist=True)

    @property
    def current_rate(self) -> float:
        """The rate of the next step, with the warm-up."""
        return full_rate(self.trainer.optimizers[0]) * warmup_factor(self.global_step, self.warmup_steps)

    def _validates(self) -> bool:
        """Whether this epoch's metrics are logged with a validation."""
        trainer, every = self.trainer, self.trainer.check_val_every_n_epoch
        if not trainer.enable_validation:
            return False
        if every is not None:
            return (self.current_epoch + 1) % every == 0
        return self.validated_epoch == self.current_epoch or validation_follows(trainer)

    def _training_metrics(self) -> dict[str, Tensor]:
        """Metrics of the training since they were last asked for."""
        if not self.trained:
            return {}
        self.trained = False
        values, _ = self._read(self.train_metrics)
        return values if self.last_penalty is None else {**values, "train/penalty": self.last_penalty}

    def _read(self, metrics: MetricCollection) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """What was added up, over all processes, and what of it is no curve; begin to count anew."""
        values = metrics.compute()
        metrics.reset()
        first = f"{metrics.prefix}loss"  # torchmetrics has them by the alphabet
        values = {first: values.pop(first), **values}
        return values, {name: values.pop(f"{metrics.prefix}{name}", None) for name in ("confusion_matrix", "count")}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse to train on from a checkpoint of an older dlcore, whose counts and sums are others."""
        if "train_tally" in checkpoint and self._trainer is not None and self.trainer.state.fn == "fit":
            raise FitError(
                "ckpt_path: expected a checkpoint of this version of dlcore, got one of an older version. It serves "
                "validate, test, predict and generate. Train anew, or go on with the version that wrote it."
            )

    def on_validation_model_zero_grad(self) -> None:
        """Keep the gradients of the last step, which Lightning would clear: callbacks look at them."""

    # Evaluation

    def on_train_start(self) -> None:
        """Forget the last batch of a fit before this one."""
        self._batch = (-1, -1)

    def on_validation_epoch_start(self) -> None:
        """Begin to count; all processes evaluate the same network."""
        self.val_metrics.reset()
        average_statistics(self, self.trainer)

    def on_test_epoch_start(self) -> None:
        """Begin to count."""
        self.test_metrics.reset()

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Count a batch."""
        self.loss(batch, self.val_metrics)

    def test_step(self, batch: Any, batch_idx: int) -> None:
        """Count a batch."""
        self.loss(batch, self.test_metrics)

    def predict_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Answer a batch: probabilities (N, K) of a classifier, numbers (N, O) of a regression."""
        return self.task.predict(self(batch[0]))

    def on_validation_epoch_end(self) -> None:
        """Log validation beside training."""
        training = {}
        if not self.trainer.sanity_checking:
            training, self.validated_epoch = self._training_metrics(), self.current_epoch
        self.log_dict({**training, **self._evaluation_metrics(self.val_metrics)}, sync_dist=True)

    def on_test_epoch_end(self) -> None:
        """Log the test's metrics."""
        self.log_dict(self._evaluation_metrics(self.test_metrics), sync_dist=True)

    def _evaluation_metrics(self, metrics: MetricCollection) -> dict[str, Tensor]:
        values, others = self._read(metrics)
        self._confusion_matrix, count = others["confusion_matrix"], others["count"]
        self._evaluated = int(count if count is not None else others["confusion_matrix"].sum())
        return values

    @property
    def confusion_matrix(self) -> Tensor | None:
        """Counts (K, K) of a classifier's last validation or test; rows are targets, columns predictions."""
        return self._confusion_matrix

    @property
    def evaluated(self) -> int | None:
        """How many samples (of text: tokens) the last validation or test had."""
        return self._evaluated
