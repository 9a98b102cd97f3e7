"""Heartbeat: TCP connections between rank 0 of a training and each other rank, which carry one state per line."""

from __future__ import annotations

import contextlib
import hmac
import os
import selectors
import socket
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

_BEAT = 1.0  # seconds between heartbeats
_LONGEST = 4096  # bytes per read; lines are shorter
_CONNECT = 10.0  # seconds to wait for a connection
_CLOSE = 1.0  # seconds that a process waits for its peers to have read its last state


@dataclass
class Peer:
    """Another process.

    Attributes:
        number: Its process id (pid).
        host: Its machine's name.
        is_here: Whether its pid is valid here too: same machine, same container.
        heard: Time of its last message, by the clock of this process.
        state: Its last message: alive, or why it ended.
        closed: Time when its connection was closed; 0 while it is open.
    """

    number: int
    host: str
    is_here: bool
    heard: float
    state: str = "alive"
    closed: float = 0.0
    connection: socket.socket | None = None
    unread: bytes = field(default=b"", repr=False)

    @property
    def lives(self) -> bool:
        """Whether it has not reported its end."""
        return self.state == "alive"


class Wire:
    """The connections between rank 0 and each other rank; all ranks must create it together (it is collective).

    Attributes:
        peers: The processes connected to this one by rank: all others, or rank 0.
        state: The state that this process reports.
    """

    def __init__(self, rank: int, world_size: int) -> None:
        self.rank, self.state = rank, "alive"
        self._sent, self._beaten = "", 0.0
        self._selector = selectors.DefaultSelector()
        self._server: socket.socket | None = None
        address = os.environ.get("MASTER_ADDR", "127.0.0.1")
        port = self._listen(address) if rank == 0 else 0
        me = (os.getpid(), socket.gethostname(), _numbers(), port, os.urandom(16).hex())
        everyone: list[Any] = [None] * world_size
        torch.distributed.all_gather_object(everyone, me)
        port, self._secret = everyone[0][3:]
        others = range(1, world_size) if rank == 0 else range(1)
        here = (me[1], me[2])
        self.peers = {
            other: Peer(everyone[other][0], everyone[other][1], everyone[other][1:3] == here, time.monotonic())
            for other in others
        }
        refused = ""
        try:
            if rank:
                self._connect(address, port)
        except OSError as error:
            refused = f"process {rank} on {me[1]} cannot reach process 0 at {address}, port {port}: {error}"
        torch.distributed.all_gather_object(everyone, refused)
        if failed := [one for one in everyone if one]:
            self.peers = {}
            if rank == 0:
                warnings.warn(f"{failed[0]}. A process that hangs or dies will not be noticed soon.", stacklevel=2)

    def exchange(self, seconds: float) -> None:
        """Send this process's state if due, and read messages."""
        now, state = time.monotonic(), self.state  # read once: another thread may set it
        if state != self._sent or now - self._beaten > _BEAT:
            self._sent, self._beaten = state, now
            for peer in self.peers.values():
                self._send(peer, state)
        for key, _ in self._selector.select(seconds):
            if key.fileobj is self._server:
                self._accept()
            else:
                self._receive(key.data, key.fileobj)

    def forgive(self) -> None:
        """Reset the time of every peer's last message: this process itself was stopped."""
        for peer in self.peers.values():
            peer.heard = time.monotonic()

    def close(self) -> None:
        """Send the last state and close all connections, after the peers have read it.

        A connection that is closed with unread messages is reset, and the peer loses what it has not read yet.
        """
        with contextlib.suppress(OSError):
            self.exchange(0)
        for peer in self.peers.values():
            if peer.connection is not None and not peer.closed:
                with contextlib.suppress(OSError):
                    peer.connection.shutdown(socket.SHUT_WR)
        end = time.monotonic() + _CLOSE
        while time.monotonic() < end and any(peer.connection and not peer.closed for peer in self.peers.values()):
            with contextlib.suppress(OSError):
                for key, _ in self._selector.select(0.05):
                    if key.data is not None:
                        self._receive(key.data, key.fileobj)
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()

    def _listen(self, address: str) -> int:
        family = socket.getaddrinfo(address, None)[0][0]
        # On one machine accept local connections only; a peer must also send the secret.
        local = address in ("localhost", "::1") or address.startswith("127.")
        self._server = socket.socket(family)
        self._server.bind((address if local else "", 0))
        self._server.listen(128)
        self._server.setblocking(False)
        self._selector.register(self._server, selectors.EVENT_READ)
        return int(self._server.getsockname()[1])

    def _connect(self, address: str, port: int) -> None:
        connection = socket.create_connection((address, port), timeout=_CONNECT)
        connection.sendall(f"{self._secret} {self.rank}\n".encode())
        self._add(connection, self.peers[0])

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            connection, _ = self._server.accept()  # type: ignore[union-attr]
            connection.setblocking(False)
            self._selector.register(connection, selectors.EVENT_READ, None)

    def _add(self, connection: socket.socket, peer: Peer) -> None:
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer.connection, peer.heard = connection, time.monotonic()
        with contextlib.suppress(KeyError):
            self._selector.unregister(connection)
        self._selector.register(connection, selectors.EVENT_READ, peer)

    def _receive(self, peer: Peer | None, connection: Any) -> None:
        try:
            content = connection.recv(_LONGEST)
        except BlockingIOError:
            return
        except OSError:
            content = b""
        if peer is None:
            peer, content = self._introduced(connection, content)
            if peer is None:
                return
        elif not content:
            peer.closed = time.monotonic()
            self._selector.unregister(connection)
            connection.close()
            return
        peer.heard = time.monotonic()
        *lines, peer.unread = (peer.unread + content)[-2 * _LONGEST :].split(b"\n")
        if lines:
            peer.state = lines[-1].decode(errors="replace")

    def _introduced(self, connection: socket.socket, content: bytes) -> tuple[Peer | None, bytes]:
        """Return the peer of a new connection; close the connection if its secret is wrong."""
        first, _, rest = content.partition(b"\n")
        secret, _, rank = first.decode(errors="replace").partition(" ")
        known = hmac.compare_digest(secret.encode(), self._secret.encode()) and rank.isdigit()
        peer = self.peers.get(int(rank)) if known else None
        if peer is None:
            self._selector.unregister(connection)
            connection.close()
        else:
            self._add(connection, peer)
        return peer, rest

    def _send(self, peer: Peer, line: str) -> None:
        if peer.connection is not None and not peer.closed:
            with contextlib.suppress(OSError):  # `_receive` notices a closed connection
                peer.connection.send(f"{' '.join(line.split())[: _LONGEST // 4]}\n".encode())


def _numbers() -> str:
    """Return the id of this process's pid namespace (Linux has one per container); empty on other systems."""
    space = Path("/proc/self/ns/pid")
    return str(space.readlink()) if space.exists() else ""
