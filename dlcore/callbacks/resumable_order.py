"""Resuming of a DataLoader's order in the middle of an epoch, without loading samples again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import torch
from torch.utils.data import DataLoader, IterableDataset

from dlcore.callbacks.resume_state import random_states, same, temporarily


class ResumableOrder:
    """Wrapper of a DataLoader's batch sampler that keeps its order and can resume it.

    It stores the random states at the start of an epoch. A resumed run draws the same order from them and skips the
    batches already seen; no sample is loaded for that.

    Args:
        sampler: The batch sampler (or the sampler of a loader without batches).
        generators: Generators of the loader and its sampler, if they have their own.

    Attributes:
        given: Batches yielded in this epoch so far; with worker processes, this runs ahead of the training.
        draws_on: Whether a resumed order was found to draw random numbers between batches.
    """

    def __init__(self, sampler: Iterable[Any], generators: list[torch.Generator]) -> None:
        self.wrapped, self._generators = sampler, generators
        self._begin: dict[str, Any] = {}
        self._resumed: dict[str, Any] | None = None
        self.given = 0
        self.draws_on = False

    def __getattr__(self, name: str) -> Any:
        if name == "wrapped":  # not set yet, during a copy
            raise AttributeError(name)
        return getattr(self.wrapped, name)

    def __len__(self) -> int:
        return len(self.wrapped)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[Any]:
        # A generator: nothing is drawn before the first batch is requested, as without this class.
        resumed, self._resumed = self._resumed, None
        if resumed is None:
            self._begin = {"random": random_states(), "generators": [each.get_state() for each in self._generators]}
            self._begin["epochs"] = [each.epoch for each in self._with_epoch()]
            self.given = 0
            batches = iter(self.wrapped)
        else:
            self._begin, self.given = resumed["begin"], resumed["given"]
            batches = self._left_batches()
        for batch in batches:
            self.given += 1
            yield batch

    def _left_batches(self) -> Iterator[Any]:
        for generator, state in zip(self._generators, self._begin["generators"], strict=False):
            generator.set_state(state.cpu().clone())
        for sampler, epoch in zip(self._with_epoch(), self._begin["epochs"], strict=False):
            sampler.set_epoch(epoch)
        with temporarily(self._begin["random"]):
            batches = iter(self.wrapped)
            next(islice(batches, 1), None)
            before = random_states()
            next(islice(batches, self.given - 1, self.given - 1), None)
            self.draws_on = not same(before, random_states())
        return batches

    def _with_epoch(self) -> list[Any]:
        """Return the samplers whose order depends on the epoch number."""
        samplers = (self.wrapped, getattr(self.wrapped, "sampler", None))
        return [each for each in samplers if hasattr(each, "set_epoch") and hasattr(each, "epoch")]

    def state(self, given: int) -> dict[str, Any]:
        """Return the state after `given` batches of the epoch."""
        now = [each.get_state() for each in self._generators]
        return {"begin": self._begin, "given": given, "generators": now}

    def resume(self, state: dict[str, Any]) -> None:
        """Start the next iteration at a saved state."""
        if state["given"]:
            self._resumed = state

    def restore_generators(self, state: dict[str, Any], epoch_is_done: bool) -> None:
        """Restore the loader's own generators, from which the next epoch's order is drawn."""
        if epoch_is_done:
            self._resumed = None  # no batch of this epoch is left
        for generator, kept in zip(self._generators, state["generators"], strict=False):
            generator.set_state(kept.cpu().clone())


def why_not(loader: Any) -> str:
    """Return why a loader's order cannot be resumed within an epoch; empty if it can."""
    if hasattr(loader, "state_dict") and hasattr(loader, "load_state_dict"):
        return ""  # the loader saves its own state, and Lightning stores it
    if not isinstance(loader, DataLoader):
        return f"{type(loader).__name__} is no DataLoader and has no state_dict"
    if isinstance(loader.dataset, IterableDataset):
        return f"{type(loader.dataset).__name__} is an IterableDataset: it cannot leave out what it has given already"
    return ""


def watch_order(loader: Any) -> ResumableOrder | None:
    """Wrap a DataLoader's sampler in a `ResumableOrder`."""
    if why_not(loader) or hasattr(loader, "state_dict"):
        return None
    place = _place(loader)
    sampler = getattr(loader, place)
    if isinstance(sampler, ResumableOrder):  # the loader is used for a second fit
        return sampler
    inner = getattr(sampler, "sampler", None)
    found = (getattr(each, "generator", None) for each in (loader, sampler, inner))
    generators = {id(each): each for each in found if isinstance(each, torch.Generator)}
    order = ResumableOrder(sampler, list(generators.values()))
    vars(loader)[place] = order  # a DataLoader does not allow setting this attribute
    return order


def unwatch_order(loader: Any) -> None:
    """Restore a DataLoader's own sampler."""
    order = getattr(loader, _place(loader), None) if isinstance(loader, DataLoader) else None
    if isinstance(order, ResumableOrder):
        vars(loader)[_place(loader)] = order.wrapped


def _place(loader: DataLoader[Any]) -> str:
    return "sampler" if loader.batch_sampler is None else "batch_sampler"
