"""Random numbers per sample: a function of (seed, epoch, sample), computed for a batch at once.

They do not depend on the batches, the device or earlier draws. So a resumed run, also on another device or with
another number of processes, augments each picture as the uninterrupted run would.

The numbers are SplitMix64's mixing function of a counter (Steele, Lea, Flood (2014), "Fast splittable pseudorandom
number generators", OOPSLA), in integers that wrap around, the same on each device.

Shapes: B batch size.
"""

from __future__ import annotations

import torch
from torch import Tensor

_GOLDEN, _MIX_1, _MIX_2 = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_WORD = 2**64


class SampleDraws:
    """Random numbers of the samples (B,), int64, of a batch, on their device."""

    def __init__(self, seed: int, epoch: int, samples: Tensor) -> None:
        self.samples, self.seed, self.epoch = samples, seed, epoch
        self._key = _mixed(_mixed(seed * _GOLDEN + 1) + epoch * _GOLDEN + 1)

    def of(self, few: slice) -> SampleDraws:
        """Return the draws of some of the samples."""
        return SampleDraws(self.seed, self.epoch, self.samples[few])

    def uniform(self, quantity: str, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Return numbers (B,), float32, uniform in [low, high); each quantity has its own."""
        key = _mixed(self._key + int.from_bytes(quantity.encode(), "little") % _WORD * _GOLDEN)
        # The counter steps by an odd number, so no two samples collide; then two rounds of shift, xor and multiply.
        word = self.samples * _signed(_GOLDEN) + _signed(key)
        word = (word ^ _shifted(word, 30)) * _signed(_MIX_1)
        word = (word ^ _shifted(word, 27)) * _signed(_MIX_2)
        word = word ^ _shifted(word, 31)
        # A float32 holds 24 bits without rounding.
        unit = _shifted(word, 40).to(torch.float32) * 2.0**-24
        return low + (high - low) * unit

    def chance(self, quantity: str, probability: float) -> Tensor:
        """Return True with a given probability, (B,)."""
        return self.uniform(quantity) < probability


def _shifted(word: Tensor, bits: int) -> Tensor:
    """Shift right and fill with zeros: torch's own shift repeats the sign."""
    return (word >> bits) & ((1 << (64 - bits)) - 1)


def _mixed(word: int) -> int:
    """Apply the same mixing to a Python number."""
    word %= _WORD
    word = (word ^ (word >> 30)) * _MIX_1 % _WORD
    word = (word ^ (word >> 27)) * _MIX_2 % _WORD
    return word ^ (word >> 31)


def _signed(word: int) -> int:
    """Return the int64 with the same bits."""
    return word - _WORD if word >= _WORD // 2 else word
