"""Notebooks: whether the program runs in one, and outputs below a cell. IPython is imported only there."""

from __future__ import annotations

import base64
import sys
from typing import Any


def in_notebook() -> bool:
    """Return whether this is the kernel of a notebook, which can show pictures."""
    ipython: Any = sys.modules.get("IPython")  # a kernel has imported it
    shell = ipython.get_ipython() if ipython is not None else None
    return hasattr(shell, "kernel")  # IPython in a terminal has none


def png_text(content: bytes) -> str:
    """Return a PNG file's content as notebooks keep it, in base64."""
    return base64.b64encode(content).decode()


class Output:
    """One output below the cell that runs, which each call of `show` replaces. Use it in a notebook only."""

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, content: dict[str, str]) -> None:
        """Show the output, or replace what it shows.

        Args:
            content: The same in several formats, by MIME type: ``image/png`` (in base64), ``text/plain``, ….
        """
        from IPython.display import display

        if self._handle is None:
            self._handle = display(content, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(content, raw=True)
