"""Dates in a table's cells, as days since 1970-01-01: ``2024-05-01``, ``2024年5月1日 13:45``, ``01.05.2024``.

A date whose order of day and month is open, 01/02/2024, is never guessed: the other rows or a flag decide.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pandas import Series

EPOCH = datetime(1970, 1, 1)
DAY = timedelta(days=1)
WEEK, YEAR = 7.0, 365.2425  # days
_FORM = re.compile(
    r"(?:(?P<year>\d{4})(?P<sign>[-/.])(?P<month>\d{1,2})(?P=sign)(?P<day>\d{1,2})"
    r"|(?P<year_>\d{4})年(?P<month_>\d{1,2})月(?P<day_>\d{1,2})[日号]"
    r"|(?P<first>\d{1,2})(?P<sign_>[-/.])(?P<second>\d{1,2})(?P=sign_)(?P<year__>\d{4}))"
    # The time, and the zone: a date's time is that which a clock there shows.
    r"(?:[T\s]*(?P<hour>\d{1,2})[:时](?P<minute>\d{2})[:分]?(?P<second_>\d{2}(?:\.\d{1,9})?)?秒?(?:Z|\s?[+-]\d{2}:?\d{2})?)?"
)


def is_date(text: str) -> bool:
    """Return whether a text has the form of a date with four digits for the year."""
    return _FORM.fullmatch(text) is not None


def is_open(text: str) -> bool:
    """Return whether a date may have the day or the month first: 01/02/2024. With dots, the day is first."""
    found = _FORM.fullmatch(text)
    return found is not None and found["sign_"] in ("/", "-")


def days_of(text: str, day_first: bool = True) -> float:
    """Return a date as days since 1970-01-01, its time as their fraction; NaN if there is no such date."""
    found = _FORM.fullmatch(text)
    if found is None:
        return np.nan
    if found["first"] is None:
        year, month, day = (found[name] or found[f"{name}_"] for name in ("year", "month", "day"))
    else:
        year, day, month = found["year__"], found["first"], found["second"]
        if found["sign_"] != "." and not day_first:
            day, month = month, day
    try:
        date = datetime(int(year), int(month), int(day), int(found["hour"] or 0), int(found["minute"] or 0))
    except ValueError:  # 2024-02-30
        return np.nan
    seconds = float(found["second_"] or 0)
    return (date - EPOCH) / DAY + seconds / 86400 if seconds < 60 else np.nan


def order_of(texts: Sequence[str]) -> bool | None:
    """Return whether the day is first in all dates whose order is open; None if both orders give the same or two dates.

    If no order fits all, the one that fits most.
    """
    both = [text for text in texts if is_open(text)]
    fits = {order: sum(days_of(text, order) == days_of(text, order) for text in both) for order in (True, False)}
    return None if fits[True] == fits[False] else fits[True] > fits[False]


def days_of_series(series: Series) -> NDArray[np.float64]:
    """Return dates that pandas holds as days since 1970-01-01; NaN where one is missing."""
    moments = series.to_numpy("datetime64[us]")
    days = moments.astype(np.int64) / 86_400e6
    return np.where(np.isnat(moments), np.nan, days)


def date_text(days: float) -> str:
    """Return days since 1970-01-01 as a date, to the minute if it has a time: ``2024-05-01 13:45``."""
    if not -719_162 <= days < 2_932_896:  # years 1 to 9999
        return "–"
    moment = EPOCH + timedelta(minutes=round(days * 1440))
    return f"{moment:%Y-%m-%d}" if moment.hour == moment.minute == 0 else f"{moment:%Y-%m-%d %H:%M}"


def cycles_of(days: NDArray[np.float64]) -> list[float]:
    """Return the periods of dates (N,), in days: week and year, and the day if any has a time."""
    present = days[~np.isnan(days)]
    return [WEEK, YEAR, *([1.0] if (present != np.rint(present)).any() else [])]
