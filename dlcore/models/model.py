"""What all models share: one optimiser step on one batch, tallies instead of metrics, schedules, what is logged."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from itertools import count
from typing import Any

from lightning.pytorch import LightningModule
from lightning.pytorch.plugins.precision import Precision
from lightning.pytorch.utilities.enums import GradClipAlgorithmType
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim import LBFGS, Optimizer
from torch.optim.lr_scheduler import LRScheduler

from dlcore.errors import ArgumentError, check_number
from dlcore.models.factory_settings import LRSchedulerCallable, OptimizerCallable
from dlcore.models.metric_log import MetricLog
from dlcore.models.optimization import check_optimization, check_step, make_optimizer
from dlcore.models.progress import agree_on_statistics, keep_progress, kept_progress, take_up_progress
from dlcore.models.schedules import check_length, make_schedule, step_schedule, stepped_schedule, steps_of_run
from dlcore.models.steps import Steps
from dlcore.nn import Penalty, Tally, Task
from dlcore.optim import warmed_up, warmup_factor

Batch = tuple[Tensor, Tensor]


class Model(LightningModule):
    """Base of dlcore's models. A subclass gives `forward`, which maps inputs to raw scores (N, task.out_features).

    The optimisation is Lightning's manual one: `update` is one optimiser step on one batch and the only place where
    weights change, so that several of them can run within one Lightning step. Counting, logging and schedules go by
    optimiser steps.

    Logged, all under the optimiser step: every `log_every_n_steps` steps ``train/loss_step`` (mean since the last
    time; of several processes, that of the first) and ``lr``; at each validation ``train/…`` (mean since the last
    validation, taken while training, so with dropout and with weights that still change) and ``val/…``; an epoch
    without validation logs ``train/…`` at its end. Losses are the task's alone, so that training and validation
    compare. A penalty is logged apart, as the last step had it: ``train/penalty_step`` and ``train/penalty``.

    A checkpoint holds what was added up so far, gradients that wait for the next batch and the state of each process's
    random numbers: a resumed run reports the same means, takes the same steps and drops the same values as
    one that was never interrupted.

    Args:
        task: Loss, metrics and output of the network.
        optimizer: Makes the optimiser from the parameters.
        lr_scheduler: Makes the schedule from the optimiser; None keeps the learning rate.
        warmup_steps: Optimiser steps in which the learning rate grows to its full value, as a factor on what the
            schedule says; schedules, callbacks and checkpoints see the rate without it.
        penalty: What is added to the loss for the size of parameters; None adds nothing.

    Attributes:
        gradient_clip_val: Bound on the gradients; None for no clipping. `dlcore.runs` sets it from the trainer's
            argument of that name, since Lightning refuses it in manual optimisation.
        gradient_clip_algorithm: ``norm`` (of all gradients together) or ``value`` (of each number).
        accumulate_grad_batches: Batches whose gradients are averaged for one optimiser step; set likewise. An epoch's
            last step takes the batches that are left, and averages over so many.
        schedule_per_batch: Whether the schedule takes a step for each optimiser step (else for each epoch).

    Raises:
        ArgumentError: Optimiser, schedule or warm-up cannot work as they are set.
    """

    def __init__(
        self,
        task: Task,
        optimizer: OptimizerCallable,
        lr_scheduler: LRSchedulerCallable | None,
        warmup_steps: int = 0,
        penalty: Penalty | None = None,
    ) -> None:
        super().__init__()
        check_optimization(optimizer, lr_scheduler)
        check_number("warmup_steps", warmup_steps, at_least=0, whole=True)
        self.automatic_optimization = False
        self.task = task
        self.optimizer_factory, self.schedule_factory = optimizer, lr_scheduler
        self.warmup_steps, self.penalty = warmup_steps, penalty
        self._penalized: list[nn.Parameter] = []
        self.gradient_clip_val: float | None = None
        self.gradient_clip_algorithm = "norm"
        self.accumulate_grad_batches = 1
        self.lr = 0.0  # of the last step
        self.carried: tuple[Tensor, ...] = ()  # what a recurrent network keeps from one training batch to the next
        self.schedule_per_batch = False
        self.gradients_wait = False  # for the next batch, when they are accumulated
        self._resumed: dict[str, Any] = {}  # what a checkpoint brought back, until the training starts
        self.metric_log = MetricLog(self)
        self.steps = Steps(self)  # the way to the optimiser; `dlcore.runs` takes a shorter one where nobody looks

    # Training

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Make the optimiser and the schedule. The schedule is stepped in `update`."""
        try:
            return self._make_optimization()
        except ArgumentError as error:
            own = error.argument.split(".")[0] in inspect.signature(type(self)).parameters  # else trainer's or data's
            raise error.within("model") if own else error from error

    def _make_optimization(self) -> OptimizerLRScheduler:
        # Scaled gradients cannot be clipped when the fused optimiser itself takes the scale away.
        clips_scaled = self.gradient_clip_val is not None and self.trainer.precision == "16-mixed"
        optimizer = make_optimizer(self.optimizer_factory, self.parameters(), fused=not clips_scaled)
        check_step(optimizer, self)
        # Also without a factor: a pattern that fits nothing is a slip, whatever it would have been multiplied by.
        chosen = self.penalty.select(self.named_parameters()) if self.penalty is not None else []
        self._penalized = chosen if self.penalty else []
        if self.schedule_factory is None:
            return optimizer
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": self._make_schedule(optimizer)}}

    def _make_schedule(self, optimizer: Optimizer) -> LRScheduler:
        steps = partial(steps_of_run, self.trainer, self.accumulate_grad_batches)
        schedule, self.schedule_per_batch = make_schedule(self.schedule_factory, optimizer, steps)  # type: ignore[arg-type]
        check_length(schedule, steps)
        return schedule

    def schedule_at(self, optimizer: Optimizer, steps: int) -> LRScheduler:
        """A new schedule that has taken so many steps (epochs, or optimiser steps) already; sets the rates to it."""
        return stepped_schedule(self._make_schedule, optimizer, steps)

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """Train on one batch and log every `log_every_n_steps` optimiser steps."""
        every = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        if self.update(batch, batch_idx) and every and self.trainer.global_step % every == 0:
            self.metric_log.log_interval(self.lr)

    def update(self, batch: Batch, batch_idx: int) -> bool:
        """Take one optimiser step on one batch.

        Over several processes the gradient is the mean of theirs. Only in an epoch's last batch, whose samples may not
        divide among them, does a sample of a smaller share weigh more. A penalty is added once, not for each of the
        batches whose gradients are accumulated. L-BFGS computes loss and gradient of its batch several times within the
        step: each time they are clipped, all of it is one step, and the first time counts for the metrics.

        Args:
            batch: Inputs (N, …) and targets (N, …).
            batch_idx: Position of the batch in the epoch, for accumulated gradients and schedules.

        Returns:
            Whether the weights changed: False for a batch whose gradients wait for the next ones.
        """
        optimizer = self.steps.optimizer
        last = self.trainer.is_last_batch
        place = batch_idx % self.accumulate_grad_batches
        self.gradients_wait = place + 1 < self.accumulate_grad_batches and not last
        closure = None
        if isinstance(optimizer, LBFGS):
            closure = self._closure(batch)
        else:
            # Gradients are cleared here and not after the step, so that callbacks can look at those of the last step.
            if place == 0:
                self.steps.clear_gradients()
            batches = min(self.accumulate_grad_batches, self.trainer.num_training_batches - (batch_idx - place))
            self._backward(batch, batches)
            if self.gradients_wait:
                return False
        step = self.trainer.global_step if self.warmup_steps else 0
        warm = step < self.warmup_steps
        with warmed_up(optimizer, warmup_factor(step, self.warmup_steps)) if warm else nullcontext():
            self.lr = optimizer.param_groups[0]["lr"]
            self.steps.take(closure)
        if self.schedule_factory is not None and (self.schedule_per_batch or last):
            step_schedule(self.lr_schedulers())  # type: ignore[arg-type]
        return True

    def _backward(self, batch: Batch, batches: float = 1, counts: bool = True) -> Tensor:
        """Compute the gradients of one batch, of as many as are averaged; give what they are the gradients of."""
        loss = self.assess(batch, self.metric_log.train if counts else None)
        total = loss / batches if batches > 1 else loss
        if self._penalized and not self.gradients_wait:
            penalty = self.penalty(self._penalized)  # type: ignore[misc]
            self.metric_log.penalty = penalty.detach()
            total = total + penalty
        self.steps.backward(total)
        return total

    def assess(self, batch: Batch, tally: Tally | None) -> Tensor:
        """The loss of a batch, a scalar; loss and metrics are added to the tally where there is one."""
        inputs, targets = batch
        outputs = self(inputs)
        # An empty batch is a process's share of a last batch that is smaller than the number of processes.
        loss = self.task.loss(outputs, targets) if len(targets) else outputs.sum() * 0
        if tally is not None:
            tally.add(loss, outputs, targets)
        return loss

    def _closure(self, batch: Batch) -> Callable[[], Tensor]:
        """What an optimiser calls that needs loss and gradients of a batch several times."""
        calls = count()

        def evaluate() -> Tensor:
            self.steps.clear_gradients()
            total = self._backward(batch, counts=next(calls) == 0).detach()
            # A line search that sees its own process's loss ends after another number of evaluations than the others'
            # do, and then all wait for each other for ever.
            return self.trainer.strategy.reduce(total, reduce_op="mean") if self.trainer.world_size > 1 else total

        return evaluate

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Clip the gradients. Here, and not before `step`: by now a 16-bit precision has taken its scale away."""
        if self.gradient_clip_val is None:
            return
        if self.trainer.precision == "bf16-mixed":
            # Without a scale there is none that a fused optimiser could take away, but Lightning refuses all the same.
            algorithm = GradClipAlgorithmType(self.gradient_clip_algorithm)
            Precision.clip_gradients(self.trainer.precision_plugin, optimizer, self.gradient_clip_val, algorithm)
        else:
            self.clip_gradients(optimizer, self.gradient_clip_val, self.gradient_clip_algorithm)

    def on_validation_model_zero_grad(self) -> None:
        """Keep the gradients of the last step, which Lightning would clear: callbacks look at them."""

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        """Log the training's metrics at the end of an epoch that has no validation."""
        fit_loop = self.trainer.fit_loop
        if self.trainer.is_last_batch:
            validated = fit_loop.epoch_loop.val_loop.batch_progress.total.ready > 0
            # Lightning's own question before it validates; there is no public one.
            if not validated and not fit_loop.epoch_loop._should_check_val_fx(fit_loop._data_fetcher):  # type: ignore[arg-type]
                self.metric_log.close_train()
                self.metric_log.log_epoch({})

    # Evaluation

    def on_validation_epoch_start(self) -> None:
        """Start counting; within a fit, close the training's tally so that both are logged together."""
        self.metric_log.start_evaluation()
        if self.trainer.state.fn == "fit" and not self.trainer.sanity_checking:
            self.metric_log.close_train()
            agree_on_statistics(self)

    def on_test_epoch_start(self) -> None:
        """Start counting."""
        self.metric_log.start_evaluation()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Add a batch to the tally."""
        if len(batch[1]):
            self.assess(batch, self.metric_log.evaluation)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Add a batch to the tally."""
        self.validation_step(batch, batch_idx)

    def predict_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Answer a batch: probabilities (N, K) of a classifier, numbers (N, O) of a regression."""
        return self.task.predict(self(batch[0]))

    def on_validation_epoch_end(self) -> None:
        """Log validation beside training; of the trial validation only callbacks hear, which so know the names."""
        metrics = self.metric_log.evaluated("val")
        if self.trainer.sanity_checking:
            self.log_dict(metrics, logger=False, sync_dist=True)
        else:
            self.metric_log.log_epoch(metrics)

    def on_test_epoch_end(self) -> None:
        """Log the test's metrics, the thorough ones too."""
        self.metric_log.log_epoch(self.metric_log.evaluated("test", thorough=True))

    @property
    def eval_tally(self) -> Tally | None:
        """What the last validation or test added up."""
        return self.metric_log.evaluation

    def epochs_done(self) -> float:
        """Epochs trained so far, as a fraction: the x axis that batch size does not change."""
        batches = self.trainer.num_training_batches
        within = self.trainer.fit_loop.epoch_loop.batch_progress.current.ready
        share = within / batches if isinstance(batches, int) and batches else 0.0
        return round(self.trainer.current_epoch + share, 4)

    # Checkpoints

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep what Lightning does not: random numbers, gradients that wait, what was added up in the epoch so far."""
        keep_progress(self, checkpoint)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Note what a run that is resumed had."""
        # Weights that are loaded for another use (a test, a fit that starts anew) bring nothing of their epoch along.
        if self._trainer is not None and self.trainer.state.fn == "fit":
            self._resumed = kept_progress(checkpoint)

    def on_train_start(self) -> None:
        """Take up what a run that is resumed had: as the last thing before its first batch."""
        resumed, self._resumed = self._resumed, {}
        take_up_progress(self, resumed)
