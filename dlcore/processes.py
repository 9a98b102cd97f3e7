"""Cores that a work may be shared by, and what the processes of one training have."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lightning.pytorch import Trainer
    from torch import Tensor, device


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def of_all_processes(trainer: Trainer, state: Tensor, device: device) -> list[Tensor]:
    """What each process of a training has of a state, in the order of their ranks, on the CPU.

    All of them must ask. The shapes must be equal.

    Args:
        trainer: The trainer.
        state: This process's.
        device: The device that processes exchange tensors on.
    """
    if trainer.world_size == 1:
        return [state.cpu()]
    together = trainer.strategy.all_gather(state.to(device))
    return [part.clone() for part in together.cpu()]  # not views of one tensor: torch takes no such random states


def statistics(named_buffers: Iterable[tuple[str, Tensor]]) -> Iterator[tuple[str, Tensor]]:
    """Of a network's buffers those that each process has its own of: running statistics, which are no counts."""
    return ((name, buffer) for name, buffer in named_buffers if buffer.is_floating_point())
