"""Statistics of a network's inputs, hidden activations and outputs over a few training batches.

Shapes: N samples, K classes; a layer's outputs are (N, units), (N, channels, …) or (N, T, units).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fnmatch import fnmatch
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import activation as torch_activations
from torch.utils.hooks import RemovableHandle
from torchmetrics import Metric, MetricCollection

from dlcore.errors import ArgumentError
from dlcore.nn import Binary, Multiclass, saturated
from dlcore.tracking.histogram import HistogramTensors, count_histogram

# Maximum number of values per batch for a layer's statistics and its histogram: more would not change them much.
_MOST_SUMMED = 2**21
_MOST_COUNTED = 2**18
_CLASSES = 10_000  # that are counted of a module whose number of classes is not known
_CELL = ":cell"  # end of the name of the row of an LSTM's cell state
_FEW = 16  # samples: the mean of fewer differs by chance
_NO_LAYER = (Metric, MetricCollection)
_NO_HIDDEN_LAYER = (nn.MultiheadAttention, nn.Softmax, nn.LogSoftmax, nn.Softmin, nn.Softmax2d)


class ActivationWatch:
    """Accumulator for the outputs of chosen layers in the training batches between `open` and `close`, on the device.

    Args:
        model: The network.
        pattern: ``hidden`` (outputs of all activation functions; of the recurrent layers if there are none),
            ``none``, or a pattern for layer names as `show model` prints them: ``linear_*``.
    """

    def __init__(self, model: nn.Module, pattern: str = "hidden") -> None:
        self._model, self._layers = model, _choose(model, pattern)
        self._handles: list[RemovableHandle] = []
        self.counts_histograms = False  # only in the last batch, so that they describe one state of the network
        self._reset()

    def _reset(self) -> None:
        self._seen: dict[str, _Values] = {}
        self._calls: dict[str, int] = {}
        self._passed = False
        self._answers: Tensor | None = None
        self._targets: Tensor | None = None

    @property
    def is_open(self) -> bool:
        """Whether hooks are registered."""
        return bool(self._handles)

    def open(self) -> None:
        """Register the hooks and start to accumulate."""
        self._reset()
        self._handles = [
            module.register_forward_hook(lambda module, _, output, name=name: self._see(name, module, output))
            for name, module in self._layers.items()
        ]
        self._handles.append(self._model.register_forward_hook(self._see_network))

    def state_dict(self) -> dict[str, Any]:
        """Return the sums since `open`; empty if closed."""
        if not self.is_open:
            return {}
        seen = {name: values.state_dict() for name, values in self._seen.items()}
        return {"seen": seen, "answers": self._answers, "targets": self._targets}

    def load_state_dict(self, state: dict[str, Any], device: torch.device) -> None:
        """Open and continue from saved sums. Do nothing for an empty state."""
        if not state:
            return
        self.open()
        for name, kept in state["seen"].items():
            layer = self._layers.get(name.partition(":")[0])
            if layer is None and name not in ("inputs", "outputs"):  # the layer is no longer chosen
                continue
            values = _Values(layer, name)
            values.load_state_dict(kept, device)
            self._seen[name] = values
        for name in ("answers", "targets"):
            if state[name] is not None:
                setattr(self, f"_{name}", state[name].to(device))

    def start_batch(self, last: bool) -> None:
        """Start a batch. Count histograms too if it is the last one."""
        self._calls.clear()
        self._passed = False
        self.counts_histograms = last

    def end_batch(self, batch: Any) -> None:
        """Count a batch's targets: class indices (N,) or probabilities (N, K). Use its inputs if no hook saw them."""
        inputs, targets = batch[:2] if isinstance(batch, tuple | list) and len(batch) > 1 else (batch, None)
        if not self._passed:  # the module calls its forward without its hooks
            self._add("inputs", None, inputs)
        if not isinstance(targets, Tensor) or not targets.dim() or not len(targets):
            return
        if targets.dim() == 1 and not targets.is_floating_point():
            classes = targets
        elif self._answers is not None:
            classes = targets.argmax(1) if targets.dim() == 2 and targets.shape[1] > 1 else targets.reshape(-1).round()
        else:
            return
        if self._targets is None:
            count = _CLASSES if self._answers is None else max(_CLASSES, len(self._answers))
            self._targets = torch.zeros(count, device=classes.device)
        _count_classes(self._targets, classes)

    def close(self) -> tuple[list[dict[str, Any]], dict[str, HistogramTensors]]:
        """Remove the hooks and return the results."""
        for handle in self._handles:
            handle.remove()
        self._handles = []
        inputs, outputs = self._seen.pop("inputs", None), self._seen.pop("outputs", None)
        rows = [values.row(name) for name, values in self._seen.items()]
        histograms = {name: each.histogram for name, each in self._seen.items() if each.histogram is not None}
        if inputs is not None:
            rows.insert(0, inputs.row("inputs"))
        shares = {"top_share": _top(self._answers), "top_target": _top(self._targets)}
        if outputs is not None or self._targets is not None:
            unseen = {"layer": "outputs", "kind": "outputs", "not_finite": 0}
            row = unseen if outputs is None else outputs.row("outputs")
            rows.append(row | {name: share for name, share in shares.items() if share is not None})
        self._reset()
        return rows, histograms

    def _see(self, name: str, module: nn.Module, output: Any) -> None:
        if not module.training or self._passed:  # during an evaluation; L-BFGS runs forward several times per batch
            return
        # A module that is called several times in one forward pass counts as several layers.
        self._calls[name] = number = self._calls.get(name, 0) + 1
        name = name if number == 1 else f"{name}:{number}"
        self._add(name, module, output[0] if isinstance(output, tuple) else output)
        if isinstance(module, nn.LSTM) and isinstance(output, tuple):  # its state after the last token
            self._add(f"{name}{_CELL}", None, output[1][1])

    def _see_network(self, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if not module.training or self._passed:
            return
        self._passed = True
        self._add("inputs", None, inputs[0] if inputs else None)
        if isinstance(output, Tensor) and output.dim():  # not a loss: a strategy's wrapper calls the whole step
            self._add("outputs", None, output)
        task = getattr(module, "task", None)
        scores = isinstance(output, Tensor) and output.dim() == 2 and len(output) > 0
        # Of other modules, take each row of several numbers as scores; integer targets will tell.
        if scores and (isinstance(task, Multiclass | Binary) or (task is None and output.shape[1] > 1)):
            if self._answers is None:
                self._answers = torch.zeros(max(output.shape[1], 2), device=output.device)
            answers = (output.detach()[:, 0] > 0) if isinstance(task, Binary) else output.detach().argmax(1)
            _count_classes(self._answers, answers)

    @torch.no_grad()
    def _add(self, name: str, module: nn.Module | None, output: Any) -> None:
        # A scalar is a loss: with several processes, the network's wrapper calls the whole training step.
        if isinstance(output, Tensor) and output.dim() and output.is_floating_point() and output.numel():
            values = self._seen.setdefault(name, _Values(module, name))
            values.add(_first(output.detach(), _MOST_SUMMED))
            if self.counts_histograms and module is not None:
                values.histogram = count_histogram(_first(output, _MOST_COUNTED))


def _first(output: Tensor, most: int) -> Tensor:
    """Return the outputs of the first samples, with at most `most` values, but at least one sample."""
    return output[: max(most * len(output) // output.numel(), 1)]


class InputsWatch:
    """Summary of the inputs of a network's next forward pass, of any mode.

    Args:
        model: The network.
        name: Name of the row.
    """

    def __init__(self, model: nn.Module, name: str) -> None:
        self.row: dict[str, Any] | None = None  # mean, std, maximum; None if inputs are few, or no numbers
        self._name, self._called = name, False
        self._handle = model.register_forward_pre_hook(self._see)

    def close(self, batch: Any = None) -> dict[str, Any] | None:
        """Remove the hook and return the row; take the batch's inputs if the hook has not been called."""
        self._handle.remove()
        if not self._called:
            self._see(None, batch if isinstance(batch, tuple | list) else (batch,))
        return self.row

    @torch.no_grad()
    def _see(self, module: nn.Module | None, inputs: Sequence[Any]) -> None:
        self._called = True
        first = inputs[0] if inputs else None
        if self.row is not None or not isinstance(first, Tensor) or not first.is_floating_point():
            return
        if first.dim() and len(first) >= _FEW and first.numel():
            values = _Values(None, self._name)
            values.add(_first(first, _MOST_SUMMED))
            self.row = values.row(self._name)


_KEPT = ("_count", "_sums", "_low", "_high", "_saturates")


class _Values:
    """Sums over the values of one layer."""

    def __init__(self, module: nn.Module | None, name: str) -> None:
        kind = name if module is None else type(module).__name__
        self.module, self.kind = (None, "cell state") if name.endswith(_CELL) else (module, kind)
        self.histogram: HistogramTensors | None = None
        self._count = 0
        self._sums: Tensor | None = None  # sum, sum of squares, values that are not finite, saturated values
        self._low = self._high = torch.empty(0)  # per unit
        self._saturates = False

    def state_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _KEPT}

    def load_state_dict(self, state: dict[str, Any], device: torch.device) -> None:
        for name in _KEPT:
            setattr(self, name, state[name].to(device) if isinstance(state[name], Tensor) else state[name])

    def add(self, values: Tensor) -> None:
        values = values.float()
        hits = None if self.module is None else saturated(self.module, values)
        flat = values.reshape(-1)
        zero = flat.new_zeros(())
        squares = flat.dot(flat)
        # A finite sum of squares implies that all values are finite: faster on a CPU; on a GPU it would synchronise.
        finite = flat.device.type == "cpu" and math.isfinite(squares.item())
        not_finite = zero if finite else flat.numel() - flat.isfinite().sum()
        sums = torch.stack([flat.sum(), squares, not_finite, zero if hits is None else hits.sum()])
        # Features are in the last dimension of (N, units) and (N, T, units), channels in the second of maps.
        units = 1 if values.dim() in (4, 5) else values.dim() - 1
        others = [dim for dim in range(values.dim()) if dim != units] or [0]
        others = [0] if self.kind in ("inputs", "outputs") else others  # each number of a sample counts
        low, high = values.amin(others), values.amax(others)
        if self._sums is None:
            self._sums, self._low, self._high = sums, low, high
            self._saturates = hits is not None
        else:
            self._sums += sums
            if low.shape == self._low.shape:
                self._low, self._high = torch.minimum(self._low, low), torch.maximum(self._high, high)
        self._count += flat.numel()

    def row(self, name: str) -> dict[str, Any]:
        assert self._sums is not None
        total, squares, not_finite, hits = self._sums.unbind()
        mean = total / self._count
        row: dict[str, Any] = {
            "layer": name,
            "kind": self.kind,
            "mean": mean,
            "std": (squares / self._count - mean.square()).clamp_min(0).sqrt(),
            "maximum": torch.maximum(self._low.abs().amax(), self._high.abs().amax()),
            "not_finite": not_finite,
        }
        several = self._count > self._low.numel()  # samples: one alone is always the same
        if self.module is not None or (several and self.kind in ("inputs", "outputs")):
            row["dead"] = (self._low == self._high).float().mean()
            if self._saturates:
                row["saturated"] = hits / self._count
        return row


def _choose(model: nn.Module, pattern: str) -> dict[str, nn.Module]:
    if pattern == "none":
        return {}
    layers = ((name, module) for name, module in model.named_modules() if not isinstance(module, _NO_LAYER))
    named = {short_name(name): module for name, module in layers if name}
    if pattern == "hidden":
        kinds = tuple(getattr(torch_activations, name) for name in torch_activations.__all__)
        found = {n: m for n, m in named.items() if isinstance(m, kinds) and not isinstance(m, _NO_HIDDEN_LAYER)}
        return found or {name: module for name, module in named.items() if isinstance(module, nn.RNNBase)}
    found = {name: module for name, module in named.items() if fnmatch(name, pattern)}
    if not found:
        remedy = f"Its layers: {', '.join(list(named)[:12])}{', …' * (len(named) > 12)}."
        raise ArgumentError("activations", "hidden, none, or a pattern for names of layers", pattern, remedy)
    return found


def short_name(name: str) -> str:
    """Return a layer's display name, without the prefix ``network.``."""
    return name.removeprefix("network.")


def _count_classes(counts: Tensor, classes: Tensor) -> None:
    classes = classes.long().clamp(0, len(counts) - 1)
    counts.scatter_add_(0, classes, torch.ones_like(counts[:1]).expand(len(classes)))


def _top(counts: Tensor | None) -> Tensor | None:
    return None if counts is None else counts.max() / counts.sum()
