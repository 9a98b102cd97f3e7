"""Notes and errors about a folder's pictures: broken files, unequal classes."""

from __future__ import annotations

from dlcore.data.images.decoder import WHOLE
from dlcore.data.images.image_files import Found
from dlcore.data.images.layout import listed
from dlcore.data.images.pixel_cache import Pictures
from dlcore.data.resumable_data import say
from dlcore.errors import DataError

_SHOWN = 8  # broken files that a message names


def meet_broken(found: Found, broken: dict[int, str], skip: bool | None) -> None:
    """Report the files that cannot be decoded, by index, with the reason: an error, unless they are to be skipped.

    None: they cannot be skipped.
    """
    if not broken:
        return
    shown = "; ".join(f"{found.names[place]} ({reason})" for place, reason in list(broken.items())[:_SHOWN])
    more = f"; and {len(broken) - _SHOWN:,} more" * (len(broken) > _SHOWN)
    what = f"{len(broken):,} of {len(found.names):,} files cannot be decoded: {shown}{more}"
    if not skip:
        remedy = "Repair or remove them" + ", or leave them out: --data.skip_broken true" * (skip is not None) + "."
        raise DataError(f"{found.root}: {what}. {remedy}")
    say(f"{what}. They are left out")


def tell_passed_over(found: Found) -> None:
    """Print which files of the folder are not read, and which classes a part lacks."""
    if found.note:
        say(found.note)
    if found.ignored:
        kinds = ", ".join(f"{count:,} × {ending}" for ending, count in found.ignored.most_common(_SHOWN))
        more = f" and {len(found.ignored) - _SHOWN} endings more" * (len(found.ignored) > _SHOWN)
        count = found.ignored.total()
        what = "1 file is no picture" if count == 1 else f"{count:,} files are no pictures"
        say(f"{what} of a kind that is read here: {kinds}{more}")
    if found.beside:
        count, more = len(found.beside), ", …" * (len(found.beside) > 3)
        what = "1 picture is" if count == 1 else f"{count:,} pictures are"
        say(f"{what} outside the class folders and not read: {', '.join(found.beside[:3])}{more}")
    for part, names in found.without.items():
        say(f"{part} has no pictures of {listed(names)}: nothing is measured of them")


def tell_levels(pictures: Pictures) -> None:
    """Print which values of 16-bit pictures became black and white, unless they are 0 and 65535."""
    span, levels = pictures.span, pictures.levels
    if span is None or levels is None or levels == WHOLE:
        return
    beyond = span[0] < levels[0] or span[1] > levels[1]
    values = "the training's" if beyond else "all"
    cut_off = f"; these pictures hold {span[0]:,} to {span[1]:,}: what lies beyond is cut off" * beyond
    say(
        f"16-bit pictures: {values} values lie in {levels[0]:,} to {levels[1]:,}, which become 0 to 255 (of 0 to "
        f"65,535 they would use {(levels[1] - levels[0]) // 257 + 1} of 256 levels){cut_off}"
    )


def tell_counts(found: Found, class_names: list[str], counts: list[int], balanced: bool) -> None:
    """Print a note if one class has at least twice as many training pictures as another, unless they are balanced.

    Raises:
        DataError: A class has no pictures that can be decoded.
    """
    if lost := [name for name, count in zip(class_names, counts, strict=True) if not count]:
        raise DataError(
            f"{found.root}: expected pictures of each class that can be decoded, got none of: {', '.join(lost)}. "
            "Repair them, or take their folders away."
        )
    by_size = sorted(zip(counts, class_names, strict=True))
    (least, rare), (most, common) = by_size[0], by_size[-1]
    if most >= 2 * least and not balanced:
        say(
            f"classes differ in size: {most:,} training pictures of {common}, {least:,} of {rare}. --data.balanced "
            "true shows each class equally often"
        )
