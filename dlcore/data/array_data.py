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
from dlcore.data.place import place_in_run, stands_within_epoch
from dlcore.data.resident import Residence
from dlcore.errors import ArgumentError, check_number


@dataclass(frozen=True)
class Part:
    """Samples of one use (train, validation, test).

    Attributes:
        inputs: Samples as stored, compact (M, *).
        targets: Class indices (M,) or numbers (M, O).
        indices: Which of the M samples belong to the part (N,).
        names: What each of the M samples is called (a file's path), where they have names.
    """

    inputs: Tensor
    targets: Tensor
    indices: Tensor
    names: Sequence[str] | None = None

    def fetch(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """The batch of an index tensor (B,): inputs (B, *) as stored, and targets (B,)."""
        indices = indices.to(self.inputs.device)
        # Copies whole rows: up to 40 times faster than inputs[indices], which goes number by number.
        return self.inputs.index_select(0, indices), self.targets.index_select(0, indices)

    def fetch_numbered(self, indices: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The same, and the indices: `ArrayData.augment` draws for each sample by its number."""
        return *self.fetch(indices), indices

    def __len__(self) -> int:
        return len(self.indices)


class ArrayData(LightningDataModule):
    """Base of data modules in memory. A subclass gives `load` and `transform`, and says what it knows in `facts`.

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
        self.parts: dict[str, Part] = {}
        self._residence: Residence | None = None  # of the parts on a GPU
        self.stage: str | None = None  # what the data are for, as Lightning says it: fit, validate, test, predict
        # The run's seed decides the order of the training samples. All processes have the same one (see `setup`).
        self.order_seed = torch.initial_seed() % 2**31

    # What a subclass says

    @abstractmethod
    def load(self) -> dict[str, Part]:
        """Read the data; give the parts ``train``, ``val`` and ``test``."""

    @abstractmethod
    def transform(self, inputs: Tensor) -> Tensor:
        """Stored samples (B, *) on the device, as the network takes them: floating point, scaled."""

    @property
    def augments(self) -> bool:
        """Whether chance changes the training samples: `augment` takes the place of `transform` then."""
        return False

    def augment(self, inputs: Tensor, targets: Tensor, samples: Tensor, epoch: int) -> tuple[Tensor, Tensor]:
        """In the place of `transform` for the training batches of data that say `augments`: changes by chance.

        Args:
            inputs: Stored samples (B, *) on the device.
            targets: Their targets (B,).
            samples: Their numbers (B,): with seed and epoch they determine what is drawn.
            epoch: Number of the epoch, from 0.

        Returns:
            The inputs as the network takes them, and the targets.
        """
        return self.transform(inputs), targets

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """What the data know and a model may ask for: ``in_features``, ``num_classes``, ``class_names``, ….

        ``tasks`` lists what can be learned from the targets (multiclass, binary, regression), the usual one first.
        """

    def expect(self, task: str | None, kept: dict[str, Any] | None) -> None:
        """Hear, before `facts` are asked, what is known of the run. Data whose facts never change need not listen.

        Args:
            task: What the model is to learn (``regression``); None where nobody chose.
            kept: The `state_dict` that the run's checkpoint has of these data; None without a checkpoint. Lightning
                brings it back too, but after `setup`.
        """

    # What Lightning asks

    def setup(self, stage: str | None = None) -> None:
        """Read the data for a fit, once. Else the first loader asks for them: then a checkpoint's state is known."""
        self.stage = stage
        if stage in (None, "fit"):
            self._read()
        if self.trainer is not None and self.trainer.world_size > 1:
            self.order_seed = self.trainer.strategy.broadcast(self.order_seed)

    def train_dataloader(self) -> BatchLoader:
        """Shuffled batches, from the place where a resumed run stands."""
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
        """Validation batches in the order of the set."""
        return self._loader("val", self.eval_batch_size)

    def test_dataloader(self) -> BatchLoader:
        """Test batches in the order of the set."""
        return self._loader("test", self.eval_batch_size)

    def predict_dataloader(self) -> BatchLoader:
        """The test samples: those whose answers a user wants to see."""
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
        """Scale a batch where it is used: what travels to a GPU is the compact form."""
        inputs, targets, *samples = batch
        if samples:
            epoch = 0 if self.trainer is None else self.trainer.current_epoch
            inputs, targets = self.augment(inputs, targets, samples[0], epoch)
        else:
            inputs = self.transform(inputs)
        if self.trainer is not None:  # Lightning converts to the weights' precision before this, when it is still bytes
            inputs = self.trainer.precision_plugin.convert_input(inputs)
        return inputs, targets

    def state_dict(self) -> dict[str, Any]:
        """The seed of the order: with the trainer's counters it gives the place of every sample."""
        return {
            "order_seed": self.order_seed,
            "samples_of_a_batch": self._samples_of_a_batch(),
            "within_epoch": stands_within_epoch(self.trainer),
        }

    def _samples_of_a_batch(self) -> int:
        """Samples in a batch of all processes together."""
        return self.batch_size * (1 if self.trainer is None else self.trainer.world_size)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on in the order of the run that is resumed.

        Raises:
            ArgumentError: The run stands within an epoch, and its batches had another size: the place would be lost.
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
