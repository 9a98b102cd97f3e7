"""Steps that a gradient scaler skips are counted, told and diagnosed."""

import pytest
import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.plugins import MixedPrecision
from torch.utils.data import DataLoader

from dlcore.callbacks import StepsPerExecution
from dlcore.callbacks.run_events import RunEvents
from dlcore.diagnosis import diagnose
from dlcore.tracking import RunLogger
from dlcore.tracking.timeline import read_events

STEPS = 40


class Overflows(LightningModule):
    """Learns one weight; the gradient of some batches is NaN.

    Args:
        bad: Of so many batches one is good; 1: all are.
        fused: Whether the optimiser is fused.
        silent: Whether bad batches have no loss at all.
    """

    def __init__(self, bad, fused=False, silent=False):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))
        self.bad, self.fused, self.silent = bad, fused, silent

    def training_step(self, batch, batch_idx):
        loss = (self.weight - 3).square().sum()
        if batch_idx % self.bad:
            if self.silent:
                return None
            loss = loss + (self.weight - self.weight.detach()).sum().sqrt()  # 0, with a gradient of 1 / 0
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        return loss

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.01, fused=self.fused)


@pytest.fixture
def fit(make_trainer, tmp_path):
    def fit(module, plugin, *callbacks):
        trainer = make_trainer(
            callbacks=[RunEvents(), *callbacks], logger=RunLogger(tmp_path / "run"), max_epochs=2,
            plugins=[plugin] if plugin else [],
        )  # fmt: skip
        trainer.fit(module, DataLoader(torch.zeros(STEPS, 1)))
        events = [event for event in read_events(tmp_path / "run") if event["kind"] == "skipped_steps"]
        return events, diagnose(tmp_path / "run")

    return fit


def scaled():
    return MixedPrecision("16-mixed", "cpu", torch.amp.GradScaler("cpu"))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("fused", "more"), [(False, ()), (True, ()), (False, (StepsPerExecution(8),))])
def test_a_scaler_that_skips_most_steps_is_named(fused, more, fit, capsys):
    events, found = fit(Overflows(4, fused), scaled(), *more)
    skipped = 3 * STEPS // 4
    assert [(each["skipped"], each["steps"]) for each in events] == [(skipped, STEPS), (2 * skipped, 2 * STEPS)]
    assert events[-1]["scale"] < 1
    assert capsys.readouterr().out.count("The gradient scaler skipped") == 1
    assert found.first.name == "skipped_steps"
    assert "skipped 60 of 80 steps (75%)" in found.first.text
    assert "bf16-mixed" in found.first.remedy


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("module", "plugin"),
    [(Overflows(1), scaled), (Overflows(4, silent=True), scaled), (Overflows(1), None)],
)
def test_steps_that_are_taken_or_have_no_loss_are_not_counted(module, plugin, fit):
    events, found = fit(module, plugin and plugin())
    assert events == []
    assert "skipped_steps" not in [each.name for each in (*found.faults, *found.notes)]
