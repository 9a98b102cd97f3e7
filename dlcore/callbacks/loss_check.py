"""Check on the first batch that a loss fits the network's outputs: which loss it is, and what the outputs are.

Shapes: N samples, K classes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor
from torch.nn import functional

from dlcore.callbacks.metric_callback import say
from dlcore.errors import never_fatal

# Names of autograd's functions at the end of a network, and of those that change only the shape.
_ACTIVATIONS = {"SoftmaxBackward": "softmax", "SigmoidBackward": "sigmoid", "ReluBackward": "relu"}
_SHAPES = {"View", "UnsafeView", "Squeeze", "Unsqueeze", "ReshapeAlias", "Select", "Transpose", "Permute", "ToCopy"}
_EXACT = 1e-5  # relative difference of equal losses
_APART = 1e-3  # of losses that must differ


class LossCheck:
    """Watch of the network's outputs in one training batch, for `close` to compare with its loss.

    The outputs are those of the module's own forward, or else of the last of its direct parts that ran.
    """

    def __init__(self, module: LightningModule) -> None:
        self._outputs: Tensor | None = None
        self._is_own = False
        self._handles = [
            each.register_forward_hook(self._see_own if each is module else self._see_part)
            for each in (module, *module.children())
        ]

    def _see_own(self, module: Any, inputs: Any, output: Any) -> None:
        self._see(output, True)

    def _see_part(self, module: Any, inputs: Any, output: Any) -> None:
        self._see(output, False)

    def _see(self, output: Any, is_own: bool) -> None:
        # The module's own first outputs, or else the last ones of its parts; whether they are right, the loss tells.
        if isinstance(output, Tensor) and output.dim() and output.grad_fn is not None and not self._is_own:
            self._outputs, self._is_own = output, is_own

    def close(self, trainer: Trainer, batch: Any, returned: Any) -> dict[str, Any]:
        """Remove the hooks, and return what is wrong (`mismatch`); an error of the check is reported.

        Args:
            trainer: The trainer; with several batches in a step, Lightning has divided the loss by their number.
            batch: The batch.
            returned: What the training step returned, as hooks get it: a loss, or a mapping with one under ``loss``.
        """
        loss = returned.get("loss") if isinstance(returned, Mapping) else returned
        value = float(loss) if isinstance(loss, Tensor) and loss.numel() == 1 else math.nan
        with never_fatal("the check of the loss", partial(say, trainer)):
            return self.compare(batch, value * trainer.accumulate_grad_batches)
        return {}

    def compare(self, batch: Any, loss: float) -> dict[str, Any]:
        """Remove the hooks, and return what is wrong (`mismatch`); empty if nothing is known to be.

        Args:
            batch: The batch, whose second part are the targets.
            loss: Its loss.
        """
        outputs = self._outputs
        self.remove()
        targets = batch[1] if isinstance(batch, tuple | list) and len(batch) > 1 else None
        if outputs is None or not isinstance(targets, Tensor) or not math.isfinite(loss):
            return {}
        return mismatch(outputs, targets, loss)

    def remove(self) -> None:
        """Remove the hooks, and forget the outputs."""
        for handle in self._handles:
            handle.remove()
        self._outputs = None


def mismatch(outputs: Tensor, targets: Tensor, loss: float) -> dict[str, Any]:
    """Return what does not fit in a loss of these outputs; empty if nothing is known to be wrong.

    Args:
        outputs: Outputs of the network, (N,) or (N, K), with their graph.
        targets: Class indices (N,), or numbers (N,) or (N, 1).
        loss: The loss that is minimised.

    Returns:
        ``{"what": its kind, "loss": name of torch's function}``, with ``outputs`` and ``targets`` (shapes) if these
        differ, and ``classes`` of softmax_twice. Kinds: softmax_twice, softmax_over_batch, sigmoid_twice,
        not_log_probabilities, shapes, maximised, rectified.
    """
    last, outputs = _last_activation(outputs), outputs.detach().float()
    if len(outputs) != len(targets) or len(outputs) < 2 or not bool(outputs.isfinite().all()):
        return {}
    if outputs.dim() == 2 and outputs.shape[1] > 1 and targets.dim() == 1 and not targets.is_floating_point():
        return _of_classes(outputs, targets.long(), loss, last)
    if outputs.numel() == len(outputs) and targets.numel() == len(targets):
        return _of_numbers(outputs, targets.float(), loss, last)
    return {}


def _of_classes(scores: Tensor, targets: Tensor, loss: float, last: str) -> dict[str, Any]:
    if bool((targets < 0).any() | (targets >= scores.shape[1]).any()):
        return {}
    for name, function in (("cross_entropy", functional.cross_entropy), ("nll_loss", functional.nll_loss)):
        sign = _sign(loss, function(scores, targets), len(targets))
        if sign < 0:
            return {"what": "maximised", "loss": name}
        if not sign:
            continue
        sums = scores.exp().sum(1)
        if name == "nll_loss" and not torch.allclose(sums, torch.ones_like(sums), atol=1e-2):
            return {"what": "not_log_probabilities", "loss": name}
        if name == "cross_entropy" and last == "softmax":
            rows = scores.sum(1)
            is_right = torch.allclose(rows, torch.ones_like(rows), atol=1e-2)
            twice = {"what": "softmax_twice", "loss": name, "classes": scores.shape[1]}
            return twice if is_right else {"what": "softmax_over_batch", "loss": name}
        if name == "cross_entropy" and last == "sigmoid":
            return {"what": "sigmoid_twice", "loss": name}
        if name == "cross_entropy" and last == "relu":
            return {"what": "rectified", "loss": name}
    return {}


def _of_numbers(outputs: Tensor, targets: Tensor, loss: float, last: str) -> dict[str, Any]:
    flat, expected = outputs.flatten(), targets.flatten()
    logits = functional.binary_cross_entropy_with_logits
    for name, function in (("mse_loss", functional.mse_loss), ("l1_loss", functional.l1_loss)):
        right = float(function(flat, expected))
        if sign := _sign(loss, torch.tensor(right), len(flat)):
            return {"what": "maximised", "loss": name} if sign < 0 else {}
        if outputs.shape != targets.shape:
            crossed = _crossed(function, flat, expected)
            if _sign(loss, torch.tensor(crossed), len(flat) ** 2) > 0 and abs(crossed - right) > _APART * abs(right):
                shapes = {"outputs": list(outputs.shape), "targets": list(targets.shape)}
                return {"what": "shapes", "loss": name, **shapes}
    sign = _sign(loss, logits(flat, expected), len(flat))
    name = "binary_cross_entropy_with_logits"
    if sign < 0:
        return {"what": "maximised", "loss": name}
    if sign and last in ("sigmoid", "relu"):
        return {"what": "sigmoid_twice" if last == "sigmoid" else "rectified", "loss": name}
    return {}


def _crossed(function: Any, outputs: Tensor, targets: Tensor) -> float:
    """Return the loss of each output with each target, which torch computes of (N, 1) and (N,)."""
    return float(function(outputs[:, None].expand(-1, len(targets)), targets.expand(len(outputs), -1)))


def _sign(loss: float, candidate: Tensor, count: int) -> int:
    """Return 1 if the loss is the candidate (a mean) or its sum over `count` values, -1 if it is -1 times that."""
    mean = float(candidate)
    for value in (mean, mean * count):
        if value and math.isclose(abs(loss), abs(value), rel_tol=_EXACT):
            return 1 if (loss > 0) == (value > 0) else -1
    return 0


def _last_activation(outputs: Tensor) -> str:
    """Return the function that made the outputs, by autograd's graph: softmax, sigmoid or relu; empty for another."""
    node = outputs.grad_fn
    while node is not None:
        name = node.name().rstrip("0123456789")
        if name.removesuffix("Backward") not in _SHAPES:
            return _ACTIVATIONS.get(name, "")
        node = node.next_functions[0][0]
    return ""
