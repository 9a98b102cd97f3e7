"""Watchdog of a distributed training: when one process dies or hangs, all end, and one reports which it was.

A process that waits in a collective operation does not notice a lost process for half an hour, or never. So each rank
has a thread that exchanges heartbeats with rank 0. The system closes the connection of a process that dies, which is
noticed at once. A process that hangs sends no heartbeat.
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

PARENT = "DLCORE_MAIN_PROCESS"  # environment variable: pid of the process that started this one
SILENCE = "DLCORE_SILENCE"  # environment variable: seconds without a heartbeat until a process counts as lost; 0: never
_SILENT = 20.0
_LOOK = 0.1  # seconds between polls
_WORDS = 0.5  # seconds to wait for the exit code of a process whose connection is closed
_GRACE = 3.0  # seconds in which the main thread may fail by itself
_FAREWELL = 10.0  # seconds that rank 0 waits for the others at the end, and each rank for its thread to end
_PAUSE = 5.0  # seconds between two polls after which this process itself must have been stopped
_LOST = ("Connection closed by peer", "Connection reset", "Broken pipe", "gloo", "NCCL", "Timed out", "recvValue")


class Watchdog:
    """Monitor of the processes of one training, from before they join until they end."""

    def __init__(self, trainer: Trainer, remedy: Callable[[], str] = str) -> None:
        self.trainer, self._remedy = trainer, remedy
        self.rank, self.world_size = rank_of_process(), trainer.world_size
        self._silent = float(os.environ.get(SILENCE, _SILENT))
        self._parent = os.getppid() if by_torchrun() else int(os.environ.get(PARENT, 0)) if self.rank else 0
        self._left, self._found, self._lock = threading.Event(), threading.Event(), threading.Lock()
        self._finding, self._speaks, self._spoken = "", True, False
        self._stopped: list[int] = []  # pids of processes on this machine that hang
        self._wire: Wire | None = None
        self._thread = threading.Thread(target=self._watch, name="dlcore-watchdog", daemon=True)

    # Called by the main thread

    def start(self) -> None:
        """Start to watch the parent process and the child processes."""
        if not self.rank and not by_torchrun():
            os.environ[PARENT] = str(os.getpid())
        self._thread.start()

    def meet(self) -> None:
        """Start the heartbeats, after all processes have joined the process group."""
        self.rank = self.trainer.global_rank
        end_no_processes()
        self._wire = Wire(self.rank, self.world_size)

    def leave(self, state: str = "parted") -> None:
        """Stop, and report to the others that this process is not lost. Rank 0 waits for them: it hosts the group.

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
        self._thread.join(_FAREWELL)  # it sends the last state, late if the cores are busy

    def first_says(self, state: str) -> bool:
        """Return whether rank 0 ends with the same state as this process: then one error message is enough."""
        if self.rank == 0 or self._wire is None or 0 not in self._wire.peers:
            return False
        first, end = self._wire.peers[0], time.monotonic() + _GRACE
        while time.monotonic() < end and first.lives and not first.closed:
            time.sleep(_LOOK)
        return first.state == state

    def explained(self, error: BaseException) -> ProcessLost | None:
        """Return the error that names the lost process, if that caused `error`; None for an error of this process."""
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
        """Return whether a process is lost, or is found lost within one second: its message will follow."""
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
                self._look_at_others(self._wire, now)
        if self._found.is_set():
            self._end()
        if self._wire is not None:
            self._wire.close()

    def _end(self) -> None:
        """End this process, unless the main thread fails by itself because a connection is closed."""
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
            elif not known and code not in (130, 143):  # else its last state reports it
                self._lost(rank, child.pid, f"ended with exit code {code}")

    def _look_at_others(self, wire: Wire, now: float) -> None:
        for rank, peer in wire.peers.items():
            if peer.state.startswith("said: "):
                if now - peer.heard < _GRACE:  # this process may raise the same error
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
        """Kill the child processes and hanging processes: one that is stopped (SIGSTOP) reacts to SIGKILL only."""
        for child in self._children():
            if child.poll() is None:
                child.kill()
        for number in self._stopped:
            with contextlib.suppress(OSError):
                os.kill(number, signal.SIGKILL)
