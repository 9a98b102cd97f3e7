"""One metric object that a module logs for training and validation, in Lightning's loop and in ours."""

import pytest
import torch
from lightning.pytorch import LightningModule
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchmetrics.classification import MulticlassAccuracy, MulticlassAUROC, MulticlassF1Score

from dlcore.callbacks import StepsPerExecution
from dlcore.callbacks.run_events import RunEvents
from dlcore.diagnosis import diagnose
from dlcore.tracking import RunLogger
from dlcore.tracking.timeline import read_events


class Classifier(LightningModule):
    """Three classes, by one linear layer.

    Args:
        metric: What training logs.
        apart: Whether validation has an object of its own.
        name: Under which it is logged.
    """

    def __init__(self, metric, apart, name="acc"):
        super().__init__()
        self.layer, self.name = nn.Linear(4, 3), name
        self.trained = metric
        self.validated = metric.clone() if apart else metric

    def training_step(self, batch, batch_idx):
        return self._step(batch, "train", self.trained)

    def validation_step(self, batch, batch_idx):
        self._step(batch, "val", self.validated)

    def _step(self, batch, part, metric):
        scores = self.layer(batch[0])
        loss = nn.functional.cross_entropy(scores, batch[1])
        metric.update(scores, batch[1])
        self.log(f"{part}_loss", loss, on_step=False, on_epoch=True)
        self.log(f"{part}_{self.name}", metric, on_step=False, on_epoch=True)
        return loss

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=0.05)


@pytest.fixture
def fit(make_trainer, tmp_path):
    """Train on an easy table; give the run's folder."""

    def fit(module, *callbacks, **settings):
        draw = torch.Generator().manual_seed(0)
        inputs = torch.randn(200, 4, generator=draw)
        data = TensorDataset(inputs, (inputs @ torch.randn(4, 3, generator=draw)).argmax(1))
        trainer = make_trainer(
            callbacks=[RunEvents(), *callbacks], logger=RunLogger(tmp_path / "run"), max_epochs=4, **settings
        )
        trainer.fit(module, DataLoader(data, 8, drop_last=True), DataLoader(data, 50))
        return tmp_path / "run"

    return fit


@pytest.mark.filterwarnings("ignore")  # Lightning's, of few workers; torchmetrics', of a metric without samples
@pytest.mark.parametrize("loop", [(), (StepsPerExecution(8),)])
@pytest.mark.parametrize("kind", [MulticlassAccuracy, MulticlassF1Score])
def test_one_object_for_both_is_named_while_it_trains_and_by_explain(fit, loop, kind, capsys):
    name = "acc" if kind is MulticlassAccuracy else "f1"
    folder = fit(Classifier(kind(num_classes=3), apart=False, name=name), *loop)
    (event,) = [each for each in read_events(folder) if each["kind"] == "shared_metric"]
    assert event["metrics"] == {f"train_{name}": f"val_{name}"}
    assert f"train_{name} and val_{name} are one metric object" in capsys.readouterr().out
    found = diagnose(folder)
    assert [each.name for each in found.faults] == ["shared_metric"]
    assert found.first.confidence == "certain"
    assert ("accuracy" in found.summary) is (name == "acc")
    assert "accuracy training" not in found.summary  # nothing is said of a value that was not measured


@pytest.mark.filterwarnings("ignore")
def test_a_metric_that_is_emptied_several_times_in_an_epoch(fit):
    folder = fit(Classifier(MulticlassAccuracy(num_classes=3), apart=False), val_check_interval=0.4)
    found = diagnose(folder)  # what is logged of training is that of its last batches
    assert [each.name for each in found.faults] == ["shared_metric"]
    assert "accuracy validation" in found.summary


class KerasNames(Classifier):
    """It logs ``acc`` and ``val_acc``, per step too."""

    def _step(self, batch, part, metric):
        scores = self.layer(batch[0])
        loss = nn.functional.cross_entropy(scores, batch[1])
        metric(scores, batch[1])
        self.log(f"{part}_loss", loss, on_step=False, on_epoch=True)
        self.log("acc" if part == "train" else "val_acc", metric, on_step=part == "train", on_epoch=True)
        return loss


@pytest.mark.filterwarnings("ignore")
def test_other_names_and_values_by_step(fit):
    folder = fit(KerasNames(MulticlassAccuracy(num_classes=3), apart=False))
    found = diagnose(folder)
    assert [each.name for each in found.faults] == ["shared_metric"]
    assert "acc_epoch and val_acc are one metric object" in found.first.text
    assert "accuracy validation" in found.summary


@pytest.mark.filterwarnings("ignore")
def test_the_reason_is_told_where_the_emptied_metric_ends_the_run(fit, capsys, tmp_path):
    with pytest.raises(ValueError, match="No samples"):
        fit(Classifier(MulticlassAUROC(num_classes=3), apart=False, name="auroc"))
    assert "train_auroc and val_auroc are one metric object" in capsys.readouterr().out
    found = diagnose(tmp_path / "run")
    assert "shared_metric" in [each.name for each in found.faults]


@pytest.mark.filterwarnings("ignore")
def test_two_objects_are_well(fit):
    folder = fit(Classifier(MulticlassAccuracy(num_classes=3), apart=True))
    assert not [each for each in read_events(folder) if each["kind"] == "shared_metric"]
    assert diagnose(folder).faults == ()
