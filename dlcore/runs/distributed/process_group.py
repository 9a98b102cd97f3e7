"""Process group of one attempt, separate from those of earlier attempts of torchrun."""

from __future__ import annotations

import atexit
import os
from typing import Any

from lightning.pytorch import Trainer
from torch import distributed

from dlcore.lightning_compat import process_group_of
from dlcore.processes import ATTEMPT, agent_store


def meet_apart(trainer: Trainer) -> None:
    """Create the process group of this attempt under its own prefix in the store.

    torchrun has one store for all attempts, and torch uses the same keys each time: restarted processes would read the
    addresses of the dead ones and never connect (pytorch#135712).
    """
    strategy: Any = trainer.strategy
    store = agent_store() if ATTEMPT in os.environ and not distributed.is_initialized() else None
    if store is None or (group := process_group_of(strategy)) is None:
        return
    strategy.accelerator.setup_device(strategy.root_device)
    (backend, timeout), on_gpu = group, strategy.root_device.type != "cpu"
    store.set_timeout(timeout)
    distributed.init_process_group(
        backend,
        store=distributed.PrefixStore(f"dlcore/{os.environ[ATTEMPT]}", store),
        rank=int(os.environ["RANK"]),
        world_size=int(os.environ["WORLD_SIZE"]),
        timeout=timeout,
        device_id=strategy.root_device if on_gpu else None,
    )
    if backend == "nccl":
        atexit.register(_part)


def _part() -> None:
    if distributed.is_initialized():
        distributed.destroy_process_group()
