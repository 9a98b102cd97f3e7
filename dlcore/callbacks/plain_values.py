"""Plain values, which a checkpoint can hold: numbers, strings, tensors, and lists, tuples and dictionaries of them."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor


def is_plain(value: Any) -> bool:
    """Return whether a value is plain."""
    if isinstance(value, dict):
        return type(value) is dict and all(isinstance(key, str | int) and is_plain(each) for key, each in value.items())
    if isinstance(value, list | tuple):
        return type(value) in (list, tuple) and all(map(is_plain, value))
    return value is None or type(value) in (bool, int, float, str, Tensor)


def plain_copy(value: Any) -> Any:
    """Return a copy that shares no memory and is detached from the autograd graph."""
    if isinstance(value, dict):
        return {key: plain_copy(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(plain_copy, value))
    return value.detach().clone() if isinstance(value, Tensor) else copy.copy(value)


def same(first: Any, second: Any) -> bool:
    """Return whether two values are exactly equal, in type and content."""
    if type(first) is not type(second):
        return False
    if isinstance(first, Tensor):
        return first.dtype == second.dtype and first.device == second.device and torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[key], second[key]) for key in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(same, first, second))
    return bool(first == second)
