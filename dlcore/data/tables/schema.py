"""What a run knows of its table: columns, target, which file it was. New rows need it, so checkpoints keep it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dlcore.data.tables.encoding import Encoding
from dlcore.data.tables.target import Target


@dataclass(frozen=True)
class Schema:
    """What the training rows taught, and where they came from.

    Attributes:
        encoding: How each input column becomes numbers.
        target: What the target's values mean.
        names: All columns of the file, in its order.
        header: Whether the file named them itself.
        path: The file, absolute; empty for a built-in table.
        fingerprint: What tells its content from another's; the name of a built-in table.
    """

    encoding: Encoding
    target: Target
    names: list[str]
    header: bool
    path: str
    fingerprint: str

    def state(self) -> dict[str, Any]:
        """Plain values, for a checkpoint."""
        origin = {"names": self.names, "header": self.header, "path": self.path, "fingerprint": self.fingerprint}
        return {"encoding": self.encoding.state(), "target": self.target.state(), **origin}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Schema:
        """What `state` kept."""
        encoding, target = Encoding.from_state(state["encoding"]), Target(**state["target"])
        return cls(encoding, target, **{key: state[key] for key in ("names", "header", "path", "fingerprint")})
