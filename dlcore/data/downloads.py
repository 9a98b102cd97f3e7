"""Downloads that end: files appear whole or not at all, and a silent server is abandoned."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

MOST_BYTES = 2_000_000_000  # packed and unpacked; FashionMNIST has 86 million
_LOOK = 1.0  # seconds between two checks of what has arrived


def download(fill: Callable[[Path], Any], root: Path, names: Iterable[Path], patience: float) -> None:
    """Let a function fill a folder with downloads, and move the named files into place in root once they are whole.

    It is abandoned with a `TimeoutError` when nothing arrives for `patience` seconds, and with an `OSError` beyond
    `MOST_BYTES`. What the function raises passes through.
    """
    root.mkdir(parents=True, exist_ok=True)
    # Within root: a move is atomic only on one file system.
    with TemporaryDirectory(prefix="download-", dir=root, ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary)
        _run_while_it_grows(lambda: fill(folder), folder, patience)
        for name in names:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).replace(root / name)


def _run_while_it_grows(work: Callable[[], Any], folder: Path, patience: float) -> None:
    """Run work that fills a folder; abandon it when no bytes arrive for `patience` seconds.

    Socket timeouts are not enough: they restart for each address of a server and do not cover the name lookup.
    """
    done: Future[None] = Future()

    def run() -> None:
        try:
            work()
            done.set_result(None)
        except Exception as error:
            done.set_exception(error)

    # A daemon thread, not a pool's: the program must be able to exit while the download hangs.
    threading.Thread(target=run, name="download", daemon=True).start()
    size = 0
    quiet = 0.0
    while not wait([done], timeout=min(patience, _LOOK)).done:
        before, size = size, _size(folder)
        quiet = quiet + min(patience, _LOOK) if size == before else 0.0
        if quiet >= patience:
            raise TimeoutError(f"nothing came for {patience:g} seconds")
        if size > MOST_BYTES:
            raise OSError(f"more than {MOST_BYTES:,} bytes came")
    done.result()


def _size(folder: Path) -> int:
    size = 0
    for path in folder.rglob("*"):
        with suppress(OSError):  # renamed or removed meanwhile
            size += path.lstat().st_size
    return size
