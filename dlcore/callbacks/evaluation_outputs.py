"""The outputs of an evaluation, kept for its report, and the predictions."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import move_data_to_device
from lightning.pytorch.utilities.model_helpers import is_overridden
from torch import Tensor
from torch.utils.hooks import RemovableHandle

from dlcore.nn import LanguageModeling
from dlcore.translation import N_

_MOST = 200_000_000  # outputs that are kept, in this process: 0.8 GB
_CPU = torch.device("cpu")
_OF_TEXT = N_("a language model's outputs are not kept: there are as many as words at each token")


_BATCHES = 256  # that share a block of memory


class Packed:
    """Copies the small tensors of many batches into large blocks of memory.

    Where each batch needs large blocks and leaves a small one behind, the small ones part the memory that the large
    ones leave, and the process grows with the number of batches: 29 KB a picture were seen, for ten probabilities.
    """

    def __init__(self) -> None:
        self._block: Tensor | None = None
        self._used = 0

    def __call__(self, tensor: Tensor) -> Tensor:
        """Return a copy of a tensor, on the CPU."""
        size = tensor.numel()
        if self._block is None or self._block.dtype != tensor.dtype or self._used + size > len(self._block):
            self._block, self._used = torch.empty(size * _BATCHES, dtype=tensor.dtype), 0
        copied = self._block[self._used : self._used + size].view(tensor.shape).copy_(tensor)
        self._used += size
        return copied


class EvaluationOutputs(Callback):
    """Keeps the outputs and targets of a validation or test, in main memory, of all processes on the first.

    It takes what `forward` returns, by a hook; if a batch does not go through `forward`, what `predict_step` returns.
    Of a language model, whose outputs are as many as its words at each token, it keeps nothing. Of a prediction, made
    with `return_predictions` false, it keeps what `Trainer.predict` would return.

    Attributes:
        outputs: Outputs of `forward`, or predictions, (N, …), as they are; None if there are none.
        targets: Their targets (N, …); None if there are none.
        why_none: Why there are no outputs; empty if there are some.
    """

    def __init__(self) -> None:
        self.outputs: Tensor | None = None
        self.targets: Tensor | None = None
        self.why_none = ""
        self._hook: RemovableHandle | None = None
        self._latest: Any = None
        self._kept: list[tuple[Tensor, Tensor]] = []
        self._numbers = 0  # outputs kept so far
        self._packed = Packed(), Packed()
        self._predicted: dict[int, list[Any]] = {}

    @property
    def predictions(self) -> list[Any]:
        """The result of `predict_step` for each batch; of several loaders a list of each."""
        several = list(self._predicted.values())
        return several[0] if len(several) == 1 else several

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start to collect."""
        self._predicted = {}

    def on_predict_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keep the predictions of the batch."""
        kept = self._packed[0](outputs) if isinstance(outputs, Tensor) else move_data_to_device(outputs, _CPU)
        self._predicted.setdefault(dataloader_idx, []).append(kept)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start to collect."""
        self._start(pl_module)

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start to collect."""
        self._start(pl_module)

    def _start(self, model: LightningModule) -> None:
        self._let_go()
        self.outputs = self.targets = None
        self.why_none, self._kept, self._numbers = "", [], 0
        if isinstance(getattr(model, "task", None), LanguageModeling):
            self.why_none = _OF_TEXT
        else:
            self._hook = model.register_forward_hook(self._take)

    def _take(self, module: Any, inputs: Any, outputs: Any) -> None:
        if outputs is not None:  # a strategy's wrapper runs the whole step through forward: it returns None
            self._latest = outputs

    def on_validation_batch_end(self, *args: Any, **kwargs: Any) -> None:
        """Keep the batch."""
        self.on_test_batch_end(*args, **kwargs)

    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keep the batch."""
        found, self._latest = self._latest, None
        if self.why_none:
            return
        if dataloader_idx:
            self._without(N_("its data have several loaders"))
            return
        if not isinstance(batch, tuple | list) or len(batch) < 2 or not isinstance(batch[1], Tensor):
            self._without(N_("a batch is no pair of inputs and targets"))
            return
        if not isinstance(found, Tensor) and is_overridden("predict_step", pl_module):
            with torch.no_grad():
                found = pl_module.predict_step(batch, batch_idx)
        targets = batch[1].detach()
        if isinstance(found, Tensor) and not len(targets):
            return  # a process without samples in the last batch
        if not isinstance(found, Tensor) or found.dim() not in (1, 2) or len(found) != len(targets):
            self._without(N_("neither forward() nor predict_step() returns a row for each sample"))
            return
        self._numbers += found.numel()
        if self._numbers > _MOST:
            self._without(N_("there are more than 200 million outputs"))
            return
        self._kept.append((self._packed[0](found.detach().float()), self._packed[1](targets)))

    def _without(self, why: str) -> None:
        self.why_none, self._kept = why, []
        self._let_go()

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the batches of all processes together."""
        self.on_test_epoch_end(trainer, pl_module)

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the batches of all processes together."""
        self._let_go()
        kept: list[Any] = [(self._kept, self.why_none)]
        if trainer.world_size > 1:
            kept = [None] * trainer.world_size
            torch.distributed.all_gather_object(kept, (self._kept, self.why_none))
        self._kept = []
        self.why_none = next((why for _, why in kept if why), "")
        batches = [pair for pairs, _ in kept for pair in pairs]
        if batches and not self.why_none:
            self.outputs, self.targets = (torch.cat(parts) for parts in zip(*batches, strict=True))

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Remove the hook from the model."""
        self._let_go()

    def _let_go(self) -> None:
        if self._hook is not None:
            self._hook.remove()
        self._hook = None
