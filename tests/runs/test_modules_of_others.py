"""Modules that dlcore did not write, on the command line: schedules, hyper-parameters and layers made late."""

import sys

import pytest
import torch

from dlcore.cli.main import main
from dlcore.runs import fit

SOURCE = """
import enum
from functools import partial
from pathlib import Path

import torch
from lightning.pytorch import LightningDataModule, LightningModule
from torch import nn
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader, TensorDataset


class Digits(LightningDataModule):
    def loader(self, n, shuffle=False):
        y = torch.arange(n) % 3
        x = y.float()[:, None] + torch.linspace(-1, 1, 4)
        return DataLoader(TensorDataset(x, y), batch_size=8, shuffle=shuffle)

    def train_dataloader(self):
        return self.loader(40, True)

    def val_dataloader(self):
        return self.loader(16)

    test_dataloader = predict_dataloader = val_dataloader


class Net(LightningModule):
    def __init__(self, schedule: str = "StepLR"):
        super().__init__()
        self.schedule = schedule
        self.build()

    def build(self):
        self.layer = nn.Linear(4, 3)

    def training_step(self, batch, batch_idx):
        return nn.functional.cross_entropy(self.layer(batch[0]), batch[1])

    def validation_step(self, batch, batch_idx):
        self.log("val/loss", self.training_step(batch, batch_idx))

    def test_step(self, batch, batch_idx):
        self.log("test/loss", self.training_step(batch, batch_idx))

    def predict_step(self, batch, batch_idx):
        return self.layer(batch[0]).softmax(1)

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=0.1)
        made = {
            "StepLR": lambda: lr_scheduler.StepLR(optimizer, 1, 0.5),
            "LambdaLR": lambda: lr_scheduler.LambdaLR(optimizer, lambda epoch: 0.5**epoch),
            "OneCycleLR": lambda: lr_scheduler.OneCycleLR(optimizer, 0.5, total_steps=20),
            "ReduceLROnPlateau": lambda: lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, threshold=1.0),
        }[self.schedule]()
        interval = "step" if self.schedule == "OneCycleLR" else "epoch"
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": made, "interval": interval, "monitor": "val/loss"},
        }


class Color(enum.Enum):
    RED = "red"


class Keeps(Net):
    def build(self):
        super().build()
        made = partial(torch.optim.SGD)
        self.save_hyperparameters({"root": Path("数据"), "color": Color.RED, "width": 3, "optimizer": made})


class Setup(Net):
    def build(self):
        pass

    def setup(self, stage):
        self.layer = nn.Linear(4, 3)


class Configured(Net):
    def build(self):
        self.layer = None

    def configure_model(self):
        if self.layer is None:
            self.layer = nn.Linear(4, 3)


class Lazy(Net):
    def build(self):
        self.layer = nn.LazyLinear(3)
"""
PACKAGE = "modules_of_others_of_a_test"
COMMON = (
    *("--trainer.accelerator=cpu", "--progress_display=off", "--reduce_lr_on_plateau=off", "--early_stopping=off"),
    *("--run_summary=off", "--parameter_distribution=off", "--trainer.log_every_n_steps=1"),
    *("--checkpoint.monitor=val/loss", "--checkpoint.mode=min"),
)

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*logging interval"),
    pytest.mark.filterwarnings("ignore:.*overrides the configure_model"),
]


@pytest.fixture
def own(workplace, monkeypatch, one_thread):
    (workplace / f"{PACKAGE}.py").write_text(SOURCE, encoding="utf-8")
    monkeypatch.syspath_prepend(workplace)
    yield workplace
    sys.modules.pop(PACKAGE, None)


def begin(name, *words):
    return fit(f"--model={PACKAGE}.{name}", f"--data={PACKAGE}.Digits", *COMMON, *words)


def go_on(*words):
    return fit("--ckpt_path=last", f"--allow={PACKAGE}", *words)


@pytest.mark.parametrize("schedule", ["StepLR", "LambdaLR", "OneCycleLR", "ReduceLROnPlateau"])
def test_a_resumed_schedule_goes_on_as_if_never_interrupted(schedule, own):
    whole = begin("Net", f"--model.schedule={schedule}", "--trainer.max_epochs=4")
    begin("Net", f"--model.schedule={schedule}", "--trainer.max_epochs=2")
    resumed = go_on("--trainer.max_epochs=4")
    rates = [run.model.optimizers().param_groups[0]["lr"] for run in (whole, resumed)]
    assert rates[0] == rates[1]
    assert rates[0] != 0.1
    assert all(map(torch.equal, whole.model.parameters(), resumed.model.parameters()))


def test_hyper_parameters_are_kept_as_plain_values(own, capsys):
    run = begin("Keeps", "--trainer.max_epochs=2")
    kept = torch.load(run.folder / "checkpoints" / "last.ckpt", weights_only=True)["hyper_parameters"]
    assert kept == {"root": "数据", "color": "red", "width": 3}
    out = capsys.readouterr().out
    assert out.count("the hyper-parameter optimizer is left out") == 1
    assert "self.save_hyperparameters(ignore=['optimizer'])" in out
    assert go_on("--trainer.max_epochs=3").trainer.current_epoch == 3


@pytest.mark.parametrize(("name", "averages"), [("Setup", True), ("Configured", True), ("Lazy", False)])
def test_layers_may_be_made_late(name, averages, own, capsys):
    averaging = () if averages else ("--weight_averaging=off",)
    whole = begin(name, "--trainer.max_epochs=3", *averaging)
    begin(name, "--trainer.max_epochs=1", *averaging)
    for command in ("test", "predict"):
        assert main([command, "--ckpt_path=last", f"--allow={PACKAGE}"]) == 0, capsys.readouterr().err
    resumed = go_on("--trainer.max_epochs=3")
    assert all(map(torch.equal, whole.model.parameters(), resumed.model.parameters()))


def test_layers_made_by_the_first_batch_cannot_be_averaged(own, capsys):
    words = [f"--model={PACKAGE}.Lazy", f"--data={PACKAGE}.Digits", *COMMON, "--weight_averaging=on"]
    assert main(["fit", *words, "--trainer.max_epochs=1"]) == 2
    assert "switch it off: --weight_averaging off" in capsys.readouterr().err
