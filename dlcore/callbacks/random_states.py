"""The state of all random numbers of a process: those of Python, NumPy and torch, of the CPU and of the GPU in use."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


def random_states(device: torch.device | None = None) -> dict[str, Any]:
    """The states, as plain values that a checkpoint can hold.

    Args:
        device: A GPU whose state is wanted too.
    """
    version, words, gauss = random.getstate()
    bits: Any = np.random.get_state(legacy=False)  # noqa: NPY002
    states: dict[str, Any] = {
        "torch": torch.get_rng_state(),
        "python": (version, torch.tensor(words), gauss),
        "numpy": {**bits, "state": {"key": torch.from_numpy(bits["state"]["key"].astype(np.int64))}},
    }
    states["numpy"]["state"]["pos"] = int(bits["state"]["pos"])
    if device is not None and device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def set_random_states(states: dict[str, Any], device: torch.device | None = None) -> None:
    """Put states back.

    Args:
        states: What `random_states` gave.
        device: The GPU that they are meant for.
    """
    torch.set_rng_state(states["torch"].cpu().clone())
    version, words, gauss = states["python"]
    random.setstate((version, tuple(words.tolist()), gauss))
    bits = states["numpy"]
    key = bits["state"]["key"].cpu().numpy().astype(np.uint32)
    np.random.set_state({**bits, "state": {"key": key, "pos": bits["state"]["pos"]}})  # noqa: NPY002
    if "cuda" in states and device is not None and device.type == "cuda":
        torch.cuda.set_rng_state(states["cuda"].cpu().clone(), device)


@contextmanager
def temporarily(states: dict[str, Any]) -> Iterator[None]:
    """Draw from other states for a while; afterwards, all is as before."""
    before = random_states()
    set_random_states(states)
    try:
        yield
    finally:
        set_random_states(before)
