"""What Lightning itself refuses: settings of the trainer that do not go together, found out only while it works."""

from __future__ import annotations

from lightning.pytorch.utilities.exceptions import MisconfigurationException

from dlcore.errors import FitError

# Lightning's word for settings that do not go together, and what its own arithmetic raises of them.
_REFUSALS = (MisconfigurationException, ValueError, TypeError, ZeroDivisionError)


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
