"""Batch normalisation check: it needs two samples, so refuse a run with a batch of one before its first step."""

from __future__ import annotations

from lightning.pytorch import Callback, LightningModule, Trainer

from dlcore.data import ArrayData
from dlcore.errors import FitError
from dlcore.nn import BATCH_NORMS


def leaves_one_sample(samples: int, batch_size: int, world_size: int, batches: int) -> bool:
    """Return whether some rank gets a single sample, or none, in some step."""
    whole, rest = divmod(samples, batch_size * world_size)
    # The last batch counts only if the epoch is not cut short before it.
    return batch_size == 1 or (0 < rest < 2 * world_size and batches > whole)


class BatchNormCheck(Callback):
    """Check before training that batch normalisation never gets a single sample, which has no variance."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check the size of the batches of an epoch."""
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
