"""The standard callbacks in a plain Trainer, around a module that knows nothing of dlcore: what a user finds after."""

import json

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer, seed_everything
from lightning.pytorch.callbacks import ProgressBar
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchmetrics.classification import MulticlassAccuracy

from dlcore.callbacks import standard
from dlcore.diagnosis import diagnose
from dlcore.errors import NotFiniteError
from dlcore.tracking import RunLogger, read_metrics

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec"),
]


class Net(LightningModule):
    def __init__(self, lr):
        super().__init__()
        self.lr = lr
        self.net = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
        self.acc = MulticlassAccuracy(3)

    def training_step(self, batch, batch_idx):
        loss = nn.functional.cross_entropy(self.net(batch[0]), batch[1])
        self.log("train_loss", loss, on_epoch=True)
        return loss

    def validation_step(self, batch, batch_idx):
        scores = self.net(batch[0])
        self.acc(scores, batch[1])
        self.log("val_loss", nn.functional.cross_entropy(scores, batch[1]))
        self.log("val_acc", self.acc)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), self.lr)


def loaders():
    x = torch.randn(96, 4, generator=torch.Generator().manual_seed(0))
    data = TensorDataset(x, (x[:, 0] > 0).long() + (x[:, 1] > 0).long())
    return DataLoader(data, 8, shuffle=True), DataLoader(data, 32)


def fit(lr=0.5, epochs=3, monitor=None, ckpt_path=None):
    seed_everything(0, verbose=False)
    logger = RunLogger(name="摘要")
    settings = {"accelerator": "cpu", "enable_model_summary": False, "log_every_n_steps": 4}
    trainer = Trainer(max_epochs=epochs, callbacks=standard(monitor), logger=logger, **settings)
    trainer.fit(Net(lr), *loaders(), ckpt_path=ckpt_path)
    return trainer


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path / "lightning_logs" / "摘要"


def test_a_run_is_kept_shown_and_explained(place, capsys):
    fit()
    run = place / "version_0"
    left = {path.name for path in run.iterdir()}
    assert {"metrics.csv", "layers.csv", "events.jsonl", "curves.png", "layers.png", "summary.md"} <= left
    assert {path.name for path in (run / "checkpoints").iterdir()} >= {"best.ckpt", "last.ckpt"}
    printed = capsys.readouterr()
    assert "train_loss" in printed.out
    assert "val_acc" in printed.out
    assert "weights_only" not in printed.out + printed.err
    assert "**Finished" in (run / "summary.md").read_text(encoding="utf-8")
    assert read_metrics(run)["step"][-1] == 36  # three epochs of twelve
    assert diagnose(run).verdict


def test_a_second_run_has_a_folder_of_its_own(place):
    fit(epochs=1)
    before = (place / "version_0" / "metrics.csv").read_bytes()
    fit(epochs=1)
    assert (place / "version_1" / "metrics.csv").is_file()
    assert (place / "version_0" / "metrics.csv").read_bytes() == before


def test_the_best_state_goes_by_what_the_module_logs(place):
    trainer = fit(epochs=2)
    assert (trainer.checkpoint_callback.monitor, trainer.checkpoint_callback.mode) == ("val_loss", "min")
    trainer = fit(epochs=2, monitor="val_acc")
    assert (trainer.checkpoint_callback.monitor, trainer.checkpoint_callback.mode) == ("val_acc", "max")


def test_a_resumed_run_ends_like_a_whole_one(place):
    trainer = fit(epochs=4)
    whole, best = trainer.lightning_module.state_dict(), trainer.checkpoint_callback.best_epoch
    fit(epochs=2)
    trainer = fit(epochs=4, ckpt_path=place / "version_1" / "checkpoints" / "last.ckpt")
    resumed = trainer.lightning_module.state_dict()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert trainer.checkpoint_callback.best_epoch == best


def test_an_explosion_names_the_rate_and_no_flag_that_is_not_there(place):
    with pytest.raises(NotFiniteError, match=r"smaller learning rate \(1e\+04; it was 1e\+05\)"):
        fit(lr=1e5)
    kinds = [json.loads(line)["kind"] for line in (place / "version_0" / "events.jsonl").read_text().splitlines()]
    assert kinds[0] == "started"
    assert "failed" in kinds


def test_without_a_progress_display_lightning_may_have_none_or_another():
    assert not [each for each in standard(progress_bar=False) if isinstance(each, ProgressBar)]
    settings = {"accelerator": "cpu", "logger": False, "enable_progress_bar": False}
    assert Trainer(callbacks=standard(progress_bar=False), **settings).progress_bar_callback is None
    with pytest.raises(MisconfigurationException, match="enable_progress_bar=False"):
        Trainer(callbacks=standard(), **settings)
