"""Messages in the reader's language: English, or simplified Chinese from a gettext catalogue (``locale/``).

What teaches is translated: the tour, the panels, ``lessons``, ``explain``, ``check``, studies and their reports,
``summary.md``. Flags, errors and YAML stay English.
"""

from __future__ import annotations

import locale
import os
from functools import cache
from gettext import NullTranslations, translation
from pathlib import Path
from typing import Literal

Language = Literal["en", "zh"]


def language() -> Language:
    """Return the language: that of DLCORE_LANG, or else the locale's; Chinese if its name begins with ``zh``."""
    chosen = (
        os.environ.get("DLCORE_LANG")
        or os.environ.get("LC_ALL")
        or os.environ.get("LC_MESSAGES")
        or os.environ.get("LANG")
        or locale.getlocale()[0]
        or ""
    )
    return "zh" if chosen.lower().startswith("zh") else "en"


def unknown_language() -> str:
    """Return the value of DLCORE_LANG if dlcore does not speak that language; else an empty string."""
    chosen = os.environ.get("DLCORE_LANG", "")
    return "" if chosen.lower().startswith(("zh", "en", "c.", "posix")) or chosen.lower() in ("", "c") else chosen


def _(message: str) -> str:
    """Return a message in the reader's language.

    Args:
        message: In English, a literal: ``_("{n} epochs").format(n=n)``. The catalogue is made from the literals.
    """
    return _catalogue(language()).gettext(message) if message else ""  # gettext("") is the catalogue's head


def ngettext(one: str, many: str, n: int) -> str:
    """Return a message for a count in the reader's language.

    Args:
        one: In English, for one.
        many: In English, for any other count.
        n: The count.
    """
    return _catalogue(language()).ngettext(one, many, n)


def N_(message: str) -> str:
    """Mark a literal for the catalogue, and return it unchanged: it is translated where it is shown."""
    return message


@cache
def _catalogue(chosen: Language) -> NullTranslations:
    if chosen == "en":
        return NullTranslations()
    return translation("dlcore", Path(__file__).parent / "locale", ["zh_CN"])
