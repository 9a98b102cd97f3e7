"""Base of data modules whose samples fit in memory: compact tensors, cut into batches, scaled on the device.

Shapes: N samples of a part, B batch size, * the shape of a sample.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from lightning.pytorch.utilities import rank_zero_only
from torch import Tensor

from dlcore.data.batches import BatchLoader
from dlcore.data.resumable_data import ResumableData, refuse_form
from dlcore.errors import ArgumentError, check_number

_SHARE = 0.25  # of a GPU's free memory, for samples; the rest is the network's


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

    def hashes(self, most: int) -> Iterator[int]:
        """Yield a hash of each of at most `most` samples, spread over the part; copies have the same."""
        for chosen in self.indices[:: -(-len(self) // most)].split(1000):
            for row in self.inputs.index_select(0, chosen).numpy():
                yield hash(row.tobytes())

    def __len__(self) -> int:
        return len(self.indices)


class Residence:
    """Samples that stay on a GPU if they fit: batches are gathered there, and only indices are copied."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._free = int(torch.cuda.mem_get_info(device)[0] * _SHARE) if device.type == "cuda" else 0
        self._said = False
        self._copies: dict[int, tuple[Tensor, Tensor]] = {}  # by id of the samples; the originals stay alive with it

    def take(self, part: Split) -> Split:
        """Return the part with its samples on the device; the part itself on a CPU, or if they do not fit.

        Parts that share their samples share the copy.
        """
        copy = self._copies.get(id(part.inputs))
        if copy is None:
            size = part.inputs.nbytes
            if size > self._free:
                if self.device.type not in ("cpu", "mps") and not self._said:  # Apple's GPUs share the memory
                    self._said = True
                    rank_zero_only(print)(
                        f"data: {size / 1e9:.2f} GB of samples stay in the computer's memory and travel a batch at a "
                        f"time: on the device {self._free / 1e9:.2f} GB were left for them."
                    )
                return part
            self._free -= size
            copy = self._copies[id(part.inputs)] = part.inputs, part.inputs.to(self.device)
        return replace(part, inputs=copy[1], targets=part.targets.to(self.device))


class ArrayData(ResumableData):
    """Base of data modules in memory. A subclass implements `load` and `transform`, and describes its data in `facts`.

    Args:
        batch_size: Samples in a training batch, of each process.
        eval_batch_size: Samples in a batch of validation, test and prediction; it changes speed and memory only.
        drop_last: Leave out an epoch's last batch when it is smaller than the others.
    """

    parts: dict[str, Split]

    def __init__(self, batch_size: int, eval_batch_size: int, drop_last: bool) -> None:
        super().__init__()
        check_number("batch_size", batch_size, at_least=1, whole=True)
        check_number("eval_batch_size", eval_batch_size, at_least=1, whole=True)
        self.batch_size, self.eval_batch_size, self.drop_last = batch_size, eval_batch_size, drop_last
        self._residence: Residence | None = None

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

    def read(self) -> None:
        """Fill `parts`, unless that is done."""
        if not self.parts:
            self.parts = self.load()

    def train_dataloader(self) -> BatchLoader:
        """Return shuffled batches, starting at the position of a resumed run."""
        order = {**self.training_order, "drop_last": self.drop_last}
        loader = self._loader("train", self.batch_size, numbered=self.augments, **order)
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

    def _loader(self, part: str, batch_size: int, numbered: bool = False, **options: Any) -> BatchLoader:
        self.read()
        chosen = self.parts[part]
        if self.trainer is not None:
            device = self.trainer.strategy.root_device
            if self._residence is None or self._residence.device != device:
                self._residence = Residence(device)
            chosen = self._residence.take(chosen)
        fetch = chosen.fetch_numbered if numbered else chosen.fetch
        options |= {**self.process, "device": chosen.inputs.device}
        return self.loader(chosen, fetch, batch_size, **options)

    def loader(self, part: Split, fetch: Callable[[Tensor], Any], batch_size: int, **options: Any) -> BatchLoader:
        """Return the batches of a part; a subclass may return a loader of its own, with the same options."""
        return BatchLoader(fetch, part.indices, batch_size, **options)

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

    # Checkpoint state

    def batch_form(self) -> dict[str, Any]:
        """Return the number of samples of one batch over all processes."""
        return {"samples_of_a_batch": self.batch_size * self.process["world_size"]}

    def check_batch_form(self, before: dict[str, Any]) -> None:
        """Check that batches have as many samples as those of a run that stopped within an epoch."""
        kept, now = before.get("samples_of_a_batch"), self.batch_form()["samples_of_a_batch"]
        if kept != now:
            raise refuse_form("batch_size", f"{kept} in all processes together", now)
