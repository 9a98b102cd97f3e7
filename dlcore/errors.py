"""Named errors: each says which argument, what was expected, what came, and the remedy.

The command line prints an error's text on one line and leaves with its `exit_code`; a traceback is shown only with
``DLCORE_DEBUG=1``.
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

_LONGEST = 300  # characters of what an error says


class DlcoreError(Exception):
    """Base of all errors that are meant for users. Its text is complete without a traceback.

    Attributes:
        spoken: Whether it has been printed already, by this process or another.
    """

    exit_code = 2
    spoken = False


class ArgumentError(DlcoreError, ValueError):
    """An argument has a value that it cannot have.

    Args:
        argument: Name of the argument, as a user types it (``model.dropout``).
        expected: What would have been right, in words (``a probability in [0, 1)``).
        received: The value that came; None where none came.
        remedy: What to do about it, a sentence; may be empty.
    """

    def __init__(self, argument: str, expected: str, received: Any, remedy: str = "") -> None:
        self.argument, self.expected, self.received, self.remedy = argument, expected, received, remedy
        super().__init__(argument, expected, received, remedy)

    def __str__(self) -> str:
        received = "nothing" if self.received is None else repr(self.received)
        return f"{self.argument}: expected {self.expected}, got {received}. {self.remedy}".rstrip()

    def within(self, prefix: str) -> ArgumentError:
        """The same error with its argument's full name: ``dropout`` within ``model`` is ``model.dropout``."""
        return type(self)(f"{prefix}.{self.argument}", self.expected, self.received, self.remedy)


class UnknownNameError(DlcoreError, ValueError):
    """A name that does not exist: a key, a class, a recipe. The nearest existing one is offered.

    Args:
        kind: What kind of thing was looked for (``recipe``, ``argument of MLP``).
        name: The name that came.
        options: The names that exist.
        remedy: What to do if none of the near names is meant.
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
    """A recipe file cannot be read or does not say what a recipe must say."""


class DataError(DlcoreError):
    """Data are missing, damaged, or not what the settings say they are."""


class CheckpointError(DlcoreError):
    """A checkpoint is missing, damaged, or of another model."""


class FitError(DlcoreError):
    """Model, data and trainer cannot work together as they are set."""


class RunFileError(DlcoreError):
    """A file of a run cannot be written: the disk is full, its folder was taken away or may not be written to.

    Args:
        path: The file.
        reason: What the system said.
        remedy: What to do about it, a sentence without its end; empty where nothing is known.
    """

    def __init__(self, path: Path, reason: str, remedy: str = "") -> None:
        self.path, self.reason, self.remedy = path, reason, remedy
        super().__init__(path, reason, remedy)

    def __str__(self) -> str:
        remedy = self.remedy or "See that its folder is there and may be written to"
        return f"{self.path}: could not be written: {self.reason}. What was there before is kept. {remedy}."


class NotFiniteError(FitError):
    """The loss, or the weights, of a training are NaN or infinite."""


class Interrupted(DlcoreError):
    """A signal ended the run after its state was saved.

    Args:
        message: What was saved and how to go on.
        exit_code: 128 plus the signal's number, as shells report it.
    """

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class ProcessLost(DlcoreError):
    """Another process of the training has died, so this one ends too.

    Args:
        message: Which one, and how.
        spoken: Whether it has been printed, by this process or another.
    """

    exit_code = 1

    def __init__(self, message: str, spoken: bool = False) -> None:
        super().__init__(message)
        self.spoken = spoken


class Signalled(KeyboardInterrupt):
    """A signal ends the program at once, as Ctrl-C does.

    Args:
        number: The signal's number.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def in_a_line(error: BaseException) -> str:
    """An error that nobody foresaw, in one line; with ``DLCORE_DEBUG=1`` its traceback is printed too."""
    if os.environ.get("DLCORE_DEBUG"):
        traceback.print_exception(error)
    said = " ".join(f"{type(error).__name__}: {error}".split())
    return said if len(said) <= _LONGEST else f"{said[: _LONGEST - 1]}…"


@contextmanager
def never_fatal(what: str, tell: Callable[[str], object]) -> Iterator[None]:
    """Let what is only shown of a run fail without ending the rest: what went wrong is told in a line.

    Args:
        what: What is done within it, as the line begins (``the curves``).
        tell: Hears the line: what failed, the error, and that ``DLCORE_DEBUG=1`` shows where.
    """
    try:
        yield
    except (Interrupted, ProcessLost):  # the run itself ends
        raise
    except Exception as error:
        tell(f"{what} failed: {in_a_line(error)} (DLCORE_DEBUG=1 shows where)")


def nearest(name: str, options: Iterable[str]) -> str | None:
    """The option that is spelled most like `name`, or None when none is near. Upper and lower case count as equal."""
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
        above: Lower bound that is excluded.
        at_least: Lower bound that is included.
        below: Upper bound that is excluded.
        at_most: Upper bound that is included.
        whole: Whether it must be a whole number.
        remedy: What to do if it does not, a sentence.

    Raises:
        ArgumentError: The number is NaN, infinite or outside; the message holds the interval.
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
