"""How a model's `update` reaches its optimiser: through Lightning with all hooks, or directly in a quiet step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from lightning.pytorch import Callback, Trainer
from lightning.pytorch.overrides.distributed import prepare_for_backward
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer

from dlcore.optim import direct_step

if TYPE_CHECKING:
    from dlcore.models.model import Model


class Steps:
    """Steps with all hooks, as Lightning takes them in manual optimisation.

    Args:
        model: Whose steps they are.
    """

    def __init__(self, model: Model) -> None:
        self.model = model

    @property
    def optimizer(self) -> Optimizer:
        """The optimiser, as `backward` and `take` mean it."""
        return self.model.optimizers()  # type: ignore[return-value]

    def clear_gradients(self) -> None:
        """Let gradients begin anew."""
        self.optimizer.zero_grad()

    def backward(self, loss: Tensor) -> None:
        """Compute gradients."""
        self.model.manual_backward(loss)

    def take(self, closure: Callable[[], Any] | None) -> None:
        """Take the step; the closure computes loss and gradients for an optimiser that does so several times."""
        self.optimizer.step(closure)


class QuietSteps(Steps):
    """The same computation and the same counters, without the hooks that nobody needs.

    Args:
        model: Whose steps they are.
        trainer: Its trainer, on one device or with DistributedDataParallel, in a precision that scales no gradients.
        listeners: Callbacks whose `on_before_backward` is called all the same.
    """

    def __init__(self, model: Model, trainer: Trainer, listeners: Sequence[Callback]) -> None:
        super().__init__(model)
        self._optimizer = trainer.optimizers[0]
        self._step: Callable[[], Any] = self._optimizer.step
        self._trainer, self._listeners = trainer, listeners
        self._progress = trainer.fit_loop.epoch_loop.manual_optimization.optim_step_progress
        wrapped = trainer.strategy.model
        self._parallel = wrapped if isinstance(wrapped, DistributedDataParallel) else None

    @property
    def optimizer(self) -> Optimizer:
        """The optimiser itself."""
        return self._optimizer

    def begin(self) -> None:
        """Begin an execution: until the next one nobody else changes the optimiser."""
        self._step = direct_step(self._optimizer)

    def clear_gradients(self) -> None:
        """Let gradients begin anew, as `zero_grad` does but for its marks for a profiler."""
        for group in self._optimizer.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    def backward(self, loss: Tensor) -> None:
        """Compute gradients; of several processes, their mean."""
        for callback in self._listeners:
            callback.on_before_backward(self._trainer, self.model, loss)
        if self._parallel is not None:
            prepare_for_backward(self._parallel, loss)
        loss.backward()

    def take(self, closure: Callable[[], Any] | None) -> None:
        """Take the step and count it. Gradients are clipped by the model's own hook, after each evaluation."""
        if closure is None:
            self.model.on_before_optimizer_step(self._optimizer)
            self._step()
        else:

            def evaluate() -> Any:
                value = closure()
                self.model.on_before_optimizer_step(self._optimizer)
                return value

            self._optimizer.step(evaluate)
        self._progress.increment_ready()
        self._progress.increment_completed()
