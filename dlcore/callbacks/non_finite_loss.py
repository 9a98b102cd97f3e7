"""Handling of a NaN or infinite loss: stop the run before the weights are damaged, or recover."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal, final

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from torch.nn.utils import get_total_norm
from torch.optim import LBFGS, SGD, Adagrad, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import CyclicLR, OneCycleLR

from dlcore.callbacks.logged_figures import run_loggers
from dlcore.callbacks.metric_callback import record, say, seen_from_here
from dlcore.callbacks.training_state import (
    BatchState,
    WeightState,
    cause_and_remedy,
    cut_learning_rate,
    parameters_not_finite,
)
from dlcore.errors import ArgumentError, NotFiniteError, check_number
from dlcore.execution.per_batch_hooks import Position
from dlcore.lightning_compat import log_interval

# Optimisers whose fused implementation skips a step if a tensor on the device (`found_inf`) is set.
_CAN_WITHHOLD = (SGD, Adagrad, Adam, AdamW)


@final
class NonFiniteLoss(Callback):
    """Stops a training whose loss is NaN or infinite, before the step that would carry it into the weights.

    It checks each loss before its backward pass, with automatic optimisation and with `manual_backward`, also several
    in a batch. With L-BFGS it checks the first loss of a step: those of the line search may be infinite. If a loss
    bypasses Lightning (``loss.backward()``), it checks the gradients before the step. If the step bypasses Lightning
    too (the optimiser's own ``step``), it checks the weights before each checkpoint.

    The error states the step, the batch and the cause: inputs or targets of the batch are not finite, the weights
    overflowed in the step before, or activations grew too large. A checkpoint with weights that are not finite is never
    written, so the last one can always be resumed. On a GPU the check does not synchronise: the device skips all
    further updates, and the error is raised when the loss is next logged.

    Args:
        policy: What to do. stop: end the run with an error. skip: leave the batch out of training and metrics, and go
            on with the next one, also if only the gradients are not finite. back_off: go back to the weights and
            the optimiser's state of the last checkpoint (or of the start), cut the learning rate, and go on with the
            next batch. The step of such a batch counts, so schedules and the order of samples do not change. Both
            also check the gradients of each step, which synchronises with a GPU.
        factor: Factor by which back_off multiplies the learning rate, in (0, 1).
        times: How often skip and back_off may act in a run, at least 1; the next time stops it.

    Raises:
        ArgumentError: A value is out of range, or back_off cannot cut the rate of the schedule.
        NotFiniteError: The loss is not finite, and the run must stop.
    """

    hooks_of_every_batch = ("on_train_batch_start", "on_before_backward")

    def __init__(
        self, policy: Literal["stop", "skip", "back_off"] = "stop", factor: float = 0.5, times: int = 10
    ) -> None:
        if policy not in ("stop", "skip", "back_off"):
            raise ArgumentError("policy", "stop, skip or back_off", policy)
        check_number("factor", factor, above=0, below=1)
        check_number("times", times, at_least=1, whole=True)
        self.policy, self.factor, self.times = policy, factor, times
        self.waits: bool | None = None  # whether to synchronise with the device in each step; None: only on the CPU
        self._happened = 0
        self._batch: Any = None
        self._batch_idx = 0
        self._losses = 0  # of the batch so far
        self._seen_step = -1  # step whose loss was checked last
        self._step_at_start = 0  # of the batch
        self._repeats = False  # an optimiser computes the loss several times in a step
        self._left_out = self._is_others = False
        self._said = ""  # the problem of the current batch, until the batch is undone
        self._saved_step: int | None = None
        self._before: BatchState | None = None
        self._kept: WeightState | None = None
        self._first: Tensor | None = None  # on the device: the first step whose loss was not finite; 0 for none

    def state_dict(self) -> dict[str, Any]:
        """Return how often the loss was not finite."""
        return {"happened": self._happened}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the count."""
        self._happened = state_dict["happened"]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Choose whether to synchronise with the device, and store the state to go back to."""
        self._first, self._left_out, self._said = None, False, ""
        self._seen_step, self._repeats = -1, any(isinstance(each, LBFGS) for each in trainer.optimizers)
        self._saved_step = trainer.global_step if trainer.ckpt_path else None
        if self.policy == "back_off":
            for config in trainer.lr_scheduler_configs:
                if isinstance(config.scheduler, CyclicLR | OneCycleLR):
                    name = type(config.scheduler).__name__
                    expected = f"stop or skip with {name}, whose rates are fixed for the whole run"
                    raise ArgumentError("non_finite_loss.policy", expected, self.policy)
            self._kept = WeightState(trainer, pl_module)
        waits = pl_module.device.type == "cpu" if self.waits is None else self.waits
        if self.policy == "stop" and not waits and _can_withhold(trainer):
            self._first = torch.zeros((), dtype=torch.int64, device=pl_module.device)

    def skippable_batches(self, trainer: Trainer, position: Position) -> float:
        """Return infinity for `stop`, which needs only `hooks_of_every_batch`; else 0."""
        return math.inf if self.policy == "stop" else 0

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Store the state that the batch may change, to undo it later."""
        self._batch, self._batch_idx, self._losses = batch, batch_idx, 0
        self._seen_step, self._step_at_start = -1, trainer.global_step
        if self.policy != "stop":
            self._before = BatchState(pl_module)

    def on_before_backward(self, trainer: Trainer, pl_module: LightningModule, loss: Tensor) -> None:
        """Check a loss of the batch."""
        if self._repeats and self._seen_step == trainer.global_step:
            return
        self._seen_step = trainer.global_step
        self._losses += 1
        loss = loss.detach()
        own = loss
        if trainer.world_size > 1:  # one process's NaN makes every sum NaN, so all act alike
            loss = trainer.strategy.reduce(loss.clone(), reduce_op="sum")
        if self._first is not None:
            step = trainer.global_step + 1
            self._first = torch.where((self._first == 0) & ~loss.isfinite(), step, self._first)
            trainer.optimizers[0].found_inf = (self._first != 0).float()  # type: ignore[attr-defined]
        elif not math.isfinite(loss.item()):  # three times as fast as the tensor's isfinite
            self._is_others = math.isfinite(own.item())
            which = f"Loss {self._losses} of the batch" if self._losses > 1 else "The loss"
            self._act(trainer, pl_module, f"{which} is {'NaN' if loss.isnan() else 'infinite'}")

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer) -> None:
        """Check the gradients if necessary, and remove them from a step that must not change the weights."""
        if self.policy == "stop" and self._seen_step == trainer.global_step:
            return
        # With 16-mixed precision, the gradient scaler detects overflow and skips the step itself.
        if not self._left_out and trainer.precision != "16-mixed":
            parameters = (each for group in optimizer.param_groups for each in group["params"])
            gradients = [each.grad for each in parameters if each.grad is not None]
            if gradients and not get_total_norm(gradients).isfinite():
                self._act(trainer, pl_module, "The gradients are not finite")
        if self._left_out:
            for parameter in pl_module.parameters():
                parameter.grad = None

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Undo a bad batch, and read the device's flag when the loss is logged."""
        if self._said:
            self._put_back(trainer, pl_module)
        if trainer.global_step != self._step_at_start:  # else its gradients accumulate
            self._left_out = False
        every = log_interval(trainer)
        if self._first is not None and (trainer.is_last_batch or trainer.global_step % every == 0):
            self._ask_device(trainer, pl_module)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Refuse to write a checkpoint with weights that are not finite."""
        if trainer.state.fn != "fit":
            return
        self._ask_device(trainer, pl_module)
        if parameters_not_finite(pl_module):
            step = trainer.global_step
            said = f"The weights are not finite after step {step:,}{self._place(trainer, step)}"
            self._stop(trainer, pl_module, said, after=True)
        self._saved_step = trainer.global_step
        if self.policy == "back_off":
            self._kept = WeightState(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remove the flag from the optimiser."""
        _release(trainer)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Remove the flag from the optimiser."""
        _release(trainer)

    # What to do

    def _act(self, trainer: Trainer, model: LightningModule, what: str) -> None:
        """Stop, or make the current batch change nothing."""
        if self._said:  # already reported for this batch
            if self._before is not None:
                self._before.restore_sums(model)
            return
        step = trainer.global_step + 1
        said = f"{what} in step {step:,}{self._place(trainer, step)}"
        lost = parameters_not_finite(model)
        if self.policy == "stop" or self._happened == self.times or (self.policy == "skip" and lost):
            self._stop(trainer, model, said)
        self._happened += 1
        self._left_out, self._said = True, said
        if self._before is not None:
            self._before.restore_sums(model)

    def _put_back(self, trainer: Trainer, model: LightningModule) -> None:
        """Undo the batch's changes, after its backward pass and step."""
        said, self._said = self._said, ""
        if self._before is not None:
            self._before.restore_buffers(model)
        if self._kept is None:
            text = f"Batch left out: {said[0].lower()}{said[1:]}."
            record(trainer, "batch_left_out", text)
        else:
            self._kept.restore(trainer, model)
            before, after = cut_learning_rate(trainer, self.factor)
            back = f"back to the weights of step {self._kept.step:,}"
            text = f"{said}: {back}; learning rate cut from {before:.3g} to {after:.3g}."
            record(trainer, "learning_rate_cut", text, before=before, after=after)
        say(trainer, text)

    def _stop(
        self, trainer: Trainer, model: LightningModule, said: str, after: bool = False, batch: bool = True
    ) -> None:
        cause, remedy = cause_and_remedy(model, self._batch if batch else None, trainer)
        if self._is_others:
            cause, remedy = "that of another process, which says why.", ""
        often = ""
        if self._happened:
            done = "batches were left out" if self.policy == "skip" else "times it went back"
            often = f" {self._happened} {done} before (non_finite_loss.times)."
        value = float("inf") if "infinite" in said else float("nan")
        for run_logger in run_loggers(trainer):
            run_logger.tell = None  # the error reports it
        for logger in trainer.loggers:  # so that curves and findings show the end
            logger.log_metrics({"train/loss_step": value}, step=trainer.global_step + (not after))
        before = "" if after else ", before its update"
        story = [f"{said}{before}: {cause}{often}", remedy, self._last_checkpoint(trainer)]
        raise NotFiniteError(" ".join(filter(None, story)))

    def _ask_device(self, trainer: Trainer, model: LightningModule) -> None:
        if self._first is not None and (step := int(self._first)):
            self._first = None
            self._stop(trainer, model, f"The loss is NaN in step {step:,}{self._place(trainer, step)}", batch=False)

    def _place(self, trainer: Trainer, step: int) -> str:
        """Describe epoch and batch of a step in the current epoch."""
        every = trainer.accumulate_grad_batches
        batch = self._batch_idx + 1 - max(trainer.global_step - step, 0) * every
        return f" (epoch {trainer.current_epoch + 1:,}, batch {batch:,} of {trainer.num_training_batches:,})"

    def _last_checkpoint(self, trainer: Trainer) -> str:
        paths = [getattr(callback, "last_model_path", "") for callback in trainer.checkpoint_callbacks]
        path = next(filter(None, paths), "")
        if not path or self._saved_step is None:
            return "No checkpoint was written yet."
        return f"The last checkpoint, of step {self._saved_step:,}, is finite: {seen_from_here(Path(path))}"


def _can_withhold(trainer: Trainer) -> bool:
    """Return whether the optimiser reads `found_inf` on the device before a step, and no gradient scaler sets it."""
    return (
        len(trainer.optimizers) == 1
        and isinstance(trainer.optimizers[0], _CAN_WITHHOLD)
        and bool(trainer.optimizers[0].defaults.get("fused"))
        and trainer.precision != "16-mixed"
    )


def _release(trainer: Trainer) -> None:
    for optimizer in trainer.optimizers:
        if hasattr(optimizer, "found_inf"):
            del optimizer.found_inf
