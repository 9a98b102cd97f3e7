"""Base of data modules whose samples fit in memory: compact tensors, cut into batches, scaled on the device.

Shapes: N samples of a part, B batch size, * the shape of a sample.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor

from dlcore.data.batches import BatchLoader
from dlcore.data.device_cache import Residence
from dlcore.data.trainer_position import place_in_run, stands_within_epoch
from dlcore.errors import ArgumentError, check_number


@dataclass(frozen=True)
class Split:
    """Samples of one use (train, validation, test).

    Attributes:
        inputs: Samples as stored, compact (M, *).
        targets: Class indices (M,) or numbers (M, O).
        indices: Which of the M samples belong to the part (N,).
        names: Name of each of the M samples (a file's path); None where samples have no names.
    """

    inputs: Tensor
    targets: Tensor
    indices: Tensor
    names: Sequence[str] | None = None

    def fetch(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Return the batch of an index tensor (B,): inputs (B, *) as stored, and targets (B,)."""
        indices = indices.to(self.inputs.device)
        # index_select copies whole rows: up to 40 times faster than inputs[indices], which goes number by number.
        return self.inputs.index_select(0, indices), self.targets.index_select(0, indices)

    def fetch_numbered(self, indices: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return what `fetch` returns, and the indices: `ArrayData.augment` draws random numbers by sample index."""
        return *self.fetch(indices), indices

    def __len__(self) -> int:
        return len(self.indices)


class ArrayData(LightningDataModule):
    """Base of data modules in memory. A subclass implements `load` and `transform`, and describes its data in `facts`.

    Args:
        batch_size: Samples in a training batch, of each process.
        eval_batch_size: Samples in a batch of validation, test and prediction; it changes speed and memory only.
        drop_last: Leave out an epoch's last batch when it is smaller than the others.

    Attributes:
        parts: ``train``, ``val`` and ``test``, filled by `setup`.
    """

    def __init__(self, batch_size: int, eval_batch_size: int, drop_last: bool) -> None:
        super().__init__()
        check_number("batch_size", batch_size, at_least=1, whole=True)
        check_number("eval_batch_size", eval_batch_size, at_least=1, whole=True)
        self.batch_size, self.eval_batch_size, self.drop_last = batch_size, eval_batch_size, drop_last
        self.parts: dict[str, Split] = {}
        self._residence: Residence | None = None  # of the parts on a GPU
        self.stage: str | None = None  # the stage as Lightning names it: fit, validate, test, predict
        # The run's seed determines the order of the training samples. All processes use the same one (see `setup`).
        self.order_seed = torch.initial_seed() % 2**31

    # Methods that a subclass implements

    @abstractmethod
    def load(self) -> dict[str, Split]:
        """Read the data and return the parts ``train``, ``val`` and ``test``."""

    @abstractmethod
    def transform(self, inputs: Tensor) -> Tensor:
        """Convert stored samples (B, *) on the device to the network's input: floating point, scaled."""

    @property
    def augments(self) -> bool:
        """Whether training samples are augmented at random: `augment` is then called instead of `transform`."""
        return False

    def augment(self, inputs: Tensor, targets: Tensor, samples: Tensor, epoch: int) -> tuple[Tensor, Tensor]:
        """Augment a training batch; called instead of `transform` where `augments` is true.

        Args:
            inputs: Stored samples (B, *) on the device.
            targets: Their targets (B,).
            samples: Their indices (B,): with seed and epoch they determine the random numbers.
            epoch: Number of the epoch, from 0.

        Returns:
            The inputs as the network takes them, and the targets.
        """
        return self.transform(inputs), targets

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """Return what a model may ask for: ``in_features``, ``num_classes``, ``class_names``, ….

        ``tasks`` lists what can be learned from the targets (multiclass, binary, regression), the usual one first.
        """

    def expect(self, task: str | None, kept: dict[str, Any] | None) -> None:
        """Receive what is known of the run before `facts` is called. Data whose facts never change can ignore it.

        Args:
            task: What the model is to learn (``regression``); None if it was not set.
            kept: This data module's `state_dict` in the run's checkpoint; None without one. Lightning restores it too,
                but after `setup`.
        """

    # Lightning's hooks

    def setup(self, stage: str | None = None) -> None:
        """Read the data for a fit, once. Other stages read in the first loader, when a checkpoint's state is known."""
        self.stage = stage
        if stage in (None, "fit"):
            self._read()
        if self.trainer is not None and self.trainer.world_size > 1:
            self.order_seed = self.trainer.strategy.broadcast(self.order_seed)

    def train_dataloader(self) -> BatchLoader:
        """Return shuffled batches, starting at the position of a resumed run."""
        position = self._position if self.trainer is not None else None
        loader = self._loader(
            *("train", self.batch_size, self.augments),
            seed=self.order_seed,
            drop_last=self.drop_last,
            position=position,
        )
        if self.trainer is not None and self.trainer.overfit_batches > 0:  # type: ignore[attr-defined]
            loader.seed = None  # the same few batches in every epoch
        if not len(loader):
            samples = len(loader.indices)
            raise ArgumentError(
                "batch_size",
                f"at most {samples // loader.world_size:,} with drop_last ({samples:,} training samples, processes: "
                f"{loader.world_size:,})",
                self.batch_size,
            )
        return loader

    def val_dataloader(self) -> BatchLoader:
        """Return validation batches in the order of the set."""
        return self._loader("val", self.eval_batch_size)

    def test_dataloader(self) -> BatchLoader:
        """Return test batches in the order of the set."""
        return self._loader("test", self.eval_batch_size)

    def predict_dataloader(self) -> BatchLoader:
        """Return the test samples, for which a user wants predictions."""
        return self.test_dataloader()

    def _position(self) -> tuple[int, int]:
        return place_in_run(self.trainer)  # type: ignore[arg-type]

    def _read(self) -> None:
        if not self.parts:
            self.parts = self.load()

    def _loader(self, part: str, batch_size: int, numbered: bool = False, **options: Any) -> BatchLoader:
        self._read()
        rank, world_size = (0, 1) if self.trainer is None else (self.trainer.global_rank, self.trainer.world_size)
        chosen = self.parts[part]
        if self.trainer is not None:
            device = self.trainer.strategy.root_device
            if self._residence is None or self._residence.device != device:
                self._residence = Residence(device)
            chosen = self._residence.take(chosen)
        fetch = chosen.fetch_numbered if numbered else chosen.fetch
        place: dict[str, Any] = {"rank": rank, "world_size": world_size, "device": chosen.inputs.device}
        return BatchLoader(fetch, chosen.indices, batch_size, **place, **options)

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Scale a batch on the device where it is used: the transfer to a GPU has the compact form."""
        inputs, targets, *samples = batch
        if samples:
            epoch = 0 if self.trainer is None else self.trainer.current_epoch
            inputs, targets = self.augment(inputs, targets, samples[0], epoch)
        else:
            inputs = self.transform(inputs)
        if self.trainer is not None:  # Lightning converts the precision before this hook, when the batch is still bytes
            inputs = self.trainer.precision_plugin.convert_input(inputs)
        return inputs, targets

    def state_dict(self) -> dict[str, Any]:
        """Return the seed of the order: with the trainer's counters it determines the position of every sample."""
        return {
            "order_seed": self.order_seed,
            "samples_of_a_batch": self._samples_of_a_batch(),
            "within_epoch": stands_within_epoch(self.trainer),
        }

    def _samples_of_a_batch(self) -> int:
        """Return the samples of one batch over all processes."""
        return self.batch_size * (1 if self.trainer is None else self.trainer.world_size)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue in the order of the resumed run.

        Raises:
            ArgumentError: The run stopped within an epoch and its batches had another size: the position would be lost.
        """
        self.order_seed = state["order_seed"]
        kept, now = state.get("samples_of_a_batch"), self._samples_of_a_batch()
        fitting = self.trainer is not None and self.trainer.state.fn == "fit"
        if fitting and state.get("within_epoch") and kept != now:
            raise ArgumentError(
                "batch_size",
                f"{kept} in all processes together, as the run had that goes on within an epoch",
                now,
                "Choose others at the end of an epoch.",
            )
