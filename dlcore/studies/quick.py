"""Quick version of a study: fewer epochs, one seed, all the data.

The study's file defines the cuts, since only its author knows how few epochs still show what it claims::

    quick:
      settings: {trainer.max_epochs: 3}      # beats the settings of every variant
      variants:
        lr 0.00001: {trainer.max_epochs: 8}  # beats that too
        100 epochs: off                      # not trained; claims about it are not judged
    claims:
      - says: After 100 epochs it comes to the same.
        holds: accuracy("lr 0.00001") > 0.88
        full_only: needs 100 epochs          # not judged in a quick study, and why

A claim is judged by the same comparison as in the whole study, or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dlcore.errors import ConfigError, UnknownNameError
from dlcore.studies.study import Claim, Study, check_keys, read_settings
from dlcore.translation import _

_KEYS = ("settings", "variants")


def cut(study: Study, section: Any, where: str) -> Study:
    """Return the study with its cuts, and its first seed only.

    Args:
        study: The whole study.
        section: The value of ``quick:`` in its file.
        where: The section's name in errors.

    Raises:
        ConfigError: There is no such section, or it is invalid.
        UnknownNameError: It has an unknown key, or names an unknown variant.
    """
    if section is None:
        raise ConfigError(
            f"{where}: expected the cuts of a quick study, such as `quick: {{settings: {{trainer.max_epochs: 2}}}}`; "
            "there are none in the file. Leave --quick out, or put them in."
        )
    common, own = _read(section, where)
    names = [variant.name for variant in study.variants]
    for name in own:
        if name not in names:
            raise UnknownNameError(f"variant (in {where}: variants)", name, names)
    dropped = [name for name, settings in own.items() if settings is None]
    kept = tuple(
        replace(each, settings={**each.settings, **common, **(own.get(each.name) or {})})
        for each in study.variants
        if each.name not in dropped
    )
    if not kept:
        raise ConfigError(f"{where}: variants: expected at least one that is not off.")
    claims = tuple(_cut_claim(claim, dropped) for claim in study.claims)
    return replace(study, variants=kept, claims=claims, seeds=study.seeds[:1], quick=True)


def check_quick(study: Study, section: Any, where: str) -> None:
    """Check an unused section, so that a mistake in it shows at once."""
    if section is not None:
        cut(study, section, where)


def _read(section: Any, where: str) -> tuple[dict[str, Any], dict[str, dict[str, Any] | None]]:
    if not isinstance(section, Mapping):
        raise ConfigError(f"{where}: expected `settings:` and `variants:`, got {section!r}.")
    check_keys(section, _KEYS, f"key of the cuts (in {where})")
    listed = section.get("variants") or {}
    if not isinstance(listed, Mapping):
        raise ConfigError(f"{where}: variants: expected names with settings, got {listed!r}.")
    own = {
        str(name): None if value is False else read_settings(value, f"{where}: variants: {name}")
        for name, value in listed.items()
    }
    for name, settings in own.items():
        if settings is not None and "recipe" in settings:
            raise ConfigError(f"{where}: variants: {name}: expected settings, got a recipe: it is that of the study.")
    return read_settings(section.get("settings"), f"{where}: settings"), own


def _cut_claim(claim: Claim, dropped: list[str]) -> Claim:
    absent = [name for name in dropped if any(each.variant == name for each in claim.holds.quantities())]
    if claim.full_only or not absent:
        return claim
    return replace(claim, full_only=_("{names} is not trained").format(names=_(", ").join(map(repr, absent))))
