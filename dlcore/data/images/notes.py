"""What is said about a folder's pictures: which are broken, and how unequal the classes are."""

from __future__ import annotations

from lightning.pytorch.utilities.rank_zero import rank_zero_only

from dlcore.configs.plain_text import printable
from dlcore.data.images.finding import Found
from dlcore.errors import DataError

_SHOWN = 8  # broken files that a message names


def meet_broken(found: Found, broken: dict[int, str], skip: bool) -> None:
    """Name the files that cannot be decoded.

    Args:
        found: The pictures.
        broken: Why which are broken, by their places.
        skip: Whether they are left out.

    Raises:
        DataError: There are such, and they are not to be left out.
    """
    if not broken:
        return
    shown = "; ".join(f"{found.names[place]} ({reason})" for place, reason in list(broken.items())[:_SHOWN])
    more = f"; and {len(broken) - _SHOWN:,} more" * (len(broken) > _SHOWN)
    what = f"{len(broken):,} of {len(found.names):,} files cannot be decoded: {shown}{more}"
    if not skip:
        remedy = "Repair or remove them, or leave them out: --data.skip_broken true."
        raise DataError(f"{found.root}: {what}. {remedy}")
    _say(f"{what}. They are left out")


def tell_counts(class_names: list[str], counts: list[int]) -> None:
    """Say it where one class has at least twice as many training pictures as another."""
    by_size = sorted(zip(counts, class_names, strict=True))
    (least, rare), (most, common) = by_size[0], by_size[-1]
    if most >= 2 * least:
        _say(
            f"classes differ in size: {most:,} training pictures of {common}, {least:,} of {rare}. --data.balanced "
            "true shows each class equally often"
        )


@rank_zero_only
def _say(note: str) -> None:
    print(printable(f"data: {note}."))
