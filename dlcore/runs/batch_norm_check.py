"""Batch normalisation needs two samples: whether a run has a batch of one is known before its first step."""

from __future__ import annotations

from lightning.pytorch import Callback, LightningModule, Trainer

from dlcore.data import ArrayData
from dlcore.errors import FitError
from dlcore.nn import BATCH_NORMS


def leaves_one_sample(samples: int, batch_size: int, world_size: int, batches: int) -> bool:
    """Whether some process of some step gets a single sample, or none.

    Args:
        samples: Training samples.
        batch_size: Samples in a batch of one process.
        world_size: Number of processes.
        batches: Batches of an epoch.
    """
    whole, rest = divmod(samples, batch_size * world_size)
    # The last batch counts only where the epoch is not cut short before it.
    return batch_size == 1 or (0 < rest < 2 * world_size and batches > whole)


class BatchNormCheck(Callback):
    """Refuses to begin when batch normalisation would meet a single sample, whose variance does not exist.

    Raises:
        FitError: A training batch of some process has one sample or none.
    """

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at the size of the batches that an epoch will have."""
        data = trainer.datamodule  # type: ignore[attr-defined]
        normalises = any(isinstance(layer, BATCH_NORMS) for layer in pl_module.modules())
        if not normalises or not isinstance(data, ArrayData):
            return
        samples, together = len(data.parts["train"]), data.batch_size * trainer.world_size
        batches = int(trainer.num_training_batches)
        if leaves_one_sample(samples, data.batch_size, trainer.world_size, batches):
            raise FitError(
                f"data.batch_size: {samples:,} samples in batches of {together:,} leave some process a batch of one "
                "sample, on which batch normalisation cannot work. Choose another size, or --data.drop_last true."
            )
