"""Random numbers that are the same on every platform and with every version of numpy and torch.

numpy promises a stable stream for a bit generator's raw output and for `SeedSequence`, not for the methods of
`Generator`. So this takes only raw 64-bit words, and turns them into numbers by exact arithmetic.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# float32 throughout; numpy's stubs lose track of that wherever a Python number takes part.
Floats = NDArray[Any]
Flags = NDArray[np.bool_]


class Draws:
    """One value of each random quantity for each of N pictures; the same key gives the same draws."""

    def __init__(self, n: int, *key: int) -> None:
        self.n = n
        self._bits = np.random.PCG64(np.random.SeedSequence(key))

    def raw(self, size: int) -> NDArray[np.uint64]:
        """Return the next `size` words of the stream. Shape: (size,)."""
        return np.asarray(self._bits.random_raw(size), dtype=np.uint64)

    def uniform(self, low: float | Floats = 0.0, high: float | Floats = 1.0) -> Floats:
        """Return uniform numbers in [low, high). Shape: (N,)."""
        # A float32 holds 24 bits without rounding.
        unit = (self.raw(self.n) >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-24)
        return low + (high - low) * unit

    def chance(self, probability: float) -> Flags:
        """Return True with a given probability. Shape: (N,)."""
        return self.uniform() < probability

    def sign(self) -> Floats:
        """Return -1 or 1, equally likely. Shape: (N,)."""
        return np.where(self.chance(0.5), np.float32(1), np.float32(-1))

    def speckle(self, height: int, width: int) -> Floats:
        """Return white noise, uniform in [-1, 1). Shape: (height, width, N)."""
        count = self.n * height * width
        # Little-endian on any machine, so that the byte order is the same.
        noise = self.raw(-(-count // 8)).astype("<u8").view(np.uint8)[:count]
        return (noise.astype(np.float32) * np.float32(1 / 128) - np.float32(1)).reshape(height, width, self.n)
