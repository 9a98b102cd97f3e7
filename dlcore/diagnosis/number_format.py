"""Number formats of findings."""

from __future__ import annotations

import math


def percent(share: float) -> str:
    """Format a share of 1 with at most one decimal: 0.1523 gives ``15.2%``, 0.2 gives ``20%``."""
    text = f"{100 * share:.1f}"
    return f"{text.removesuffix('.0')}%"


def short(number: float) -> str:
    """Format a number with three digits: ``0.0121``, ``3.52e-05``, ``90.6``, ``12,300``."""
    if not math.isfinite(number):
        return "not finite"
    if number and not 1e-3 <= abs(number) < 1e6:
        return f"{number:.2e}"
    return f"{float(f'{number:.3g}'):,.10g}"


def times(factor: float) -> str:
    """Format a factor: ``22 times``."""
    return f"{f'{factor:,.0f}' if 10 <= factor < 1e6 else short(factor)} times"
