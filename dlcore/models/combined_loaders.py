"""Several training loaders as one, as Lightning combines them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lightning.pytorch.utilities import CombinedLoader


def one_loader(loaders: Any) -> Any:
    """Return a loader as it is, and a collection of loaders, or a CombinedLoader, as one."""
    return _CombinedBatches(loaders) if isinstance(loaders, CombinedLoader | dict | list | tuple) else loaders


class _CombinedBatches:
    """Batches of several loaders, as Lightning gives them to a training step; the longest loader sets the length."""

    def __init__(self, loaders: Any) -> None:
        self._loader = loaders if isinstance(loaders, CombinedLoader) else CombinedLoader(loaders, "max_size_cycle")

    def __len__(self) -> int:
        return len(iter(self._loader))  # its length is known only after that

    def __iter__(self) -> Iterator[Any]:
        return (batch for batch, _, _ in self._loader)
