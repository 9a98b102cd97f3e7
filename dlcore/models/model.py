"""What all models share: one optimiser step on one batch, tallies instead of metrics, schedules, what is logged."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.optim import Optimizer

from dlcore.errors import ArgumentError, check_number
from dlcore.models.optimization import (
    LRSchedulerCallable,
    OptimizerCallable,
    check_optimization,
    make_optimizer,
    make_schedule,
    step_schedule,
)
from dlcore.nn import Tally, Task

Batch = tuple[Tensor, Tensor]


class Model(LightningModule):
    """Base of dlcore's models. A subclass gives `forward`, which maps inputs to raw scores (N, task.out_features).

    The optimisation is Lightning's manual one: `update` is one optimiser step on one batch and the only place where
    weights change, so that several of them can run within one Lightning step. Counting, logging and schedules go by
    optimiser steps.

    Logged, all under the optimiser step: every `log_every_n_steps` steps ``train/loss_step`` (mean since the last
    time; of several processes, that of the first) and ``lr``; at each validation ``train/…`` (mean since the last
    validation, taken while training, so with dropout and with weights that still change) and ``val/…``; an epoch
    without validation logs ``train/…`` at its end.

    A checkpoint holds what was added up so far, gradients that wait for the next batch and, of a single process, the
    state of the random numbers: a resumed run reports the same means, takes the same steps and drops the same values as
    one that was never interrupted.

    Args:
        task: Loss, metrics and output of the network.
        optimizer: Makes the optimiser from the parameters.
        lr_scheduler: Makes the schedule from the optimiser; None keeps the learning rate.

    Attributes:
        gradient_clip_val: Bound on the gradients; None for no clipping. `dlcore.runs` sets it from the trainer's
            argument of that name, since Lightning refuses it in manual optimisation.
        gradient_clip_algorithm: ``norm`` (of all gradients together) or ``value`` (of each number).
        accumulate_grad_batches: Batches whose gradients are averaged for one optimiser step; set likewise. An epoch's
            last step takes the batches that are left, and averages over so many.
    """

    def __init__(self, task: Task, optimizer: OptimizerCallable, lr_scheduler: LRSchedulerCallable | None) -> None:
        super().__init__()
        check_optimization(optimizer, lr_scheduler)
        self.automatic_optimization = False
        self.task = task
        self.optimizer_factory, self.schedule_factory = optimizer, lr_scheduler
        self.gradient_clip_val: float | None = None
        self.gradient_clip_algorithm = "norm"
        self.accumulate_grad_batches = 1
        self.lr = 0.0  # of the last step
        self._schedule_per_batch = False
        self._train_tally: Tally | None = None
        self._logged_until = (0.0, 0)  # loss sum and count of the train tally when train/loss_step was last logged
        self._train_metrics: dict[str, float] = {}
        self._gradients_wait = False  # for the next batch, when they are accumulated
        self._resumed: dict[str, Any] = {}  # what a checkpoint brought back, until the training starts
        self.eval_tally: Tally | None = None

    # Training

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Make the optimiser and the schedule. The schedule is stepped in `update`."""
        if self.gradient_clip_val is not None:
            check_number("trainer.gradient_clip_val", self.gradient_clip_val, at_least=0, remedy="0 does not clip.")
        if self.gradient_clip_algorithm not in ("norm", "value"):
            raise ArgumentError("trainer.gradient_clip_algorithm", "norm or value", self.gradient_clip_algorithm)
        check_number("trainer.accumulate_grad_batches", self.accumulate_grad_batches, at_least=1)
        # Scaled gradients cannot be clipped when the fused optimiser itself takes the scale away.
        clips_scaled = self.gradient_clip_val is not None and self.trainer.precision == "16-mixed"
        optimizer = make_optimizer(self.optimizer_factory, self.parameters(), fused=not clips_scaled)
        if self.schedule_factory is None:
            return optimizer
        schedule, self._schedule_per_batch = make_schedule(self.schedule_factory, optimizer)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule}}

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """Train on one batch and log every `log_every_n_steps` optimiser steps."""
        every = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        if self.update(batch, batch_idx) and every and self.trainer.global_step % every == 0:
            self._log_interval()

    def update(self, batch: Batch, batch_idx: int) -> bool:
        """Take one optimiser step on one batch.

        Over several processes the gradient is the mean of theirs. Only in an epoch's last batch, whose samples may not
        divide among them, does a sample of a smaller share weigh more.

        Args:
            batch: Inputs (N, …) and targets (N, …).
            batch_idx: Position of the batch in the epoch, for accumulated gradients and schedules.

        Returns:
            Whether the weights changed: False for a batch whose gradients wait for the next ones.
        """
        inputs, targets = batch
        optimizer = self.optimizers()
        last = self.trainer.is_last_batch
        place = batch_idx % self.accumulate_grad_batches
        # Gradients are cleared here and not after the step, so that callbacks can look at those of the last step.
        if place == 0:
            optimizer.zero_grad()  # type: ignore[union-attr]
        outputs = self(inputs)
        # An empty batch is a process's share of a last batch that is smaller than the number of processes.
        loss = self.task.loss(outputs, targets) if len(targets) else outputs.sum() * 0
        batches = min(self.accumulate_grad_batches, self.trainer.num_training_batches - (batch_idx - place))
        self.manual_backward(loss / batches if batches > 1 else loss)
        self.train_tally.add(loss, outputs, targets)
        self._gradients_wait = place + 1 < self.accumulate_grad_batches and not last
        if self._gradients_wait:
            return False
        self.lr = optimizer.param_groups[0]["lr"]  # type: ignore[union-attr]
        optimizer.step()  # type: ignore[union-attr]
        if self.schedule_factory is not None and (self._schedule_per_batch or last):
            step_schedule(self.lr_schedulers())  # type: ignore[arg-type]
        return True

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Clip the gradients. Here, and not before `step`: by now a 16-bit precision has taken its scale away."""
        if self.gradient_clip_val is not None:
            self.clip_gradients(optimizer, self.gradient_clip_val, self.gradient_clip_algorithm)

    @property
    def train_tally(self) -> Tally:
        """What was added up since ``train/…`` was last logged."""
        if self._train_tally is None:
            self._train_tally = self.task.tally(self.device)
        return self._train_tally

    def on_validation_model_zero_grad(self) -> None:
        """Keep the gradients of the last step, which Lightning would clear: callbacks look at them."""

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        """Log the training's metrics at the end of an epoch that has no validation."""
        fit_loop = self.trainer.fit_loop
        if self.trainer.is_last_batch:
            validated = fit_loop.epoch_loop.val_loop.batch_progress.total.ready > 0
            # Lightning's own question before it validates; there is no public one.
            if not validated and not fit_loop.epoch_loop._should_check_val_fx(fit_loop._data_fetcher):  # type: ignore[arg-type]
                self._take_train_metrics()
                self._log_epoch({})

    # Evaluation

    def on_validation_epoch_start(self) -> None:
        """Start counting; within a fit, close the training's tally so that both are logged together."""
        self.eval_tally = self.task.tally(self.device)
        if self.trainer.state.fn == "fit" and not self.trainer.sanity_checking:
            self._take_train_metrics()
            self._agree_on_buffers()

    def _agree_on_buffers(self) -> None:
        """Give all processes the mean of their running statistics, so that they evaluate and keep the same network."""
        if self.trainer.world_size > 1:
            for buffer in self.buffers():
                if buffer.is_floating_point():
                    buffer.copy_(self.trainer.strategy.reduce(buffer.clone(), reduce_op="mean"))

    def on_test_epoch_start(self) -> None:
        """Start counting."""
        self.eval_tally = self.task.tally(self.device)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Add a batch to the tally."""
        inputs, targets = batch
        if len(targets):
            outputs = self(inputs)
            self.eval_tally.add(self.task.loss(outputs, targets), outputs, targets)  # type: ignore[union-attr]

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Add a batch to the tally."""
        self.validation_step(batch, batch_idx)

    def predict_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Answer a batch: probabilities (N, K) of a classifier, numbers (N, O) of a regression."""
        return self.task.predict(self(batch[0]))

    def on_validation_epoch_end(self) -> None:
        """Log validation beside training."""
        metrics = self._read(self.eval_tally)
        if self.trainer.sanity_checking:
            return
        self._log_epoch({f"val/{name}": value for name, value in metrics.items()})

    def on_test_epoch_end(self) -> None:
        """Log the test's metrics, the thorough ones too."""
        metrics = self._read(self.eval_tally, thorough=True)
        self._log_epoch({f"test/{name}": value for name, value in metrics.items()})

    # Logging

    def epochs_done(self) -> float:
        """Epochs trained so far, as a fraction: the x axis that batch size does not change."""
        batches = self.trainer.num_training_batches
        within = self.trainer.fit_loop.epoch_loop.batch_progress.current.ready
        share = within / batches if isinstance(batches, int) and batches else 0.0
        return round(self.trainer.current_epoch + share, 4)

    def _read(self, tally: Tally | None, thorough: bool = False) -> dict[str, float]:
        """Metrics of a tally over all processes."""
        if tally is None:
            return {}
        if self.trainer.world_size > 1:
            tally.load_sums([self.trainer.strategy.reduce(total, reduce_op="sum") for total in tally.sums()])
        return tally.metrics(thorough)

    def _take_train_metrics(self) -> None:
        tally = self.train_tally
        # What train/loss_step has not told yet is counted before the next tally's beginning.
        self._logged_until = (self._logged_until[0] - tally.loss_sum.item(), self._logged_until[1] - tally.count)
        metrics = self._read(tally)
        self._train_metrics = {f"train/{name}": value for name, value in metrics.items()} if tally.count else {}
        self._train_tally = None

    def _log_epoch(self, metrics: dict[str, float]) -> None:
        """Log metrics of an epoch (or of the part since the last validation) to callbacks and loggers."""
        metrics = {**self._train_metrics, **metrics}
        self._train_metrics = {}
        fitting = self.trainer.state.fn == "fit"
        # All processes have the same values already; saying that they are to be averaged keeps Lightning quiet.
        self.log_dict(metrics, logger=not fitting, sync_dist=self.trainer.world_size > 1)
        if fitting:
            self._send(metrics)

    def _log_interval(self) -> None:
        """Log the mean loss since the last time, and the learning rate of the step that was just taken."""
        tally = self.train_tally
        loss_sum, count = self._logged_until
        self._logged_until = (tally.loss_sum.item(), tally.count)
        loss = (self._logged_until[0] - loss_sum) / max(1, tally.count - count)
        # Set directly: `self.log` costs a millisecond here and more in each step that follows.
        self.trainer.callback_metrics["train/loss_step"] = loss  # type: ignore[assignment]
        self._send({"train/loss_step": loss, "lr": self.lr})

    def _send(self, metrics: dict[str, float]) -> None:
        metrics = {"epoch": self.epochs_done(), **metrics}
        for logger in self.trainer.loggers:
            logger.log_metrics(metrics, step=self.trainer.global_step)

    # Checkpoints

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep what Lightning does not: random numbers, gradients that wait, what was added up in the epoch so far."""
        alone = self.trainer.world_size == 1
        if alone:
            checkpoint["random_states"] = [torch.get_rng_state()]
            if self.device.type == "cuda":
                checkpoint["random_states"].append(torch.cuda.get_rng_state(self.device))
        if self._gradients_wait:
            gradients = {name: parameter.grad for name, parameter in self.named_parameters()}
            checkpoint["gradients"] = {name: grad.cpu() for name, grad in gradients.items() if grad is not None}
        sums = [*self.train_tally.sums(), self.train_tally.loss_sum.new_tensor(self._logged_until)]
        if not alone:
            sums = [self.trainer.strategy.reduce(total.clone(), reduce_op="sum") for total in sums]
        *sums, logged_until = [total.cpu() for total in sums]
        checkpoint["train_tally"] = {"sums": sums, "logged_until": logged_until.tolist()}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Note what a run that is resumed had."""
        # Weights that are loaded for another use (a test, a fit that starts anew) bring nothing of their epoch along.
        if self._trainer is not None and self.trainer.state.fn == "fit":
            self._resumed = {name: checkpoint.get(name) for name in ("random_states", "gradients", "train_tally")}

    def on_train_start(self) -> None:
        """Take up what a run that is resumed had: as the last thing before its first batch."""
        resumed, self._resumed = self._resumed, {}
        tally = resumed.get("train_tally")
        if tally and self.trainer.is_global_zero:  # the sums are those of all processes: one takes them over
            self.train_tally.load_sums([total.to(self.device) for total in tally["sums"]])
            self._logged_until = (tally["logged_until"][0], int(tally["logged_until"][1]))
        for name, parameter in self.named_parameters():
            if name in (resumed.get("gradients") or {}):
                parameter.grad = resumed["gradients"][name].to(parameter)
        if (states := resumed.get("random_states")) and self.trainer.world_size == 1:
            torch.set_rng_state(states[0].cpu())
            if len(states) > 1 and self.device.type == "cuda":
                torch.cuda.set_rng_state(states[1].cpu(), self.device)
