"""What happens when the loss is NaN or infinite: the run stops before the weights are lost, or gets over it."""

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

from dlcore.callbacks.events import record, seen_from_here
from dlcore.callbacks.metric_callback import say
from dlcore.callbacks.not_finite_cause import cause_and_remedy, parameters_not_finite
from dlcore.callbacks.pictures import run_loggers
from dlcore.callbacks.training_state import BatchState, WeightState, cut_learning_rate
from dlcore.errors import ArgumentError, NotFiniteError, check_number
from dlcore.execution.per_batch_hooks import Position

# Whose fused implementations withhold a step when a number on the device says so.
_CAN_WITHHOLD = (SGD, Adagrad, Adam, AdamW)


@final
class NonFiniteLoss(Callback):
    """Stops a training whose loss is NaN or infinite, before the step that would carry it into the weights.

    It watches each loss that a backward pass begins with: of an automatic optimisation, and of `manual_backward`, also
    several in a batch. Of L-BFGS it is the first of a step: those of its line search may be infinite. Where a step's
    loss goes another way (``loss.backward()``), it looks at the gradients before the step; of a step that Lightning
    does not know of (the optimiser's own ``step``), at the weights before each checkpoint.

    The error says in which step and batch it happened, and why: the batch's inputs or targets are not finite, or the
    weights overflowed in the step before, or the numbers within the network grew too large. A checkpoint of weights
    that are not finite is never written: the last one can always be gone on from. On a GPU the loss is not waited for:
    the device itself withholds the updates from there on, and the error comes when the loss is next logged.

    Args:
        policy: What to do. stop: end the run with an error. skip: leave the batch out of training and metrics, and go
            on with the next one, also where the gradients alone are not finite. back_off: go back to the weights and
            the optimiser's state of the last checkpoint (or of the start), cut the learning rate, and go on with the
            next batch. The step of such a batch is counted, so that schedules and the order of samples stay. Both look
            at the gradients of each step too, which a GPU is waited for.
        factor: What back_off multiplies the learning rate by, in (0, 1).
        times: How often in a run skip and back_off may help, at least 1; the next time stops it.

    Raises:
        ArgumentError: A value lies outside its range, or back_off cannot cut the rate of the schedule.
        NotFiniteError: The loss is not finite, and the run is to stop.
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
        self.waits: bool | None = None  # for the device in each step; None: where that costs nothing
        self._happened = 0
        self._batch: Any = None
        self._batch_idx = 0
        self._losses = 0  # of the batch so far
        self._seen_step = -1  # whose loss was looked at
        self._step_at_start = 0  # of the batch
        self._repeats = False  # an optimiser computes the loss several times in a step
        self._left_out = self._is_others = False
        self._said = ""  # what is wrong with a batch that is to be left out, until that is done
        self._saved_step: int | None = None
        self._before: BatchState | None = None
        self._kept: WeightState | None = None
        self._first: Tensor | None = None  # on the device: the first step whose loss was not finite; 0 for none

    def state_dict(self) -> dict[str, Any]:
        """How often it has happened."""
        return {"happened": self._happened}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on counting."""
        self._happened = state_dict["happened"]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Choose whether to wait for the device, and keep what there is to go back to."""
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
        """It looks at each loss; only what is to be left out needs all hooks."""
        return math.inf if self.policy == "stop" else 0

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Keep what a batch changes that may have to be left out."""
        self._batch, self._batch_idx, self._losses = batch, batch_idx, 0
        self._seen_step, self._step_at_start = -1, trainer.global_step
        if self.policy != "stop":
            self._before = BatchState(pl_module)

    def on_before_backward(self, trainer: Trainer, pl_module: LightningModule, loss: Tensor) -> None:
        """Look at a loss of the batch."""
        if self._repeats and self._seen_step == trainer.global_step:
            return
        self._seen_step = trainer.global_step
        self._losses += 1
        loss = loss.detach()
        own = loss
        if trainer.world_size > 1:  # all do the same: one process's NaN is in everybody's sum
            loss = trainer.strategy.reduce(loss.clone(), reduce_op="sum")
        if self._first is not None:
            step = trainer.global_step + 1
            self._first = torch.where((self._first == 0) & ~loss.isfinite(), step, self._first)
            trainer.optimizers[0].found_inf = (self._first != 0).float()  # type: ignore[attr-defined]
        elif not math.isfinite(loss.item()):  # a third of the time that tensors' own isfinite takes
            self._is_others = math.isfinite(own.item())
            which = f"Loss {self._losses} of the batch" if self._losses > 1 else "The loss"
            self._act(trainer, pl_module, f"{which} is {'NaN' if loss.isnan() else 'infinite'}")

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer) -> None:
        """Look at the gradients, where need be, and take them away from a step that is to change nothing."""
        if self.policy == "stop" and self._seen_step == trainer.global_step:
            return
        # A 16-bit precision with scaled gradients makes them overflow, notices that, and leaves the step out by itself.
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
        """Ask the device, when the loss is logged."""
        if self._said:
            self._put_back(trainer, pl_module)
        if trainer.global_step != self._step_at_start:  # else its gradients wait for those of the next ones
            self._left_out = False
        every = trainer.log_every_n_steps or 1  # type: ignore[attr-defined]
        if self._first is not None and (trainer.is_last_batch or trainer.global_step % every == 0):
            self._ask_device(trainer, pl_module)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Let no checkpoint be written that could not be gone on from.

        Raises:
            NotFiniteError: The weights are not finite.
        """
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
        """Leave the optimiser as it was."""
        _release(trainer)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Leave the optimiser as it was."""
        _release(trainer)

    # What to do

    def _act(self, trainer: Trainer, model: LightningModule, what: str) -> None:
        """Stop, or see to it that the batch at hand changes nothing."""
        if self._said:  # of this batch it is known
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
        """Undo what the batch has done, now that nothing needs it any more."""
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
            run_logger.tell = None  # the error says it
        for logger in trainer.loggers:  # curves and findings show where it ended
            logger.log_metrics({"train/loss_step": value}, step=trainer.global_step + (not after))
        before = "" if after else ", before its update"
        story = [f"{said}{before}: {cause}{often}", remedy, self._last_checkpoint(trainer)]
        raise NotFiniteError(" ".join(filter(None, story)))

    def _ask_device(self, trainer: Trainer, model: LightningModule) -> None:
        """Stop, if the device has withheld a step."""
        if self._first is not None and (step := int(self._first)):
            self._first = None
            self._stop(trainer, model, f"The loss is NaN in step {step:,}{self._place(trainer, step)}", batch=False)

    def _place(self, trainer: Trainer, step: int) -> str:
        """Epoch and batch of a step of the present epoch."""
        every = trainer.accumulate_grad_batches
        batch = self._batch_idx + 1 - max(trainer.global_step - step, 0) * every
        return f" (epoch {trainer.current_epoch + 1:,}, batch {batch:,} of {trainer.num_training_batches:,})"

    def _last_checkpoint(self, trainer: Trainer) -> str:
        """Where to go on from."""
        paths = [getattr(callback, "last_model_path", "") for callback in trainer.checkpoint_callbacks]
        path = next(filter(None, paths), "")
        if not path or self._saved_step is None:
            return "No checkpoint was written yet."
        return f"The last checkpoint, of step {self._saved_step:,}, is finite: {seen_from_here(Path(path))}"


def _can_withhold(trainer: Trainer) -> bool:
    """Whether the optimiser looks at a number on the device before a step, and nobody else sets that number."""
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
