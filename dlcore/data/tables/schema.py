"""Schema of a run's table: columns, target, origin. Checkpoints keep it, since new rows need it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dlcore.data.tables.encoding import Encoding
from dlcore.data.tables.target import Target


@dataclass(frozen=True)
class Schema:
    """What was learned from the training rows, and their origin.

    Attributes:
        encoding: Encoding of the input columns.
        target: Meaning of the target's values.
        names: All columns of the file, in its order.
        header: Whether the columns have names of their own.
        path: The file, absolute; empty for a built-in table.
        fingerprint: Size and checksum of its content; the name of a built-in table.
    """

    encoding: Encoding
    target: Target
    names: list[str]
    header: bool
    path: str
    fingerprint: str

    def state(self) -> dict[str, Any]:
        """Return plain values, for a checkpoint."""
        origin = {"names": self.names, "header": self.header, "path": self.path, "fingerprint": self.fingerprint}
        return {"encoding": self.encoding.state(), "target": self.target.state(), **origin}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Schema:
        """Create the object from the result of `state`."""
        encoding, target = Encoding.from_state(state["encoding"]), Target(**state["target"])
        return cls(encoding, target, **{key: state[key] for key in ("names", "header", "path", "fingerprint")})
