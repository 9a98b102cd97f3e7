"""What the checks of batches, updates and cost see; and that all of them leave nothing behind."""

from functools import partial

import pytest
import torch
from lightning.pytorch import LightningDataModule
from torch.optim import LBFGS
from torch.optim.lr_scheduler import OneCycleLR
from torch.utils.data import DataLoader, TensorDataset
from torchmetrics.classification import MulticlassAccuracy

from dlcore.callbacks import EarlyStopping, ReduceLROnPlateau, WeightAveraging
from dlcore.errors import ArgumentError
from dlcore.insight import check_recipe, check_training
from dlcore.insight.preflight import CHECKS, Verdict
from dlcore.insight.preflight.cost import duration, free_memory, memory_size


def test_a_last_batch_of_one_sample_fails_with_batch_norm_only(look, make_model, tiny_data):
    result = look("batch norm", make_model(batch_norm=True), tiny_data(batch_size=17))  # 103 = 6·17 + 1
    assert result.verdict is Verdict.FAILED
    assert result.findings[0].remedies == ("--data.drop_last true: leaves it out", "--data.batch_size 18")
    assert look("batch norm", make_model(), tiny_data(batch_size=17)).verdict is Verdict.NOT_APPLICABLE
    fine = look("batch norm", make_model(batch_norm=True), tiny_data(batch_size=18))
    assert (fine.verdict, fine.numbers["last"]) == (Verdict.OK, 13)
    short = look("batch norm", make_model(batch_norm=True), tiny_data(batch_size=17), limit_train_batches=6)
    assert short.verdict is Verdict.OK


def test_what_callbacks_watch_is_looked_for_in_a_validation(look):
    fine = look("monitors", callbacks=[EarlyStopping("val/loss"), ReduceLROnPlateau("val/accuracy")])
    assert [finding.seen for finding in fine.findings] == ["watched: val/loss (min), val/accuracy (max)"]
    assert look("monitors").verdict is Verdict.NOT_APPLICABLE
    assert look("monitors", callbacks=[EarlyStopping("val/loss")], limit_val_batches=0).verdict is not Verdict.OK
    with pytest.raises(ArgumentError, match=r"early_stopping\.monitor: .*Did you mean 'val/accuracy'\?"):
        look("monitors", callbacks=[EarlyStopping("val/acuracy")])
    with pytest.raises(ArgumentError, match=r"early_stopping\.monitor: .*Did you mean 'train/loss'\?"):
        look("monitors", callbacks=[EarlyStopping("train/los")])


@pytest.mark.parametrize(("apart", "verdict"), [(False, Verdict.FAILED), (True, Verdict.OK)])
def test_one_metric_object_for_training_and_validation_fails(apart, verdict, look, plain_net, plain_data):
    class Net(plain_net):
        def __init__(self):
            super().__init__()
            self.grade = MulticlassAccuracy(10)
            self.own = self.grade.clone() if apart else self.grade

        def training_step(self, batch, batch_idx):
            self.grade.update(self.net(batch[0]), batch[1])
            self.log("train_acc", self.grade, on_step=False, on_epoch=True)
            return super().training_step(batch, batch_idx)

        def validation_step(self, batch, batch_idx):
            self.own.update(self.net(batch[0]), batch[1])
            self.log("val_acc", self.own)
            super().validation_step(batch, batch_idx)

    result = look("monitors", Net(), plain_data(torch.arange(200) % 10), callbacks=[EarlyStopping("val_loss")])
    assert result.verdict is verdict
    assert any("train_acc and val_acc are one metric object" in each.seen for each in result.findings) is not apart


def test_updates_of_an_epoch_and_of_the_run_are_counted(look):
    result = look("updates", max_epochs=40)  # 103 samples in batches of 16
    assert result.numbers == {"epoch": 7, "run": 280}
    assert result.verdict is Verdict.OK
    assert look("updates", max_epochs=40, accumulate_grad_batches=4).numbers == {"epoch": 2, "run": 80}


def test_a_warm_up_longer_than_the_run_is_found(look, make_model):
    result = look("updates", make_model(warmup_steps=2800), max_epochs=40)
    assert result.verdict is Verdict.FAILED
    assert "at its end the learning rate is at 10% of what is set" in result.findings[0].seen
    assert result.findings[0].remedies == ("--model.warmup_steps 14",)
    assert look("updates", make_model(warmup_steps=200), max_epochs=40).verdict is Verdict.WARNING
    assert look("updates", make_model(warmup_steps=20), max_epochs=40).verdict is Verdict.OK


def test_few_updates_come_with_a_smaller_batch(look, make_model, tiny_data):
    result = look("updates", data=tiny_data(batch_size=103), max_epochs=50)
    assert result.verdict is Verdict.WARNING
    assert result.findings[0].remedies == ("--data.batch_size 8: 13 updates an epoch", "--trainer.max_epochs 1000")
    lbfgs = make_model(optimizer=partial(LBFGS, lr=0.1))
    assert look("updates", lbfgs, tiny_data(batch_size=103), max_epochs=50).verdict is Verdict.OK


def test_a_run_that_is_cut_short_is_told_so(look):
    assert look("updates", max_steps=20).findings[0].remedies == ("--trainer.max_steps 1000",)
    nothing = look("cost", limit_train_batches=0)
    assert nothing.findings[0].seen == "no time was measured: the training would not begin"
    assert nothing.verdict is Verdict.OK


def test_a_run_without_end_and_a_schedule_that_is_too_short_are_named(look, make_model):
    assert look("updates", max_epochs=-1).findings[0].remedies == ("--trainer.max_epochs 20",)
    model = make_model(lr_scheduler=partial(OneCycleLR, max_lr=0.1, total_steps=10))
    result = look("updates", model, max_epochs=5)
    assert result.verdict is Verdict.FAILED
    assert "at least the 35 steps of the run" in result.findings[0].seen


@pytest.mark.parametrize(
    ("settings", "epochs", "verdict"),
    [
        ({"decay": 0.998, "warm_up": False}, 16, Verdict.FAILED),  # 112 steps: 0.998¹¹¹ is 80%
        ({"decay": 0.97, "warm_up": False}, 16, Verdict.WARNING),  # 3%
        ({"decay": 0.9, "warm_up": False}, 16, Verdict.OK),
        ({"decay": 0.9, "warm_up": False, "every_n_steps": 20}, 16, Verdict.FAILED),  # six updates: 59%
        ({"decay": 0.998}, 16, Verdict.OK),
        ({"decay": 0.998}, 1, Verdict.OK),
    ],
)
def test_an_average_that_would_hardly_leave_the_start_fails(settings, epochs, verdict, look):
    result = look("averaging", max_epochs=epochs, callbacks=[WeightAveraging(**settings)])
    assert result.verdict is verdict
    remedies = [remedy.partition(":")[0] for remedy in result.findings[0].remedies]
    assert remedies == ([] if verdict is Verdict.OK else ["--weight_averaging.warm_up true", "--weight_averaging off"])


def test_an_average_is_not_asked_for_where_there_is_none(look):
    assert look("averaging").verdict is Verdict.NOT_APPLICABLE
    endless = look("averaging", max_epochs=-1, callbacks=[WeightAveraging()])
    assert endless.verdict is Verdict.NOT_APPLICABLE


def test_the_cost_of_a_run_is_measured(look, make_model):
    result = look("cost", make_model(hidden_sizes=(1000,)), max_epochs=10)
    numbers = result.numbers
    assert result.verdict is Verdict.OK
    assert numbers["seconds_an_epoch"] == pytest.approx(7 * numbers["seconds_a_batch"])
    assert numbers["seconds_of_the_run"] == pytest.approx(
        10 * (numbers["seconds_an_epoch"] + numbers["seconds_a_validation"])
    )
    weights = 4 * (4 * 1000 + 1000 + 1000 * 3 + 3)
    outputs = 4 * (1000 + 1000 + 3) * 16
    assert numbers["memory"] == 2 * weights + outputs  # weights and gradients; SGD keeps nothing
    assert numbers["disk"] == 3 * weights


def test_too_little_memory_fails(look, monkeypatch):
    monkeypatch.setattr("dlcore.insight.preflight.cost.free_memory", lambda: 100.0)
    result = look("cost")
    assert result.verdict is Verdict.FAILED
    assert any("100 B free" in finding.seen for finding in result.findings)


def test_free_memory_is_the_smaller_of_machine_and_container(monkeypatch, tmp_path):
    (tmp_path / "meminfo").write_text("MemTotal: 9000 kB\nMemAvailable: 5000 kB\n")
    for name, number in (("max", "3000000"), ("current", "1000000")):
        (tmp_path / name).write_text(number)
    monkeypatch.setattr("dlcore.insight.preflight.cost._MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr("dlcore.insight.preflight.cost._LIMIT", tmp_path / "max")
    monkeypatch.setattr("dlcore.insight.preflight.cost._USED", tmp_path / "current")
    assert free_memory() == 2_000_000
    (tmp_path / "max").write_text("max")
    assert free_memory() == 5000 * 1024


def test_units_are_those_one_would_say():
    assert [duration(s) for s in (0.0021, 0.0997, 0.25, 5.3, 150, 9000)] == [
        "2.1 ms",
        "100 ms",
        "250 ms",
        "5.3 s",
        "2.5 min",
        "2.5 h",
    ]
    assert [memory_size(n) for n in (44, 6620, 9.39e6, 2.4e10)] == ["44 B", "6.62 kB", "9.39 MB", "24 GB"]


# All of them


def test_all_checks_leave_weights_random_numbers_and_the_folder_alone(tiny_data, make_trainer, make_model, tmp_path):
    model = make_model(batch_norm=True, dropout=0.5)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    random_state = torch.get_rng_state()
    told = []
    report = check_training(model, tiny_data(), make_trainer(max_epochs=40), tell=told.append)
    assert report.ready
    assert report.warnings == []
    assert [result.name for result in told] == list(CHECKS)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random_state)
    assert list(tmp_path.iterdir()) == []


class Broken(torch.nn.Module):
    def forward(self, x):
        raise IndexError("no such place")


def test_a_model_that_breaks_fails_and_the_other_checks_go_on(tiny_data, make_trainer, make_model):
    model = make_model()
    model.network.activation_1 = Broken()
    report = check_training(model, tiny_data(), make_trainer(max_epochs=40))
    assert report["first loss"].findings[0].seen == "ended with IndexError: no such place"
    assert report["updates"].verdict is Verdict.OK
    assert not report.ready


class OwnData(LightningDataModule):
    """Data of a user's own, with torch's loaders."""

    def train_dataloader(self):
        inputs = torch.randn(128, 4, generator=torch.Generator().manual_seed(0))
        return DataLoader(TensorDataset(inputs, (inputs[:, 0] > 0).long()), batch_size=16)

    val_dataloader = train_dataloader


@pytest.mark.filterwarnings("ignore::lightning.fabric.utilities.warnings.PossibleUserWarning")
def test_data_of_ones_own_are_checked_as_far_as_they_can_be(make_trainer, make_model):
    report = check_training(make_model(hidden_sizes=(64,)), OwnData(), make_trainer(max_epochs=40))
    assert report.failed == []
    assert report["labels"].verdict is Verdict.NOT_APPLICABLE
    assert report["one batch"].verdict is Verdict.OK


def test_a_recipe_from_python(workplace, one_thread):
    report = check_recipe("-c", "mlp_table_binary", "--model.optimizer.lr", "1e-9", "--trainer.accelerator", "cpu")
    assert report.failed == ["one batch"]
    assert list(workplace.iterdir()) == []
