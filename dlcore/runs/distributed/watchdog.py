"""Who of a training's processes still lives: when one dies or hangs, all end, and one of them says which it was.

A process that waits for another in a sum over all of them notices nothing by itself, for half an hour or for ever. So
each has a thread beside its work that tells the first process that it lives, and hears the same of it. The system
closes the connection of a process that dies: that is known at once. One that hangs falls silent.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from lightning.pytorch import Trainer
from torch.distributed import DistError

from dlcore.errors import ProcessLost
from dlcore.lightning_compat import end_no_processes
from dlcore.processes import by_torchrun, rank_of_process
from dlcore.runs.distributed.heartbeat import Wire

PARENT = "DLCORE_MAIN_PROCESS"  # variable: number of the process that started this one
SILENCE = "DLCORE_SILENCE"  # variable: seconds without a sign of life after which a process counts as lost; 0: never
_SILENT = 20.0
_LOOK = 0.1  # seconds between looks
_WORDS = 0.5  # seconds in which the system says how a process ended whose connection is closed
_GRACE = 3.0  # seconds in which the work may notice by itself that it cannot go on
_FAREWELL = 10.0  # seconds that the first process waits for the others at the end, and each for its last word
_PAUSE = 5.0  # seconds between two looks after which this process itself must have been stopped
_LOST = ("Connection closed by peer", "Connection reset", "Broken pipe", "gloo", "NCCL", "Timed out", "recvValue")


class Watchdog:
    """Watches over the processes of one training, from before they meet until they part.

    Args:
        trainer: The trainer.
        remedy: Says how to go on, a sentence; asked when a process was lost.
    """

    def __init__(self, trainer: Trainer, remedy: Callable[[], str] = str) -> None:
        self.trainer, self._remedy = trainer, remedy
        self.rank, self.world_size = rank_of_process(), trainer.world_size
        self._silent = float(os.environ.get(SILENCE, _SILENT))
        self._parent = os.getppid() if by_torchrun() else int(os.environ.get(PARENT, 0)) if self.rank else 0
        self._left, self._found, self._lock = threading.Event(), threading.Event(), threading.Lock()
        self._finding, self._speaks, self._spoken = "", True, False
        self._stopped: list[int] = []  # processes on this machine that are silent
        self._wire: Wire | None = None
        self._thread = threading.Thread(target=self._watch, name="dlcore-watchdog", daemon=True)

    # The training's side

    def start(self) -> None:
        """Begin to watch those that started this process, and those that it starts."""
        if not self.rank and not by_torchrun():
            os.environ[PARENT] = str(os.getpid())
        self._thread.start()

    def meet(self) -> None:
        """Begin to hear the others. They have met by now, all of them."""
        self.rank = self.trainer.global_rank
        end_no_processes()
        self._wire = Wire(self.rank, self.world_size)

    def leave(self, state: str = "parted") -> None:
        """End, and let the others know that this is no loss. The first waits for them: they meet at its place.

        Args:
            state: ``parted``; ``said: TEXT`` after an error that it prints itself; ``failed: TEXT`` after another.
        """
        wire = self._wire
        if wire is not None and not self._found.is_set():
            wire.state = state
            end = time.monotonic() + (_FAREWELL if self.rank == 0 else 0) / (1 if state == "parted" else 5)
            while time.monotonic() < end and any(peer.lives for peer in wire.peers.values()):
                time.sleep(0.02)
        self._left.set()
        self._thread.join(_FAREWELL)  # it sends the last word, late where the cores are busy

    def first_says(self, state: str) -> bool:
        """Whether the first process leaves with the same word as this one does: then its error is enough."""
        if self.rank == 0 or self._wire is None or 0 not in self._wire.peers:
            return False
        first, end = self._wire.peers[0], time.monotonic() + _GRACE
        while time.monotonic() < end and first.lives and not first.closed:
            time.sleep(_LOOK)
        return first.state == state

    def explained(self, error: BaseException) -> ProcessLost | None:
        """The error that says which process was lost, where that has led to `error`; None for one of our own.

        Args:
            error: What came out of the trainer.
        """
        lost = isinstance(error, DistError) or (
            isinstance(error, RuntimeError) and any(word in str(error) for word in _LOST)
        )
        if not lost or not self._found.wait(self._silent + _GRACE):
            return None
        with self._lock:
            speaks, self._spoken = self._speaks and not self._spoken, True
        self._end_others()
        self._left.set()
        return ProcessLost(self._finding, spoken=not speaks)

    def ends(self) -> bool:
        """Whether a process was lost, or is found to be within a second: the reason of it is about to be said."""
        return self._found.wait(_WORDS + 5 * _LOOK)

    # The thread

    def _watch(self) -> None:
        looked = time.monotonic()
        while not self._left.is_set() and not self._found.is_set():
            if self._wire is None:
                self._left.wait(_LOOK)
            else:
                self._wire.exchange(_LOOK)
            now = time.monotonic()
            if now - looked > _PAUSE and self._wire is not None:  # Ctrl-Z, a debugger, a machine that slept
                self._wire.forgive()
            looked = now
            self._look_at_parent()
            self._look_at_children()
            if self._wire is not None:
                self._look_at_others(now)
        if self._found.is_set():
            self._end()
        if self._wire is not None:
            self._wire.close()

    def _end(self) -> None:
        """End this process, unless its work comes to an end by itself: it notices that a connection is closed."""
        if self._wire is not None and self.rank == 0:
            self._wire.state = f"verdict: {self._finding}"
            self._wire.exchange(0)
        if self._left.wait(_GRACE):
            return
        with self._lock:
            if self._spoken:
                return
            self._spoken = True
        if self._speaks:
            print(f"\ndlcore: {self._finding}", file=sys.stderr, flush=True)
        self._end_others()
        os._exit(ProcessLost.exit_code)

    def _look_at_parent(self) -> None:
        if self._parent and os.getppid() != self._parent:
            who = "torchrun" if by_torchrun() else "process 0"
            speaks = int(os.environ.get("LOCAL_RANK", 0)) == (0 if by_torchrun() else 1)
            self._find(f"{who} (pid {self._parent}) is gone, so the processes that it started end.", speaks)

    def _look_at_children(self) -> None:
        for place, child in enumerate(self._children(), 1):
            code, rank = child.poll(), self.trainer.global_rank + place
            if not code:
                continue
            known = self._wire is not None and rank in self._wire.peers
            if code < 0:
                self._lost(rank, child.pid, f"was ended by {signal.Signals(-code).name}")
            elif not known and code not in (130, 143):  # else its last word says it
                self._lost(rank, child.pid, f"ended with exit code {code}")

    def _look_at_others(self, now: float) -> None:
        wire: Wire = self._wire  # type: ignore[assignment]
        for rank, peer in wire.peers.items():
            if peer.state.startswith("said: "):
                if now - peer.heard < _GRACE:  # it may be this process's error too
                    continue
                self._find(f"process {rank} ended by an error, which it printed.", speaks=False)
            elif peer.state.startswith("verdict: "):
                self._find(peer.state.removeprefix("verdict: "), speaks=False)
            elif peer.state.startswith("failed: "):
                self._lost(rank, peer.number, f"ended by an error: {peer.state.removeprefix('failed: ')}")
            elif peer.lives and peer.closed and now - peer.closed > _WORDS:
                self._lost(rank, peer.number, "is gone: killed, perhaps for want of memory")
            elif peer.lives and not peer.closed and self._silent and now - peer.heard > self._silent:
                self._lost(rank, peer.number, f"has given no sign of life for {self._silent:g} seconds")
                if peer.is_here:
                    self._stopped.append(peer.number)

    def _lost(self, rank: int, number: int, how: str) -> None:
        peer = self._wire.peers.get(rank) if self._wire is not None else None
        place = "" if peer is None or peer.is_here else f" on {peer.host}"
        who = f"process {rank} of {self.world_size} (pid {number}{place})"
        speaks = self.rank == 0 or (rank == 0 and self.rank == 1) or peer is None
        self._find(f"{who} {how.removesuffix('.')}. The others end, since they cannot go on without it.", speaks)

    def _find(self, finding: str, speaks: bool = True) -> None:
        if not self._found.is_set():
            told = finding.startswith("process") and "Go on:" not in finding and speaks
            self._finding, self._speaks = f"{finding} {self._remedy() if told else ''}".strip(), speaks
            self._found.set()

    def _children(self) -> list[Any]:
        return getattr(self.trainer.strategy.launcher, "procs", None) or []

    def _end_others(self) -> None:
        """Kill the processes that this one has started, and one that is stopped: no gentler signal reaches it."""
        for child in self._children():
            if child.poll() is None:
                child.kill()
        for number in self._stopped:
            with contextlib.suppress(OSError):
                os.kill(number, signal.SIGKILL)
