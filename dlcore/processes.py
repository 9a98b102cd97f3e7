"""Cores that a work may be shared by, and what the processes of one training have, know and say."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lightning.pytorch import Trainer
    from torch import Tensor, device
    from torch.nn import Module

ATTEMPT = "DLCORE_ATTEMPT"  # variable: a name for this attempt of a launch that may be started again
_FIRST_MAY_TAKE = 2.0  # seconds in which the first process says what the others would say too


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def rank_of_process() -> int:
    """This process's number among all of a training, as its launcher says it (torchrun, SLURM, Lightning); else 0."""
    named = os.environ.get("RANK") or (os.environ.get("SLURM_PROCID") if by_slurm() else None)
    return int(named or os.environ.get("LOCAL_RANK") or 0)


def by_torchrun() -> bool:
    """Whether torchrun started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ and "RANK" in os.environ


def will_be_restarted() -> bool:
    """Whether torchrun starts all processes again when one dies."""
    attempt, most = (os.environ.get(f"TORCHELASTIC_{name}") for name in ("RESTART_COUNT", "MAX_RESTARTS"))
    return by_torchrun() and attempt != most


def by_slurm() -> bool:
    """Whether SLURM's srun started this process, as Lightning tells it."""
    return "SLURM_NTASKS" in os.environ and os.environ.get("SLURM_JOB_NAME") not in ("bash", "interactive")


def agent_store() -> Any | None:
    """The store of torchrun's agent: it is there before the processes have met, and outlives their restarts.

    Returns:
        The store; None where there is none.
    """
    if not by_torchrun() or os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True":
        return None
    from torch.distributed import TCPStore

    with contextlib.suppress(RuntimeError, ValueError):
        return TCPStore(
            os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), is_master=False, timeout=timedelta(seconds=30)
        )
    return None


def says_it(text: str) -> bool:
    """Whether this process is to print an error: what all of torchrun's find out is said once.

    Args:
        text: The error's text.
    """
    rank = rank_of_process()
    store = agent_store()
    if store is None:
        return True
    attempt = os.environ.get(ATTEMPT) or os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    key = f"dlcore/said/{attempt}/{hashlib.sha256(text.encode()).hexdigest()}"
    with contextlib.suppress(RuntimeError):
        end = time.monotonic() + (_FIRST_MAY_TAKE if rank else 0)
        while time.monotonic() < end:
            if store.check([key]):
                return False
            time.sleep(0.05)
        return bool(store.add(key, 1) == 1)
    return True


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
    from torch import distributed, empty_like

    own = state.to(device).contiguous()
    together = [empty_like(own) for _ in range(trainer.world_size)]
    distributed.all_gather(together, own)  # not Lightning's: that is made for gradients, by what torch gives up
    return [part.cpu() for part in together]


def statistics(named_buffers: Iterable[tuple[str, Tensor]]) -> Iterator[tuple[str, Tensor]]:
    """Of a network's buffers those that each process has its own of: running statistics, which are no counts."""
    return ((name, buffer) for name, buffer in named_buffers if buffer.is_floating_point())


def average_statistics(module: Module, trainer: Trainer) -> None:
    """Give all processes the mean of their running statistics, so that they evaluate and keep the same network."""
    if trainer.world_size > 1:
        for _, buffer in statistics(module.named_buffers()):
            buffer.copy_(trainer.strategy.reduce(buffer.clone(), reduce_op="mean"))
