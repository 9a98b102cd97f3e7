"""Base of data modules whose order and position in a run follow from the seed and the trainer's counters.

Nothing is replayed when a run resumes: (seed, epoch) determines the order; the trainer's own counters, which a
checkpoint restores, determine the next batch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sized
from functools import partial
from typing import Any, TypeVar

import torch
from lightning.pytorch import LightningDataModule, Trainer
from lightning.pytorch.utilities import rank_zero_only

from dlcore.errors import ArgumentError
from dlcore.plain_text import printable

Position = Callable[[], tuple[int, int]]
_Part = TypeVar("_Part", bound=Sized)


class ResumableLoader(ABC):
    """An iterable over the batches of an epoch from any position, for Lightning instead of a DataLoader.

    Args:
        rank: Number of this process.
        world_size: Number of processes.
        position: Returns where in the run an iteration starts: the epoch, and how many of its batches are done.
            Called when the first batch is fetched; None always starts at epoch 0.
    """

    def __init__(self, rank: int = 0, world_size: int = 1, position: Position | None = None) -> None:
        self.rank, self.world_size, self.position = rank, world_size, position

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of batches of an epoch, the same for each process."""

    @abstractmethod
    def batches(self, epoch: int, first: int) -> Iterator[Any]:
        """Yield the batches of an epoch, from index `first` on."""

    def __iter__(self) -> Iterator[Any]:
        # A generator: nothing below runs before the first batch is requested; the position is known by then.
        yield from self.batches(*(self.position() if self.position else (0, 0)))

    # Lightning warns about loaders without these two methods when a run resumes within an epoch. There is no state.

    def state_dict(self) -> dict[str, Any]:
        """Return nothing: the position in the epoch follows from the trainer's counters."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:  # noqa: B027 (nothing is to be done)
        """Restore nothing."""


class ResumableData(LightningDataModule):
    """Base of dlcore's data modules.

    Attributes:
        parts: ``train``, ``val`` and ``test``, filled by `setup`, or by the first loader.
        stage: The stage as Lightning names it: fit, validate, test, predict.
        order_seed: Determines the order of the training samples: the run's seed, the same in all processes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.parts: dict[str, Any] = {}
        self.stage: str | None = None
        self.order_seed = torch.initial_seed() % 2**31

    @abstractmethod
    def read(self) -> None:
        """Fill `parts`, unless that is done."""

    @abstractmethod
    def batch_form(self) -> dict[str, Any]:
        """Return what determines the samples of a batch, apart from the seed, as plain values for a checkpoint."""

    @abstractmethod
    def check_batch_form(self, before: dict[str, Any]) -> None:
        """Raise an `ArgumentError` if a run that stopped within an epoch had another form: it would lose its place."""

    def setup(self, stage: str | None = None) -> None:
        """Read the data for a fit. Other stages read in the first loader, when a checkpoint's state is known."""
        self.stage = stage
        if stage in (None, "fit"):
            self.read()
        if self.trainer is not None and self.trainer.world_size > 1:
            self.order_seed = self.trainer.strategy.broadcast(self.order_seed)

    def predict_dataloader(self) -> Any:
        """Return the test samples, for which a user wants predictions."""
        return self.test_dataloader()

    @property
    def process(self) -> dict[str, int]:
        """Number of this process, and how many there are."""
        rank, world_size = (0, 1) if self.trainer is None else (self.trainer.global_rank, self.trainer.world_size)
        return {"rank": rank, "world_size": world_size}

    @property
    def training_order(self) -> dict[str, Any]:
        """Seed and position of a loader of training batches."""
        if self.trainer is None:
            return {"seed": self.order_seed, "position": None}
        same = self.trainer.overfit_batches > 0  # type: ignore[attr-defined]  # the same few batches in every epoch
        return {"seed": None if same else self.order_seed, "position": partial(_position, self.trainer)}

    def state_dict(self) -> dict[str, Any]:
        """Return the seed of the order: with the trainer's counters it determines the position of every sample."""
        within = False
        if self.trainer is not None:
            progress = self.trainer.fit_loop.epoch_loop.batch_progress
            within = not progress.is_last_batch and progress.current.ready > 0
        return {"order_seed": self.order_seed, **self.batch_form(), "within_epoch": within}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue in the order of the resumed run; within an epoch, its batches must have the same form."""
        self.order_seed = state["order_seed"]
        if self.trainer is not None and self.trainer.state.fn == "fit" and state.get("within_epoch"):
            self.check_batch_form(state)


def _position(trainer: Trainer) -> tuple[int, int]:
    """Return the epoch, and how many of its batches are done."""
    return trainer.current_epoch, trainer.fit_loop.epoch_loop.batch_progress.current.ready


def refuse_form(argument: str, expected: str, received: Any) -> ArgumentError:
    """Return the error of a run that goes on within an epoch with other batches."""
    expected = f"{expected}, as in the run that continues within an epoch"
    return ArgumentError(argument, expected, received, "Change it at the end of an epoch.")


def fill_empty_parts(parts: dict[str, _Part]) -> dict[str, _Part]:
    """Replace an empty validation by the test and the reverse; both by the training samples if both are empty."""
    for name, other in (("val", "test"), ("test", "val")):
        if not len(parts[name]):
            parts[name] = parts[other] if len(parts[other]) else parts["train"]
    return parts


@rank_zero_only
def say(note: str) -> None:
    """Print a note about the data, once for all processes."""
    print(printable(f"data: {note}."))
