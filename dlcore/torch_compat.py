"""What torch has no public name for, in one place: each function names the private one, and the release it was seen in.

Private names of Lightning stand in `dlcore.lightning_compat`, those of the fast path in `dlcore.execution`; for each,
`tests/test_lightning_compat.py` says what breaks when it is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils._pytree import tree_leaves


def leaves(batch: Any) -> list[Any]:
    """The tensors, numbers and texts in tuples, lists and dictionaries (`torch.utils._pytree`, torch 2.15)."""
    return tree_leaves(batch)


def is_watched(module: nn.Module) -> bool:
    """Whether somebody has a hook at the output of a module or of a part of it (`_forward_hooks`, torch 2.15)."""
    return any(part._forward_hooks for part in module.modules())


@contextmanager
def replaced_weights(layer: nn.RNNBase, replace: Callable[[str, Tensor], Tensor]) -> Iterator[None]:
    """Within the block, a recurrent layer runs with other weights (`_flat_weights`, `_flat_weights_names`, torch 2.15).

    What torch hands to its kernels is this list. Setting a parameter of the layer's aside, or calling it with other
    parameters by torch.func.functional_call, leaves the list as it is: nothing would be replaced, in silence.
    `replace` gives the other weight for a parameter's name and weight.
    """
    kept = layer._flat_weights
    names = layer._flat_weights_names
    layer._flat_weights = [replace(name, weight) for name, weight in zip(names, kept, strict=True)]  # type: ignore[arg-type]
    try:
        yield
    finally:
        layer._flat_weights = kept


def scale_before_step(optimizer: Optimizer) -> None:
    """Keep a fused optimiser from dividing mixed precision's gradients by their scale inside its step.

    It is done before the step then, as for any other optimiser, so that the gradients can be clipped
    (`_step_supports_amp_scaling`, torch 2.15).
    """
    optimizer._step_supports_amp_scaling = False  # type: ignore[attr-defined]


def ask_for_no_gpu(optimizer: Optimizer) -> None:
    """Keep an optimiser of the CPU from looking, in each step, whether a GPU is capturing it.

    On a machine without one, torch searches for NVIDIA's library anew each time: a tenth of a small network's step
    (`_accelerator_graph_capture_health_check`, torch 2.14 and 2.15).
    """
    optimizer._accelerator_graph_capture_health_check = lambda: None  # type: ignore[method-assign]


def multiply_rates(schedule: Any, factor: float) -> None:
    """Multiply the rates that a schedule goes on from (`_last_lr`; of its parts: `_schedulers`; torch 2.15)."""
    for name in ("base_lrs", "_last_lr"):
        if hasattr(schedule, name):
            setattr(schedule, name, [rate * factor for rate in getattr(schedule, name)])
    for part in getattr(schedule, "_schedulers", ()):  # of one that is made of several
        multiply_rates(part, factor)
