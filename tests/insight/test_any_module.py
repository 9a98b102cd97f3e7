"""What looks at a model before its training works with any LightningModule, and leaves it as it was."""

import pytest
import torch
from lightning.pytorch import LightningDataModule, LightningModule
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss
from torch.optim.lr_scheduler import CosineAnnealingLR, ExponentialLR, OneCycleLR, ReduceLROnPlateau
from torch.utils.data import DataLoader

from dlcore.errors import FitError
from dlcore.insight import check_training, find_learning_rate, preview_schedule, summarize_model
from dlcore.insight.preflight import Verdict

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:Lazy modules"),
]


class Rows(LightningDataModule):
    """Batches are dictionaries."""

    def loader(self, n):
        x = torch.randn(n, 5, generator=torch.Generator().manual_seed(n))
        return DataLoader([{"x": row, "name": "明月", "y": (row[0] > 0).long()} for row in x], batch_size=8)

    def train_dataloader(self):
        return self.loader(80)

    def val_dataloader(self):
        return self.loader(24)


class Net(LightningModule):
    """An ordinary module."""

    def __init__(self, lr: float = 0.1):
        super().__init__()
        self.lr = lr
        self.make()

    def make(self):
        self.net = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, 2))

    def forward(self, x):
        return self.net(x)

    def shared_step(self, batch, name):
        loss = cross_entropy(self(batch["x"]), batch["y"])
        self.log(f"{name}_loss", loss, prog_bar=self.trainer.max_epochs > 0, batch_size=len(batch["x"]))
        return loss

    def training_step(self, batch, batch_idx):
        return self.shared_step(batch, "train")

    def validation_step(self, batch, batch_idx):
        self.shared_step(batch, "val")

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), self.lr, momentum=0.9)


class InSetup(Net):
    """Layers made in `setup`."""

    def make(self):
        pass

    def setup(self, stage):
        Net.make(self)


class InConfigureModel(Net):
    """Layers made in `configure_model`."""

    def make(self):
        self.net = None

    def configure_model(self):
        if self.net is None:
            Net.make(self)


class Lazy(Net):
    """Layers whose sizes the first batch tells."""

    def make(self):
        self.net = nn.Sequential(nn.LazyLinear(16), nn.ReLU(), nn.LazyLinear(2))


class Autoencoder(Net):
    """Gives a dictionary, takes no index and no targets."""

    def make(self):
        self.net = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 5))

    def training_step(self, batch):
        return {"loss": mse_loss(self(batch["x"]), batch["x"]), "more": 1}

    def validation_step(self, batch, batch_idx):
        self.log("val_mse", mse_loss(self(batch["x"]), batch["x"]), batch_size=8)


class Manual(Net):
    """Two optimisers, by hand."""

    def __init__(self):
        super().__init__()
        self.automatic_optimization = False

    def training_step(self, batch, batch_idx):
        for optimizer in self.optimizers():
            optimizer.zero_grad()
        self.manual_backward(self.shared_step(batch, "train"))
        for optimizer in self.optimizers():
            optimizer.step()

    def configure_optimizers(self):
        return [torch.optim.Adam(self.net[0].parameters()), torch.optim.SGD(self.net[2].parameters(), 0.1)]


def assert_untouched(model):
    """It has no trainer, and no layers that it makes only in a training."""
    with pytest.raises(RuntimeError, match="not attached to a"):
        _ = model.trainer
    assert not isinstance(model, InSetup | InConfigureModel) or getattr(model, "net", None) is None


AUTOMATIC = [Net, InSetup, InConfigureModel, Lazy, Autoencoder]


@pytest.mark.parametrize("kind", [*AUTOMATIC, Manual])
def test_the_layers_of_any_module_are_measured(kind):
    torch.manual_seed(0)
    model = kind()
    summary = summarize_model(model, Rows())
    width = 4 if kind is Autoencoder else 16
    assert [layer.output_shape for layer in summary.layers][:2] == [(width,), (width,)]
    assert summary.input_shape == (5,)
    assert summary.parameters == (4 * 5 + 4 + 4 * 5 + 5 if kind is Autoencoder else 16 * 5 + 16 + 16 * 2 + 2)
    assert summary.layers[0].output_bytes == 4 * width  # of one sample
    assert summary.optimizer == ("Adam and SGD" if kind is Manual else "SGD")
    assert_untouched(model)


def test_the_momentum_of_the_optimiser_is_counted():
    assert summarize_model(Net(), Rows()).state_per_parameter == 1
    assert summarize_model(Manual(), Rows()).state_per_parameter == 2


@pytest.mark.parametrize("kind", AUTOMATIC)
def test_the_range_test_takes_any_module_with_automatic_optimisation(kind, make_trainer):
    torch.manual_seed(0)
    model = kind()
    test = find_learning_rate(model, Rows(), make_trainer(), 1e-4, 0.1, num_steps=30)
    assert len(test.rates) == 30
    assert test.losses.min() < test.losses[0]
    assert_untouched(model)


def test_the_range_test_says_why_it_does_not_take_a_module_that_optimises_by_hand(make_trainer):
    with pytest.raises(FitError, match=r"lr_find: expected .* automatic optimisation, .*, got Manual, which"):
        find_learning_rate(Manual(), Rows(), make_trainer())


class Scheduled(Net):
    """A schedule in one of Lightning's ways."""

    def __init__(self, schedules):
        super().__init__()
        self.schedules = schedules

    def configure_optimizers(self):
        optimizer = super().configure_optimizers()
        return self.schedules(optimizer, self)


def one_cycle(optimizer, module):
    steps = module.trainer.estimated_stepping_batches
    return [optimizer], [{"scheduler": OneCycleLR(optimizer, 0.5, total_steps=steps), "interval": "step"}]


def every_second_epoch(optimizer, module):
    return [optimizer], [{"scheduler": ExponentialLR(optimizer, 0.5), "frequency": 2}]


def cosine(optimizer, module):
    return {"optimizer": optimizer, "lr_scheduler": CosineAnnealingLR(optimizer, module.trainer.max_epochs)}


@pytest.mark.parametrize("schedules", [one_cycle, every_second_epoch, cosine])
def test_the_schedule_of_any_module_is_that_of_its_training(schedules, make_trainer):
    model, seen = Scheduled(schedules), []
    rates = preview_schedule(model, Rows(), make_trainer(max_epochs=4)).rates
    model.on_train_batch_start = lambda batch, index: seen.append(model.optimizers().param_groups[0]["lr"])
    make_trainer(max_epochs=4, limit_val_batches=0).fit(model, datamodule=Rows())
    assert rates.tolist() == pytest.approx(seen)


@pytest.mark.parametrize("kind", [InSetup, InConfigureModel, Lazy, Manual])
def test_a_module_without_schedule_keeps_its_rate(kind, make_trainer):
    preview = preview_schedule(kind(), Rows(), make_trainer(max_epochs=2))
    assert (preview.name, len(preview.rates), set(preview.rates)) == ("", 20, {0.001 if kind is Manual else 0.1})
    assert ("2 optimizers" in " ".join(preview.notes)) == (kind is Manual)


def test_what_cannot_be_drawn_of_a_schedule_is_said(make_trainer):
    def plateau(optimizer, module):
        schedule = ReduceLROnPlateau(optimizer)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "monitor": "val_loss"}}

    preview = preview_schedule(Scheduled(plateau), Rows(), make_trainer(max_epochs=2))
    assert set(preview.rates) == {0.1}
    assert "ReduceLROnPlateau cuts the rate when val_loss stops improving" in preview.notes[-1]


def test_a_module_without_optimiser_is_told_so(make_trainer):
    with pytest.warns(UserWarning, match="no optimizer"), pytest.raises(FitError, match="expected an optimiser, got"):
        preview_schedule(Scheduled(lambda optimizer, module: None), Rows(), make_trainer(max_epochs=2))


def test_a_module_that_cannot_be_copied_is_told_why(make_trainer):
    model = Net()
    model.lock = (each for each in [1])
    with pytest.raises(FitError, match=r"can be copied.*got Net: cannot pickle.*in setup\(\)"):
        find_learning_rate(model, Rows(), make_trainer())


@pytest.mark.parametrize("kind", AUTOMATIC)
def test_any_module_is_checked(kind, make_trainer):
    torch.manual_seed(0)
    model = kind()
    random_state = torch.get_rng_state()
    report = check_training(model, Rows(), make_trainer(max_epochs=40))
    assert report.failed == []
    said = {result.name: result.findings[0].seen for result in report}
    assert said["inputs"].startswith("mean ")
    assert said["labels"] == f"{kind.__name__} does not tell what its targets are, as dlcore's models do (task)"
    assert "the loss of guessing is known only for dlcore's models" in said["first loss"]
    assert "gradient of the first weights" in said["layers"]
    assert "on 8 samples, learning rate 0.1" in said["one batch"]
    assert report["updates"].numbers == {"epoch": 10, "run": 400}
    assert report["cost"].numbers["seconds_a_validation"] > 0
    assert torch.equal(torch.get_rng_state(), random_state)
    assert_untouched(model)


def test_of_a_module_that_optimises_by_hand_the_rest_is_checked(make_trainer):
    report = check_training(Manual(), Rows(), make_trainer(max_epochs=40))
    assert report.failed == []
    for name in ("first loss", "layers", "one batch"):
        assert report[name].findings[0].seen == "needs a loss from training_step: Manual optimises by hand"
    assert report["cost"].numbers["seconds_of_the_run"] > 0


class Broken(Net):
    """Its second layer gets no gradient, and its loss is not finite."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return self.net[2](self.net[1](self.net[0](x))) * self.factor


def test_what_is_wrong_with_a_module_is_found(make_trainer):
    report = check_training(Broken(float("nan")), Rows(), make_trainer(max_epochs=40))
    assert report["first loss"].findings[0].seen == "the loss is nan before the first step"
    report = check_training(Broken(0.0), Rows(), make_trainer(max_epochs=40))
    assert report["layers"].verdict is Verdict.FAILED
    assert "no gradient comes through" in report["one batch"].findings[0].seen
    report = check_training(Net(lr=1e-9), Rows(), make_trainer(max_epochs=40))
    assert "the learning rate is too low" in report["one batch"].findings[0].seen
    assert report["one batch"].findings[0].remedies[0].startswith("--model.lr 0.")
