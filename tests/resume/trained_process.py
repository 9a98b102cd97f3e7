"""A fit in a process of its own, which can be interrupted anywhere: by a signal of the kernel's, or by an error."""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from blank_figures import blank
from forked import CONTEXT
from lightning.pytorch import Callback
from torch.utils._pytree import tree_leaves

from dlcore.errors import DlcoreError, Interrupted
from dlcore.runs import fit

FAILED = 99  # exit code of a fit that ended by an error


class Fault(Callback):
    """Writes down each batch, and interrupts the run at one place.

    Args:
        path: Of the list: ``epoch batch digest`` a line.
        place: ``mid_epoch``, ``last_batch``, ``epoch_end`` or ``validation``; empty: nowhere.
        fault: Name of a signal, ``exception``, or ``nan`` in the last process's batch (``mid_epoch`` only).
        epoch: In which epoch, from 0.
        batch: Before which batch, in the middle of an epoch.
    """

    def __init__(self, path: Path, place: str = "", fault: str = "", epoch: int = 1, batch: int = 4) -> None:
        self.path, self.place, self.fault, self.epoch, self.batch = path, place, fault, epoch, batch

    hooks_of_every_batch = ("on_train_batch_start",)

    def skippable_batches(self, trainer: Any, position: Any) -> float:
        return math.inf

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        digest = hashlib.sha256()
        for leaf in tree_leaves(list(batch)):
            digest.update(leaf.numpy().tobytes() if isinstance(leaf, torch.Tensor) else repr(leaf).encode())
        with self.path.open("a") as file:
            file.write(f"{trainer.current_epoch} {batch_idx} {digest.hexdigest()}\n")
        if self.place == "mid_epoch" and batch_idx == self.batch:
            self._strike(trainer, batch)
        if self.place == "last_batch" and batch_idx == trainer.num_training_batches - 1:
            self._strike(trainer)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        if self.place == "epoch_end":
            self._strike(trainer)

    def on_validation_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int, *_: Any) -> None:
        if self.place == "validation" and batch_idx == 1 and not trainer.sanity_checking:
            self._strike(trainer)

    def _strike(self, trainer: Any, batch: Any = None) -> None:
        if trainer.current_epoch != self.epoch:
            return
        self.place = ""
        if self.fault == "nan":  # of the last process only
            if trainer.global_rank == trainer.world_size - 1:
                batch[0][0] = math.nan
            return
        if self.fault == "exception":
            raise RuntimeError("a fault of the test's")
        # A signal to one process is one for all; SIGKILL is sent to all, as a launcher does when one has died.
        if trainer.global_rank == 0 or self.fault == "SIGKILL":
            os.kill(os.getpid(), signal.Signals[self.fault])


def train(words: Sequence[str], work: Path, world_size: int = 1, **fault: Any) -> list[int]:
    """Fit in `world_size` processes of their own; batches are written to ``work/batches.<rank>``.

    Args:
        words: Behind ``fit`` on the command line.
        work: Folder in which the processes work.
        world_size: How many.
        fault: Arguments of `Fault` but for the path.

    Returns:
        Exit codes: 0, of a signal 128 + its number, ``-9`` of one that was killed, `FAILED` of an error.
    """
    port = _free_port()
    processes = [
        CONTEXT.Process(target=_fit, args=(list(words), work, rank, world_size, port, fault))
        for rank in range(world_size)
    ]
    for process in processes:
        process.start()
    end = time.monotonic() + 120
    while time.monotonic() < end and any(process.is_alive() for process in processes):
        time.sleep(0.02)
        if any(process.exitcode not in (None, 0) for process in processes):
            for process in processes:
                process.join(20)
            break
    for process in processes:
        if process.is_alive():
            process.kill()
            process.join()
    return [process.exitcode or 0 for process in processes]


def _fit(words: list[str], work: Path, rank: int, world_size: int, port: int, fault: dict[str, Any]) -> None:
    os.setsid()
    os.chdir(work)
    with (work / f"said.{rank}").open("a", encoding="utf-8") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
    torch.set_num_threads(1)
    blank()
    if world_size > 1:
        os.environ |= {
            "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(world_size), "RANK": str(rank),
            "LOCAL_RANK": str(rank), "LOCAL_WORLD_SIZE": str(world_size), "GROUP_RANK": "0",
            "TORCHELASTIC_RUN_ID": "resume", "GLOO_SOCKET_IFNAME": "lo",
        }  # fmt: skip
    code = 0
    try:
        one_cpu_each = ("--trainer.accelerator=cpu", f"--trainer.devices={world_size}")
        fit(*words, *one_cpu_each, callbacks=[Fault(work / f"batches.{rank}", **fault)])
    except Interrupted as interrupted:
        code = interrupted.exit_code
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        code = FAILED if not isinstance(error, DlcoreError) else FAILED - 1
    with contextlib.suppress(Exception):
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # as a process of torchrun does, whatever threads are left


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
