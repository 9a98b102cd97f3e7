"""Fonts for Chinese, Japanese and Korean text in figures; matplotlib's default font lacks their characters."""

from __future__ import annotations

import functools
import re
import warnings

from dlcore.plain_text import printable

DEFAULT_FAMILY = "DejaVu Sans"  # comes with matplotlib

# Use the first installed one: fonts for Simplified Chinese, then others that have the characters.
_CJK_FAMILIES = (
    "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN", "Sarasa Gothic SC",
    "PingFang SC", "Hiragino Sans GB", "Microsoft YaHei", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "SimHei",
    "Heiti SC", "Heiti TC", "STHeiti", "Droid Sans Fallback", "Noto Sans CJK TC", "Noto Sans CJK JP",
    "Noto Sans CJK HK", "Noto Sans CJK KR", "Source Han Sans", "Source Han Sans JP", "Noto Serif CJK SC",
    "Noto Serif CJK JP", "Source Han Serif SC", "SimSun", "Songti SC", "AR PL UMing CN", "Unifont",
    "Arial Unicode MS",
)  # fmt: skip
_CJK_FILE = re.compile(
    r"cjk|sourcehan|wqy|wenquanyi|notosanssc|msyh|simhei|simsun|pingfang|heiti|hiragino|droidsansfallback|uming|unifont",
    re.IGNORECASE,
)
# Radicals, punctuation, kana, hangul, ideographs, their compatibility forms and full-width letters, and planes 2 and 3.
_CJK_TEXT = re.compile("[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff]")
_PLACEHOLDER = "□"
_HAIR_SPACE = "\u200a"


def choose_families(text: str) -> list[str]:
    """Return font families that together cover a text; matplotlib uses the first that has a character."""
    family = _find_cjk_family() if _CJK_TEXT.search(text) else None
    return [DEFAULT_FAMILY, family] if family else [DEFAULT_FAMILY]


def drawable(text: str) -> str:
    r"""Escape text so that matplotlib shows it verbatim. Call it once for every name, but not for formulas.

    A dollar sign does not start a formula. A name with a leading underscore is shown in legends, too. Control
    characters are spelled out. Characters without an installed font become boxes.
    """
    text = visible(text).replace("$", r"\$")
    return f"{_HAIR_SPACE}{text}" if text.startswith("_") else text


def visible(text: str) -> str:
    """Spell out control characters, and replace characters without a font by boxes."""
    text = printable(text)
    return text if not _CJK_TEXT.search(text) or _find_cjk_family() else _CJK_TEXT.sub(_PLACEHOLDER, text)


@functools.cache
def _find_cjk_family() -> str | None:
    from matplotlib import font_manager

    manager = font_manager.fontManager
    family = _first_installed({font.name for font in manager.ttflist})
    if family is None:
        # matplotlib caches its list of fonts and does not notice newly installed ones.
        known = {font.fname for font in manager.ttflist}
        for path in font_manager.findSystemFonts():
            if path not in known and _CJK_FILE.search(path):
                manager.addfont(path)
        family = _first_installed({font.name for font in manager.ttflist})
    if family is None:
        warnings.warn(
            "No font with Chinese characters is installed: figures show □ in their place. Install one and start again: "
            "apt-get install fonts-noto-cjk (Debian, Ubuntu), dnf install google-noto-sans-cjk-fonts (Fedora), "
            "brew install --cask font-noto-sans-cjk (macOS).",
            UserWarning,
            stacklevel=2,
        )
    return family


def _first_installed(installed: set[str]) -> str | None:
    return next((family for family in _CJK_FAMILIES if family in installed), None)
