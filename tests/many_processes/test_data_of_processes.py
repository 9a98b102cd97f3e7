"""Two processes whose data differ, or do not, in a run of each."""

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from torch import nn
from torch.utils.data import DataLoader, Dataset

from dlcore.callbacks import StepsPerExecution
from dlcore.callbacks.run_events import RunEvents
from dlcore.diagnosis import diagnose
from dlcore.tracking import RunLogger

pytestmark = [pytest.mark.process, pytest.mark.filterwarnings("ignore")]


class Pictures(Dataset):
    """256 pictures of ten classes.

    Args:
        sick: scale: the second process has pixels up to 255. classes: each process has half of the classes.
    """

    def __init__(self, sick, rank):
        draw = torch.Generator().manual_seed(3)
        self.inputs, self.labels = torch.rand(256, 8, 8, generator=draw), torch.arange(256) % 10
        if sick == "scale" and rank:
            self.inputs = self.inputs * 255
        if sick == "classes":
            self.labels = self.labels % 5 + 5 * rank

    def __len__(self):
        return 256

    def __getitem__(self, number):
        return self.inputs[number], self.labels[number]


class Classifier(LightningModule):
    def __init__(self, sick):
        super().__init__()
        self.network, self.sick = nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), sick

    def training_step(self, batch, batch_idx):
        loss = nn.functional.cross_entropy(self.network(batch[0]), batch[1])
        self.log("train_loss", loss, on_step=False, on_epoch=True, sync_dist=True)
        return loss

    def train_dataloader(self):
        return DataLoader(Pictures(self.sick, self.global_rank), 16, shuffle=self.sick != "same")

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.001)


@pytest.mark.parametrize(
    ("sick", "name"),
    [
        ("", None),
        ("same", "processes_share_samples"),
        ("scale", "process_unlike_others"),
        ("classes", "process_unlike_others"),
    ],
)
def test_what_differs_between_two_processes_is_named(sick, name, tmp_path, capfd, one_thread):
    trainer = Trainer(
        accelerator="cpu", devices=2, strategy="ddp_fork", max_epochs=2, logger=RunLogger(tmp_path / "run"),
        enable_progress_bar=False, enable_model_summary=False, enable_checkpointing=False, log_every_n_steps=1,
        callbacks=[RunEvents(), StepsPerExecution(4)], use_distributed_sampler=sick != "same",
    )  # fmt: skip
    trainer.fit(Classifier(sick))
    found = diagnose(tmp_path / "run")
    assert [each.name for each in found.faults if each.name.startswith("process")] == [name] * (name is not None)
    assert ("Process" in capfd.readouterr().out) is (name is not None)
