"""What all processes of one attempt of a torchrun launch have in common, and those of another attempt have not.

torchrun keeps one store for all attempts and counts restarts on each machine apart, so neither says which attempt a
process belongs to. The first process does: there is one in each attempt.
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

_LOOK = 0.1  # seconds between two looks for processes that ask
_LONGEST = timedelta(minutes=5)  # that the first process may take to start


class Attempt:
    """Tells all processes what the first one says.

    Args:
        store: The store of torchrun's agent.
        key: What is to be told, a name; each is told once in an attempt.
    """

    def __init__(self, store: Any, key: str) -> None:
        self._store, self._key = store, f"dlcore/{key}"
        self._over = threading.Event()

    def tell(self, what: dict[str, Any]) -> dict[str, Any]:
        """The first process's side: answer all that ask, until the process ends or `over` is called.

        Args:
            what: Plain values.

        Returns:
            The same, with a name for this attempt.
        """
        what = {**what, "attempt": uuid.uuid4().hex}
        os.environ[ATTEMPT] = what["attempt"]
        threading.Thread(target=self._answer, args=(json.dumps(what),), daemon=True).start()
        return what

    def ask(self, rank: int) -> dict[str, Any]:
        """The others' side: wait for the answer.

        Raises:
            ProcessLost: The first process does not answer.
        """
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
        """Answer no more: all have asked."""
        self._over.set()

    def _answer(self, text: str) -> None:
        asking = [f"{self._key}/asks/{rank}" for rank in range(1, int(os.environ["WORLD_SIZE"]))]
        answered: set[str] = set()
        try:
            while not self._over.wait(_LOOK):
                for key in asking:
                    # One that has died may have asked too: it gets its answer, and the next one its own.
                    if self._store.check([key]) and (name := self._store.get(key).decode()) not in answered:
                        self._store.set(f"{self._key}/{name}", text)
                        answered.add(name)
        except RuntimeError:
            return  # the store is gone, and torchrun with it
