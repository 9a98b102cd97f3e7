"""Settings in a study's file, by the names of ``fit``'s flags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dlcore.errors import ConfigError, UnknownNameError, nearest


def read_settings(value: Any, where: str) -> dict[str, Any]:
    """Return settings by flag name; a nested section is the same as its dotted names.

    Raises:
        ConfigError: They are not names with values, or a variant must not set them; the message begins with `where`.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where}: expected settings such as `model.dropout: 0.25`, got {value!r}.")
    for key in value:
        if not isinstance(key, str) or key.startswith("-"):
            raise ConfigError(f"{where}: expected a flag's name without dashes, such as model.dropout, got {key!r}.")
        if key in ("seed_everything", "ckpt_path", "config", "allow"):
            remedy = "Seeds stand in `seeds:`." if key == "seed_everything" else "It is not a variant's to set."
            raise ConfigError(
                f"{where}: expected a setting of model, data, trainer or a callback, got {key!r}. {remedy}"
            )
    return dict(value)


def check_keys(content: Mapping[str, Any], known: tuple[str, ...], kind: str) -> None:
    """Check that a section has only known keys."""
    for key in content:
        if key not in known:
            near = nearest(str(key), known)
            raise UnknownNameError(kind, str(key), [near] if near else known)
