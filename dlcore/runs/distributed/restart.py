"""Restart: a launch restarted by torchrun, by SLURM's requeue or under the same name resumes its own run.

The first attempt saves the run's folder for the next one: in the store of torchrun's agent, which outlives the
processes, and in a file next to the runs, which outlives the agent.

torchrun has one store for all attempts and counts restarts per machine, so neither identifies the attempt of a process.
Rank 0 does: each attempt has one.
"""

from __future__ import annotations

import atexit
import itertools
import json
import os
import re
import threading
import uuid
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer
from torch import distributed
from torch.distributed.distributed_c10d import PrefixStore

from dlcore.config.request import Flag, Request
from dlcore.errors import ArgumentError, ProcessLost
from dlcore.lightning_compat import process_group_of
from dlcore.processes import ATTEMPT, agent_store, by_slurm, by_torchrun, rank_of_process
from dlcore.runs.folder import runs_root

_LOOK = 0.1  # seconds between two polls of the store for requests
_LONGEST = timedelta(minutes=5)  # maximum time for rank 0 to start
RUN_ID = "DLCORE_RUN_ID"  # environment variable: the launch's name; a launch of the same name resumes its run
NOTES = ".launches"
_commands = itertools.count()


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
        store=PrefixStore(f"dlcore/{os.environ[ATTEMPT]}", store),
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


class Attempt:
    """A broadcast from rank 0 to all other ranks, through torchrun's store."""

    def __init__(self, store: Any, key: str) -> None:
        self._store, self._key = store, f"dlcore/{key}"
        self._over = threading.Event()

    def tell(self, what: dict[str, Any]) -> dict[str, Any]:
        """Answer the other ranks' requests, on rank 0, until the process ends or `over` is called."""
        what = {**what, "attempt": uuid.uuid4().hex}
        os.environ[ATTEMPT] = what["attempt"]
        threading.Thread(target=self._answer, args=(json.dumps(what),), daemon=True).start()
        return what

    def ask(self, rank: int) -> dict[str, Any]:
        """Request the message, on another rank, and wait for the answer."""
        name = uuid.uuid4().hex
        self._store.set(f"{self._key}/asks/{rank}", name)
        try:
            self._store.wait([f"{self._key}/{name}"], _LONGEST)
        except RuntimeError as error:
            raise ProcessLost(f"process 0 has not answered process {rank} within {_LONGEST}.") from error
        what: dict[str, Any] = json.loads(self._store.get(f"{self._key}/{name}"))
        os.environ[ATTEMPT] = what["attempt"]
        return what

    def over(self) -> None:
        """Stop answering: all ranks have their answer."""
        self._over.set()

    def _answer(self, text: str) -> None:
        asking = [f"{self._key}/asks/{rank}" for rank in range(1, int(os.environ["WORLD_SIZE"]))]
        answered: set[str] = set()
        try:
            while not self._over.wait(_LOOK):
                for key in asking:
                    # A dead process's request may remain: answer it, and later the one of its successor.
                    if self._store.check([key]) and (name := self._store.get(key).decode()) not in answered:
                        self._store.set(f"{self._key}/{name}", text)
                        answered.add(name)
        except RuntimeError:
            return  # the store has closed, and torchrun has ended


class Launch:
    """The launch of this process, with the run of an earlier attempt.

    Attributes:
        folder: The run's folder of an earlier attempt, to resume; None for the first attempt.
    """

    def __init__(self, request: Request) -> None:
        self._request = request
        self._key = f"{request.command}{next(_commands)}"
        self._notes = Path(runs_root(request.value("trainer.default_root_dir"))) / NOTES
        store, rank = agent_store(), rank_of_process()
        name, again = self._name()
        self._store: Any = store
        self._file = self._notes / f"{name}.{self._key}.json" if name else None
        self._attempt = Attempt(store, f"{self._key}/attempt") if store is not None else None
        if self._attempt is None:
            self.attempt = self._own_attempt()
            found = self._earlier(again)
        else:
            found = self._attempt.ask(rank) if rank else self._attempt.tell({"folder": self._earlier(again)["folder"]})
            self.attempt = found["attempt"]
        folder = Path(found["folder"]) if found["folder"] else None
        self.folder = folder if folder is not None and folder.is_dir() else None

    def request(self) -> Request:
        """Return the request, with the last checkpoint of the run to resume if there is one."""
        if self.folder is None or not self.has_checkpoint:
            return self._request
        flags = [*self._request.without("ckpt_path"), Flag("ckpt_path", str(self.folder))]
        return replace(self._request, flags=flags)

    @property
    def has_checkpoint(self) -> bool:
        """Whether the earlier attempt has saved a checkpoint."""
        return self.folder is not None and any((self.folder / "checkpoints").glob("*.ckpt"))

    def news(self) -> str:
        """Return a line about the restart; empty for a first attempt."""
        if self.folder is None:
            return ""
        if self.has_checkpoint:
            return f"Started again: the run in {self.folder} goes on from its last checkpoint."
        off = self._request.value("checkpoint") == "null"
        why = "checkpoints are off" if off else "there is none yet"
        return f"Started again: the run in {self.folder} has no checkpoint ({why}), so it starts again there."

    def note(self, folder: Path) -> None:
        """Save the run's folder for the next attempt. Call it on rank 0 only."""
        text = json.dumps({"folder": str(folder), "attempt": self.attempt, "goes_on": self.folder is not None})
        os.environ[ATTEMPT] = self.attempt  # Lightning's other processes inherit the environment
        if self._store is not None:
            self._store.set(f"dlcore/{self._key}", text)
        if self._file is not None:
            self._notes.mkdir(parents=True, exist_ok=True)
            temporary = self._file.with_suffix(f".{os.getpid()}.tmp")
            temporary.write_text(text, encoding="utf-8")
            temporary.replace(self._file)

    def met(self) -> None:
        """Stop answering other ranks: all have joined the process group."""
        if self._attempt is not None:
            self._attempt.over()

    def _name(self) -> tuple[str, bool]:
        """Return the launch's name (empty if it has none), and whether an earlier attempt of it may exist."""
        if self._request.command != "fit":
            return "", False
        if given := os.environ.get(RUN_ID):
            if not re.fullmatch(r"[\w.-]{1,100}", given):
                raise ArgumentError(RUN_ID, "letters, digits, '.', '_' and '-', at most 100", given)
            return given, True
        if (job := os.environ.get("SLURM_JOB_ID")) and (by_slurm() or by_torchrun()):
            step = os.environ.get("SLURM_STEP_ID", "0")
            return f"slurm-{job}-{step}", os.environ.get("SLURM_RESTART_COUNT", "0") != "0"
        return "", False

    @staticmethod
    def _own_attempt() -> str:
        """Return the name of this attempt without a store, from the environment: the same in all its processes."""
        if by_slurm():
            return f"{os.environ.get('SLURM_JOB_ID')}-{os.environ.get('SLURM_RESTART_COUNT', 0)}"
        return os.environ.get(ATTEMPT) or uuid.uuid4().hex

    def _earlier(self, again: bool) -> dict[str, Any]:
        """Return the note of an earlier attempt: from the store of this launch, else from the launch's file."""
        note: dict[str, Any] | None = None
        if self._store is not None and self._store.check([f"dlcore/{self._key}"]):
            note = json.loads(self._store.get(f"dlcore/{self._key}"))
        elif again and self._file is not None and self._file.is_file():
            note = json.loads(self._file.read_text(encoding="utf-8"))
        if note is None:
            return {"folder": None}
        # Rank 0 of this attempt may have written its note before another rank starts.
        own = self._store is None and note["attempt"] == self.attempt and rank_of_process() > 0
        return note if not own or note["goes_on"] else {"folder": None}
