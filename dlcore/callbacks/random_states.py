"""States of a process's random generators: Python, NumPy, torch on the CPU, and torch on the GPU in use."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


def random_states(device: torch.device | None = None) -> dict[str, Any]:
    """Return the states as plain values, which a checkpoint can hold."""
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
    """Restore states."""
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
    """Use other states in the block, then restore the present ones."""
    before = random_states()
    set_random_states(states)
    try:
        yield
    finally:
        set_random_states(before)
