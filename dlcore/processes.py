"""CPU cores, and the processes of one training: ranks, launchers, errors printed once, gathered states."""

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

ATTEMPT = "DLCORE_ATTEMPT"  # environment variable: name of this attempt, if the launch may be restarted
_FIRST_MAY_TAKE = 2.0  # seconds that the other ranks wait for rank 0 to print an error first


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def rank_of_process() -> int:
    """Return this process's rank as set by the launcher (torchrun, SLURM, Lightning); else 0."""
    named = os.environ.get("RANK") or (os.environ.get("SLURM_PROCID") if by_slurm() else None)
    return int(named or os.environ.get("LOCAL_RANK") or 0)


def by_torchrun() -> bool:
    """Return whether torchrun started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ and "RANK" in os.environ


def will_be_restarted() -> bool:
    """Return whether torchrun restarts all processes when one dies."""
    attempt, most = (os.environ.get(f"TORCHELASTIC_{name}") for name in ("RESTART_COUNT", "MAX_RESTARTS"))
    return by_torchrun() and attempt != most


def by_slurm() -> bool:
    """Return whether SLURM's srun started this process, by Lightning's rule."""
    return "SLURM_NTASKS" in os.environ and os.environ.get("SLURM_JOB_NAME") not in ("bash", "interactive")


def agent_store() -> Any | None:
    """Return the store of torchrun's agent. It exists before the process group and survives restarts.

    Returns:
        The store; None if there is none.
    """
    if not by_torchrun() or os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True":
        return None
    from torch.distributed import TCPStore  # type: ignore[attr-defined]  # public, but not in __all__

    with contextlib.suppress(RuntimeError, ValueError):
        return TCPStore(
            os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), is_master=False, timeout=timedelta(seconds=30)
        )
    return None


def says_it(text: str) -> bool:
    """Return whether this process must print an error, so that torchrun's processes print the same one only once.

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
    """Gather a tensor from all processes, in the order of their ranks, on the CPU.

    All processes must call this, with tensors of equal shape.

    Args:
        trainer: The trainer.
        state: This process's tensor.
        device: The device on which processes exchange tensors.
    """
    if trainer.world_size == 1:
        return [state.cpu()]
    from torch import distributed, empty_like

    own = state.to(device).contiguous()
    together = [empty_like(own) for _ in range(trainer.world_size)]
    distributed.all_gather(together, own)  # Lightning's keeps gradients, by a torch function that is deprecated
    return [part.cpu() for part in together]


def statistics(named_buffers: Iterable[tuple[str, Tensor]]) -> Iterator[tuple[str, Tensor]]:
    """Yield the buffers that differ between processes: running statistics, which are floating point; no counters."""
    return ((name, buffer) for name, buffer in named_buffers if buffer.is_floating_point())


def average_statistics(module: Module, trainer: Trainer) -> None:
    """Average the running statistics over all processes, so that all evaluate and save the same network."""
    if trainer.world_size > 1:
        for _, buffer in statistics(module.named_buffers()):
            buffer.copy_(trainer.strategy.reduce(buffer.clone(), reduce_op="mean"))
