"""Named errors: each names the argument, the expected value, the received value and the remedy.

The command line prints an error's text on one line and exits with its `exit_code`; a notebook shows the same line.
Both show a traceback only with ``DLCORE_DEBUG=1``.
"""

from __future__ import annotations

import difflib
import math
import os
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_LONGEST = 300  # characters of an error's text


class DlcoreError(Exception):
    """Base class of all errors for users. The text is complete without a traceback.

    Attributes:
        spoken: Whether this or another process has already printed it.
    """

    exit_code = 2
    spoken = False

    def _render_traceback_(self) -> list[str]:
        """Return the lines that a notebook shows: IPython calls a method of this name."""
        if os.environ.get("DLCORE_DEBUG"):
            return "".join(traceback.format_exception(self)).splitlines()
        return [f"{type(self).__name__}: {self}"]


class ArgumentError(DlcoreError, ValueError):
    """Invalid value of an argument.

    Args:
        argument: Name of the argument, as a user types it (``model.dropout``).
        expected: Valid values, in words (``a probability in [0, 1)``).
        received: The value received; None if there was none.
        remedy: What to do about it, a sentence; may be empty.
    """

    def __init__(self, argument: str, expected: str, received: Any, remedy: str = "") -> None:
        self.argument, self.expected, self.received, self.remedy = argument, expected, received, remedy
        super().__init__(argument, expected, received, remedy)

    def __str__(self) -> str:
        received = "nothing" if self.received is None else repr(self.received)
        return f"{self.argument}: expected {self.expected}, got {received}. {self.remedy}".rstrip()

    def within(self, prefix: str) -> ArgumentError:
        """Return the same error with a prefix before the argument: ``dropout`` in ``model`` is ``model.dropout``."""
        return type(self)(f"{prefix}.{self.argument}", self.expected, self.received, self.remedy)


class UnknownNameError(DlcoreError, ValueError):
    """Unknown name of a key, a class or a recipe. The message suggests the nearest existing name.

    Args:
        kind: Kind of the name (``recipe``, ``argument of MLP``).
        name: The unknown name.
        options: All existing names.
        remedy: What to do if the suggestion does not help.
    """

    def __init__(self, kind: str, name: str, options: Iterable[str], remedy: str = "") -> None:
        self.kind, self.name, self.options, self.remedy = kind, name, list(dict.fromkeys(options)), remedy
        super().__init__(kind, name, self.options, remedy)

    def __str__(self) -> str:
        near = nearest(self.name, self.options)
        if near:
            hint = f" Did you mean {near!r}?"
        elif 0 < len(", ".join(self.options)) <= 400:
            hint = f" There are: {', '.join(self.options)}."
        else:
            hint = ""
        return f"Unknown {self.kind}: {self.name!r}.{hint}{' ' * bool(self.remedy)}{self.remedy}"


class ConfigError(DlcoreError):
    """Unreadable or incomplete recipe file."""


class DataError(DlcoreError):
    """Data that are missing, damaged, or do not match the settings."""


class CheckpointError(DlcoreError):
    """Checkpoint that is missing, damaged, or of another model."""


class FitError(DlcoreError):
    """Settings of model, data and trainer that do not fit together."""


class RunFileError(DlcoreError):
    """File of a run that cannot be written: the disk is full, or its folder was deleted or is not writable.

    Args:
        path: The file.
        reason: Error message of the operating system.
        remedy: What to do about it, a sentence without its full stop; empty if unknown.
    """

    def __init__(self, path: Path, reason: str, remedy: str = "") -> None:
        self.path, self.reason, self.remedy = path, reason, remedy
        super().__init__(path, reason, remedy)

    def __str__(self) -> str:
        remedy = self.remedy or "See that its folder is there and may be written to"
        return f"{self.path}: could not be written: {self.reason}. What was there before is kept. {remedy}."


class TrackerError(DlcoreError):
    """Tracker that cannot be reached, or does not take what is sent."""


class NotFiniteError(FitError):
    """Loss or weights that are NaN or infinite."""


class Interrupted(DlcoreError):
    """End of a run by a signal, after its state was saved.

    Args:
        message: What was saved and how to continue.
        exit_code: 128 plus the signal's number, as shells report it.
        checkpoint: File of the saved state; None if nothing was saved.
    """

    def __init__(self, message: str, exit_code: int, checkpoint: Path | None = None) -> None:
        super().__init__(message)
        self.exit_code, self.checkpoint = exit_code, checkpoint


class ProcessLost(DlcoreError):
    """End of this process because another process of the training died.

    Args:
        message: Which process died, and how.
        spoken: Whether this or another process has already printed it.
    """

    exit_code = 1

    def __init__(self, message: str, spoken: bool = False) -> None:
        super().__init__(message)
        self.spoken = spoken


class Signalled(KeyboardInterrupt):
    """Immediate end of the program by a signal, like Ctrl-C.

    Args:
        number: The signal's number.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def in_a_line(error: BaseException) -> str:
    """Return an unexpected error in one line; print its traceback too with ``DLCORE_DEBUG=1``."""
    if os.environ.get("DLCORE_DEBUG"):
        traceback.print_exception(error)
    said = " ".join(f"{type(error).__name__}: {error}".split())
    return said if len(said) <= _LONGEST else f"{said[: _LONGEST - 1]}…"


@contextmanager
def never_fatal(what: str, tell: Callable[[str], object]) -> Iterator[None]:
    """Catch errors in code that only displays results, and report them in one line, so that the run continues.

    Args:
        what: What the block does, as the beginning of the line (``the curves``).
        tell: Called with the line: what failed, the error, and that ``DLCORE_DEBUG=1`` shows where.
    """
    try:
        yield
    except (Interrupted, ProcessLost):  # the run itself ends
        raise
    except Exception as error:
        tell(f"{what} failed: {in_a_line(error)} (DLCORE_DEBUG=1 shows where)")


def nearest(name: str, options: Iterable[str]) -> str | None:
    """Return the option spelled most like `name`, ignoring case; None if no option is close."""
    by_lower = {option.lower(): option for option in options}
    found = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None


def check_number(
    argument: str,
    value: float,
    *,
    above: float | None = None,
    at_least: float | None = None,
    below: float | None = None,
    at_most: float | None = None,
    whole: bool = False,
    remedy: str = "",
) -> None:
    """Check that a number is finite and lies in an interval.

    Args:
        argument: The argument's name, for the message.
        value: The number.
        above: Exclusive lower bound.
        at_least: Inclusive lower bound.
        below: Exclusive upper bound.
        at_most: Inclusive upper bound.
        whole: Whether the number must be an integer.
        remedy: What to do if the check fails, a sentence.

    Raises:
        ArgumentError: The number is NaN, infinite or out of range; the message states the range.
    """
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    inside = number and (
        (above is None or value > above)
        and (at_least is None or value >= at_least)
        and (below is None or value < below)
        and (at_most is None or value <= at_most)
        and (not whole or isinstance(value, int))
    )
    if not inside:
        bounds = [
            f"{word} {bound:,}"
            for word, bound in (("above", above), ("at least", at_least), ("below", below), ("at most", at_most))
            if bound is not None
        ]
        raise ArgumentError(argument, f"a {'whole ' * whole}number {' and '.join(bounds)}".rstrip(), value, remedy)
