"""Of several training loaders, the batches are counted, and not the loaders."""

import pytest
import torch
from lightning.pytorch import LightningDataModule
from lightning.pytorch.utilities import CombinedLoader
from test_any_module import Net
from torch.optim.lr_scheduler import CosineAnnealingLR
from torch.utils.data import DataLoader

from dlcore.insight import check_training, preview_schedule

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers")


class Several(LightningDataModule):
    """Two loaders, of 7 and 13 batches."""

    def __init__(self, kind):
        super().__init__()
        self.kind = kind

    def train_dataloader(self):
        loaders = {name: DataLoader(torch.ones(n, 5), 16) for name, n in (("a", 100), ("b", 200))}
        kinds = {"dict": loaders, "list": [*loaders.values()], "combined": CombinedLoader(loaders, "min_size")}
        return kinds[self.kind]


class OfSeveral(Net):
    """A module that takes a batch of each loader."""

    def training_step(self, batch, batch_idx):
        batches = batch.values() if isinstance(batch, dict) else batch
        return sum(self(each).square().mean() for each in batches)

    validation_step = None

    def configure_optimizers(self):
        optimizer = super().configure_optimizers()
        steps = self.trainer.estimated_stepping_batches
        return [optimizer], [{"scheduler": CosineAnnealingLR(optimizer, steps), "interval": "step"}]


@pytest.mark.parametrize(("kind", "batches"), [("dict", 13), ("list", 13), ("combined", 7)])
def test_of_several_loaders_the_batches_are_counted_and_not_the_loaders(kind, batches, make_trainer):
    trainer = make_trainer(max_epochs=3)
    preview = preview_schedule(OfSeveral(), Several(kind), trainer)
    assert (preview.batches_per_epoch, len(preview.rates)) == (batches, 3 * batches)
    report = check_training(OfSeveral(), Several(kind), make_trainer(max_epochs=3))
    updates = next(each for each in report.results if each.name == "updates")
    assert f"few: {batches} an epoch, {3 * batches} in the run" in updates.findings[0].seen
