"""All uses of private names of torch, in one place. Each docstring names the private attribute and the release.

`dlcore.lightning_compat` holds those of Lightning, `dlcore.execution` those of the fast path.
`tests/test_lightning_compat.py` states what breaks if one is removed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils._pytree import tree_leaves


def leaves(batch: Any) -> list[Any]:
    """Return the leaves of nested tuples, lists and dictionaries (`torch.utils._pytree`, torch 2.15)."""
    return tree_leaves(batch)


def mark_as_never_compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a function as `torch.compiler.disable` does (`_torchdynamo_disable`, torch 2.15), and return it."""
    function._torchdynamo_disable = True  # type: ignore[attr-defined]
    return function


def is_watched(module: nn.Module) -> bool:
    """Return whether a module or a submodule has a forward hook (`_forward_hooks`, torch 2.15)."""
    return any(part._forward_hooks for part in module.modules())


@contextmanager
def replaced_weights(layer: nn.RNNBase, replace: Callable[[str, Tensor], Tensor]) -> Iterator[None]:
    """Run a recurrent layer with other weights in the block (`_flat_weights`, `_flat_weights_names`, torch 2.15).

    torch passes this list to its kernels. Replacing a parameter of the layer, or torch.func.functional_call, does not
    change the list, so the old weights would be used without a warning. `replace` maps a parameter's name and weight
    to the new weight.
    """
    kept = layer._flat_weights
    names = layer._flat_weights_names
    layer._flat_weights = [replace(name, weight) for name, weight in zip(names, kept, strict=True)]  # type: ignore[arg-type]
    try:
        yield
    finally:
        layer._flat_weights = kept


def scale_before_step(optimizer: Optimizer) -> None:
    """Make the gradient scaler unscale gradients before a fused optimiser's step, not inside it.

    The gradients can then be clipped, as with any other optimiser (`_step_supports_amp_scaling`, torch 2.15).
    """
    optimizer._step_supports_amp_scaling = False  # type: ignore[attr-defined]


def ask_for_no_gpu(optimizer: Optimizer) -> None:
    """Skip the check for GPU graph capture in each step of a CPU optimiser.

    On a machine without a GPU, torch searches for NVIDIA's library at each step: 10% of a small network's step time
    (`_accelerator_graph_capture_health_check`, torch 2.14 and 2.15).
    """
    optimizer._accelerator_graph_capture_health_check = lambda: None  # type: ignore[method-assign]


def multiply_rates(schedule: Any, factor: float) -> None:
    """Multiply a schedule's base and current rates by a factor (`_last_lr`; nested: `_schedulers`; torch 2.15)."""
    for name in ("base_lrs", "_last_lr"):
        if hasattr(schedule, name):
            setattr(schedule, name, [rate * factor for rate in getattr(schedule, name)])
    for part in getattr(schedule, "_schedulers", ()):  # of a chained or sequential schedule
        multiply_rates(part, factor)


def spread_rates(schedule: Any, places: Sequence[int], factors: Sequence[float]) -> None:
    """Fit a schedule to parameter groups that were split (`_last_lr`; nested: `_schedulers`; torch 2.15).

    Args:
        schedule: The schedule, with values for each group from before.
        places: For each group of now, the number of the group that it was part of.
        factors: For each group of now, the factor on its rates.
    """
    for name in ("base_lrs", "max_lrs", "min_lrs", "_last_lr", "lr_lambdas", "base_momentums", "max_momentums"):
        before = getattr(schedule, name, None)
        if isinstance(before, list):
            values = [before[place] for place in places]
            if name.endswith(("lrs", "_lr")):
                values = [value * factor for value, factor in zip(values, factors, strict=True)]
            setattr(schedule, name, values)
    for part in getattr(schedule, "_schedulers", ()):  # of a chained or sequential schedule
        spread_rates(part, places, factors)


def single_schedules(schedule: Any) -> list[Any]:
    """Return a schedule, or those within a chained or sequential one (`_schedulers`, torch 2.15)."""
    parts = getattr(schedule, "_schedulers", ())
    return [each for part in parts for each in single_schedules(part)] or [schedule]


@contextmanager
def dynamic_recurrent_layers() -> Iterator[None]:
    """Let torch.export trace LSTM and GRU layers for any number of steps (`torch.export._patches`, torch 2.14).

    Else it makes a copy of the layer for each step. torch.onnx.export does the same by itself.
    """
    from torch.export import _patches  # here, since its import is slow

    with ExitStack() as stack:
        for name in ("register_lstm_while_loop_decomposition", "register_gru_while_loop_decomposition"):
            if (register := getattr(_patches, name, None)) is not None:
                stack.enter_context(register())
        yield
