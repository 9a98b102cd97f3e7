"""A nested config as a flat one, whose names read as flags do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def flatten(config: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """All settings of a config as (dotted name, value).

    ``class_path`` is the section's own value, without its module, and ``init_args`` is left out of the names:
    ``{"model": {"class_path": "dlcore.models.MLP", "init_args": {"dropout": 0.1}}}`` gives ``("model", "MLP")`` and
    ``("model.dropout", 0.1)``.
    """
    if not isinstance(config, Mapping):
        yield prefix, config
        return
    for key, value in config.items():
        if key == "class_path" and prefix:
            yield prefix, str(value).rpartition(".")[2]
        elif key == "init_args" and prefix:
            yield from flatten(value or {}, prefix)
        else:
            yield from flatten(value, f"{prefix}.{key}" if prefix else str(key))
