"""One training step of an ordinary LightningModule, without hooks that are not overridden.

The order is Lightning's (`_AutomaticOptimization`): training step, zero the gradients, backward, hooks, clip, step,
learning-rate schedules. Hooks that the module overrides are called through Lightning. Inherited hooks do nothing, so
they are skipped.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.core.hooks import DataHooks
from lightning.pytorch.loops.optimization.automatic import Closure, ClosureResult
from lightning.pytorch.loops.utilities import _block_parallel_sync_behavior
from lightning.pytorch.strategies import SingleDeviceStrategy
from lightning.pytorch.trainer import call
from lightning.pytorch.utilities.model_helpers import is_overridden
from lightning.pytorch.utilities.signature_utils import is_param_in_hook_signature
from torch import Tensor
from torch.optim import LBFGS, Optimizer

from dlcore.errors import FitError
from dlcore.execution.direct_step import direct_step
from dlcore.execution.per_batch_hooks import with_hook_of_every_batch
from dlcore.lightning_compat import callbacks_of


class QuietStep:
    """Callable that takes training steps of a module within one epoch.

    Args:
        trainer: The trainer, with one optimiser, on one device or with DistributedDataParallel, in a precision that
            scales no gradients.
        module: Its module, with automatic optimisation.
    """

    def __init__(self, trainer: Trainer, module: LightningModule) -> None:
        self._trainer, self._module = trainer, module
        self._loop = trainer.fit_loop.epoch_loop
        self._progress = self._loop.automatic_optimization.optim_progress.optimizer
        self._optimizer: Optimizer = trainer.optimizers[0]
        self._alone = isinstance(trainer.strategy, SingleDeviceStrategy)
        self._context = trainer.precision_plugin.train_step_context
        self._takes_batch_idx = is_param_in_hook_signature(module.training_step, "batch_idx", min_args=2)
        self._own = {hook for hook in _HOOKS if is_overridden(hook, module)}
        self._clips = bool(trainer.gradient_clip_val) or "configure_gradient_clipping" in self._own
        self._schedules = any(each.interval == "step" for each in trainer.lr_scheduler_configs)
        callbacks = callbacks_of(trainer)
        self._listeners = with_hook_of_every_batch(callbacks, "on_before_backward")
        self._output_wanted = "on_train_batch_end" in self._own or with_hook_of_every_batch(
            callbacks, "on_train_batch_end"
        )
        # torch's optimisers call their closure once, before the step; others may use it differently.
        torchs = type(self._optimizer).__module__.startswith("torch.optim")
        self._wants_closure = not torchs or isinstance(self._optimizer, LBFGS)
        self._own_zero_grad = type(self._optimizer).zero_grad is not Optimizer.zero_grad
        self._step: Callable[..., Any] = self._optimizer.step
        self._parameters: list[Any] = []

    def start(self) -> None:
        """Start an execution, during which nothing else changes the optimiser."""
        self._step = self._optimizer.step if self._wants_closure else direct_step(self._optimizer)
        self._parameters = [each for group in self._optimizer.param_groups for each in group["params"]]

    def __call__(self, batch: Any, batch_idx: int) -> dict[str, Any]:
        """Take a step on a batch; return the output of `training_step` in the form that hooks receive."""
        trainer, progress = self._trainer, self._progress
        accumulates = self._loop._should_accumulate()
        output: dict[str, Any] = {}

        def closure() -> Tensor | None:
            nonlocal output
            output, loss = self._compute(batch, batch_idx)
            return loss

        if accumulates:
            with nullcontext() if self._alone else _block_parallel_sync_behavior(trainer.strategy, block=True):
                closure()
        else:
            progress.step.increment_ready()
            if self._wants_closure:

                def evaluate() -> Tensor | None:
                    loss = closure()
                    self._after_closure()
                    return loss.detach() if loss is not None else None

                self._step(closure=evaluate)
            else:
                closure()
                self._after_closure()
                self._step()
            progress.step.increment_completed()
            if self._schedules:
                self._loop.update_lr_schedulers("step", update_plateau_schedulers=False)
        return output

    def end_batch(self, output: Any, batch: Any, batch_idx: int) -> None:
        """Call the module's `on_train_batch_end`, if it overrides it."""
        self._hook("on_train_batch_end", output, batch, batch_idx)

    def _compute(self, batch: Any, batch_idx: int) -> tuple[Any, Tensor | None]:
        """Compute loss and gradients of a batch; return the step's output and the loss."""
        arguments = (batch, batch_idx) if self._takes_batch_idx else (batch,)
        if self._alone:
            with self._context():
                output = self._module.training_step(*arguments)
        else:
            output = self._trainer.strategy.training_step(*arguments)
            if output is None:
                raise FitError("training_step gave None, which several processes cannot skip: they would wait for it.")
        each = self._trainer.accumulate_grad_batches
        loss: Tensor | None
        if isinstance(output, Tensor) and not self._output_wanted:
            loss, output = output / each if each > 1 else output, {}
        else:
            result = ClosureResult.from_training_step_output(output, each)
            loss = result.closure_loss
            output = {} if result.loss is None else result.asdict()
        if batch_idx % each == 0:
            self._zero_gradients(batch_idx)
        if loss is not None:
            self._backward(loss)
        else:
            Closure.warning_cache.warn(
                "`training_step` returned `None`. If this was on purpose, ignore this warning..."
            )
        return output, loss

    def _zero_gradients(self, batch_idx: int) -> None:
        progress = self._progress.zero_grad
        progress.increment_ready()
        self._hook("on_before_zero_grad", self._optimizer)
        progress.increment_started()
        if "optimizer_zero_grad" in self._own:
            self._hook("optimizer_zero_grad", self._trainer.current_epoch, batch_idx, self._optimizer)
        elif self._own_zero_grad:
            self._optimizer.zero_grad()
        else:
            for parameter in self._parameters:
                parameter.grad = None
        progress.increment_completed()

    def _backward(self, loss: Tensor) -> None:
        strategy = self._trainer.strategy
        if not self._alone:
            strategy.pre_backward(loss)
        for callback in self._listeners:
            callback.on_before_backward(self._trainer, self._module, loss)
        self._hook("on_before_backward", loss)
        if "backward" in self._own:
            self._module.backward(loss)
        else:
            untyped: Any = loss
            untyped.backward()
        self._hook("on_after_backward")
        if not self._alone:
            strategy.post_backward(loss)

    def _after_closure(self) -> None:
        trainer = self._trainer
        self._hook("on_before_optimizer_step", self._optimizer)
        if self._clips:
            value, algorithm = trainer.gradient_clip_val, trainer.gradient_clip_algorithm
            trainer.precision_plugin._clip_gradients(self._module, self._optimizer, value, algorithm)

    def _hook(self, name: str, *args: Any) -> None:
        if name in self._own:
            call._call_lightning_module_hook(self._trainer, name, *args)


_HOOKS = (
    "on_train_batch_end",
    "on_before_zero_grad",
    "optimizer_zero_grad",
    "on_before_backward",
    "backward",
    "on_after_backward",
    "on_before_optimizer_step",
    "configure_gradient_clipping",
)


class BatchTransfer:
    """Lightning's preparation of a batch before its step: precision, data hooks, transfer to the device."""

    def __init__(self, trainer: Trainer) -> None:
        chosen: Any = trainer._data_connector._datahook_selector
        self._convert = trainer.precision_plugin.convert_input
        self._before = chosen.get_instance("on_before_batch_transfer").on_before_batch_transfer
        self._move = chosen.get_instance("transfer_batch_to_device").transfer_batch_to_device
        self._after = chosen.get_instance("on_after_batch_transfer").on_after_batch_transfer
        self._device = trainer.strategy.root_device
        # Skip the transfer if the device is the CPU.
        inherited = getattr(self._move, "__func__", None) is DataHooks.transfer_batch_to_device
        self._stays = self._device.type == "cpu" and inherited

    def __call__(self, batch: Any) -> Any:
        """Return the batch as `training_step` receives it."""
        batch = self._before(self._convert(batch), 0)
        if not self._stays:
            batch = self._move(batch, self._device, 0)
        return self._after(batch, 0)
