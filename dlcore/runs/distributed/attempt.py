"""The name of an attempt of a torchrun launch: the same for all its processes, another for each restart.

torchrun has one store for all attempts and counts restarts per machine, so neither identifies the attempt of a process.
Rank 0 does: each attempt has one.
"""

from __future__ import annotations

import json
import os
import threading
import uuid
from datetime import timedelta
from typing import Any

from dlcore.errors import ProcessLost
from dlcore.processes import ATTEMPT

_LOOK = 0.1  # seconds between two polls of the store for requests
_LONGEST = timedelta(minutes=5)  # maximum time for rank 0 to start


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
        what = json.loads(self._store.get(f"{self._key}/{name}"))
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
