"""What Lightning itself refuses: settings of the trainer that do not go together, found out only while it works."""

from __future__ import annotations

import re

from lightning.pytorch.utilities.exceptions import MisconfigurationException

from dlcore.errors import FitError

# Lightning's word for settings that do not go together, and what its own arithmetic raises of them.
_REFUSALS = (MisconfigurationException, ValueError, TypeError, ZeroDivisionError)


def out_of_memory(error: BaseException | None, section: str) -> FitError | None:
    """What is said when a section of the config asks for more memory than the machine has; else None."""
    while error is not None:
        if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and "allocate memory" in str(error)):
            wanted = re.search(r"allocate (\d+) bytes", str(error))
            size = f" ({int(wanted[1]) / 1e9:,.1f} GB at once)" if wanted else ""
            return FitError(f"{section}: its sizes need more memory than this machine has{size}. Make them smaller.")
        error = error.__cause__ or error.__context__
    return None


def refused_by_lightning(error: BaseException) -> FitError | None:
    """The error in one line, where Lightning's own code raised it; None for one of a model, data or torch.

    Args:
        error: What came out of the trainer.
    """
    if not isinstance(error, _REFUSALS):
        return None
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = place.tb_frame.f_globals.get("__name__", "") if place is not None else ""
    if not where.startswith("lightning."):
        return None
    said = " ".join(str(error).split())
    if isinstance(error, ZeroDivisionError):
        said = f"a number of batches or steps is 0 ({said})"
    return FitError(f"trainer: {said}")
