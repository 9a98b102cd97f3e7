"""The learning rate of any module is logged once an epoch, unless it logs its own."""

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from torch.utils.data import DataLoader, TensorDataset

from dlcore.callbacks.run_events import RunEvents
from dlcore.tracking import RunLogger
from dlcore.tracking.curves import logged_curves


class Scheduled(LightningModule):
    """A module of somebody else, whose rate is halved after each epoch."""

    def __init__(self):
        super().__init__()
        self.net = torch.nn.Linear(2, 1)

    def training_step(self, batch, batch_idx):
        return self.net(batch[0]).square().mean()

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=0.1)
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)]


@pytest.mark.parametrize("own", [False, True])
def test_the_rate_of_any_module_is_a_curve_unless_it_logs_its_own(own, tmp_path):
    class Logs(Scheduled):
        def training_step(self, batch, batch_idx):
            if own:
                self.log("lr", 7.0)
            return super().training_step(batch, batch_idx)

    def train(epochs, checkpoint=None):
        trainer = Trainer(
            max_epochs=epochs, accelerator="cpu", logger=RunLogger(tmp_path), callbacks=[RunEvents()],
            enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, log_every_n_steps=1,
        )  # fmt: skip
        trainer.fit(Logs(), DataLoader(TensorDataset(torch.ones(8, 2)), 4), ckpt_path=checkpoint)
        trainer.save_checkpoint(tmp_path / "kept.ckpt")
        return logged_curves(tmp_path)["lr"].values.tolist()

    assert train(2) == ([7.0] * 4 if own else [0.1, 0.05])
    assert train(3, tmp_path / "kept.ckpt") == ([7.0] * 6 if own else [0.1, 0.05, 0.025])
