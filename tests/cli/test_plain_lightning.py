"""Modules and data that know nothing of dlcore, under `fit` and what follows it."""

import sys

import pytest
import torch

from dlcore.cli.main import main
from dlcore.tracking import read_metrics

PACKAGE = "plain_lightning_of_a_test"
CODE = '''
import torch
from lightning.pytorch import LightningDataModule, LightningModule
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset


class Digits(LightningDataModule):
    """Known at once."""

    num_classes, in_features = 3, 4

    def loader(self, n):
        y = torch.arange(n) % 3
        return DataLoader(TensorDataset(y.float()[:, None] + torch.linspace(-1, 1, 4), y), batch_size=8)

    def train_dataloader(self):
        return self.loader(24)

    def val_dataloader(self):
        return self.loader(16)

    predict_dataloader = val_dataloader


class Late(Digits):
    """Known after setup."""

    num_classes, in_features = None, None

    def setup(self, stage):
        self.num_classes, self.in_features = 3, 4


class Wrong(Digits):
    """Says another size than it gives."""

    in_features = 5


class Net(LightningModule):
    """Requires what the data know."""

    def __init__(self, in_features: int, num_classes: int, lr: float = 0.1):
        super().__init__()
        self.layer, self.lr = torch.nn.Linear(in_features, num_classes), lr

    def forward(self, x):
        return self.layer(x)

    def training_step(self, batch, batch_idx):
        loss = cross_entropy(self(batch[0]), batch[1])
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", cross_entropy(self(batch[0]), batch[1]))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=self.lr)


class Silent(Net):
    """Logs nothing."""

    validation_step = LightningModule.validation_step

    def training_step(self, batch, batch_idx):
        return cross_entropy(self(batch[0]), batch[1])


class Odd(Net):
    """Logs what nobody knows."""

    def training_step(self, batch, batch_idx):
        loss = cross_entropy(self(batch[0]), batch[1])
        self.log("train/glow", -loss)
        return loss

    def validation_step(self, batch, batch_idx):
        self.log("val_glow", -cross_entropy(self(batch[0]), batch[1]))


class Chinese(Net):
    """Logs in Chinese."""

    def log(self, name, value, **more):
        super().log(name.replace("train_loss", "训练损失").replace("val_loss", "验证/损失"), value, **more)
        share = name.replace("train_loss", "训练/准确率").replace("val_loss", "验证准确率")
        super().log(share, 1 / (1 + value), **more)


class Cycle(Net):
    """A schedule that is as long as the run."""

    def configure_optimizers(self):
        optimizer = super().configure_optimizers()
        steps = self.trainer.estimated_stepping_batches
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=steps)
        return [optimizer], [{"scheduler": schedule, "interval": "step"}]


class Named(Digits):
    """Has names of its classes."""

    class_names = ["甲", "乙", "丙"]


class Pictures(Digits):
    """Has a picture's shape, and no parts."""

    image_shape = (1, 2, 2)


class Scores(Net):
    """Answers with raw scores."""

    def predict_step(self, batch, batch_idx):
        return self(batch[0]) - 1000


class Answers(Net):
    """Answers in no table."""

    def predict_step(self, batch, batch_idx):
        return {"class": self(batch[0]).argmax(1)}
'''

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*logging interval"),
    pytest.mark.filterwarnings("ignore:.*no `validation_step`"),
]


@pytest.fixture
def plain(workplace, monkeypatch, one_thread):
    (workplace / f"{PACKAGE}.py").write_text(CODE, encoding="utf-8")
    monkeypatch.syspath_prepend(workplace)
    yield workplace
    sys.modules.pop(PACKAGE, None)


def words(model, data="Digits", *flags):
    chosen = ["--model", f"{PACKAGE}.{model}", "--data", f"{PACKAGE}.{data}", "--trainer.accelerator=cpu"]
    return ["fit", *chosen, "--trainer.max_epochs=2", *flags]


@pytest.mark.parametrize("data", ["Digits", "Late"])
def test_the_data_fill_what_the_model_requires_and_its_loss_is_watched(data, plain, capsys):
    assert main(words("Net", data)) == 0
    out = capsys.readouterr().out
    assert " epoch  train_loss  val_loss " in out
    assert "best      val_loss " in out
    assert " at epoch 2\n" in out
    assert "trained   2 epochs, 6 steps" in out
    assert "failed" not in out
    folder = plain / "lightning_logs" / "net" / "version_0"
    assert read_metrics(folder)["epoch"] == [1.0, 2.0]
    page = (folder / "summary.md").read_text(encoding="utf-8")
    assert "**Finished after 2 epochs: best val\\_loss" in page or "**Finished after 2 epochs: best val_loss" in page
    assert "monitor: val_loss" in (folder / "config.yaml").read_text(encoding="utf-8")
    # The run goes on with what it watched.
    assert main([*f"fit --ckpt_path last --allow {PACKAGE} --trainer.max_epochs 3".split()]) == 0
    assert "3 epochs, 9 steps" in capsys.readouterr().out


def test_the_loss_of_a_module_that_logs_nothing_is_logged(plain, capsys):
    assert main(words("Silent")) == 0
    assert "checkpoint: train/loss (min) is watched, as Silent logs no loss" in capsys.readouterr().out
    losses = read_metrics(plain / "lightning_logs" / "silent" / "version_0")["train/loss"]
    assert len(losses) == 2
    assert losses[1] < losses[0]


def test_a_module_whose_metrics_nobody_knows_is_watched_by_its_loss(plain, capsys):
    assert main(words("Odd")) == 0
    assert "checkpoint: train/loss (min) is watched, as Odd logs no loss" in capsys.readouterr().out
    losses = read_metrics(plain / "lightning_logs" / "odd" / "version_0")["train/loss"]
    assert losses[1] < losses[0]


def test_metrics_with_chinese_names_are_known(plain, capsys):
    assert main(words("Chinese")) == 0
    out = capsys.readouterr().out
    assert "is watched, as" not in out
    assert "best      验证/损失 " in out
    assert main(["explain"]) == 0
    assert "accuracy training " in " ".join(capsys.readouterr().out.split())


def test_a_schedule_that_ends_before_the_run_is_named(plain, capsys, error):
    assert main(words("Cycle")) == 0
    said = error(*f"fit --ckpt_path last --allow {PACKAGE} --trainer.max_epochs 3".split())
    assert "expected no more than the 6 steps of OneCycleLR" in said
    assert "--trainer.max_steps 6" in said


def test_data_with_the_shape_of_a_picture_are_shown_by_their_loaders(plain, capsys):
    assert main(["show", "data", "--data", f"{PACKAGE}.Pictures"]) == 0
    assert "Pictures: the first batch of each loader" in capsys.readouterr().out


def test_what_is_looked_at_is_what_would_be_trained(plain, capsys):
    chosen = ["--model", f"{PACKAGE}.Net", "--data", f"{PACKAGE}.Late", "--trainer.accelerator=cpu"]
    assert main(["check", *chosen]) == 0
    out = capsys.readouterr().out
    assert "dlcore check: net" in out
    assert "watched: val_loss (min)" in out
    assert main(["lr_find", *chosen, "--num_steps=40"]) == 0
    command = capsys.readouterr().out.partition("next: python -m dlcore ")[2].split()
    assert command[-2] == "--model.lr"
    assert main([*command, "--trainer.max_epochs=1"]) == 0


def test_what_is_typed_beats_the_data(plain, capsys):
    assert main(words("Net", "Digits", "--model.num_classes=5")) == 0
    assert "model   Net, 25 parameters" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (words("Net", "Wrong"), r"Net.layer: expected a tensor that fits Linear(in_features=5, out_features=3"),
        (words("Net", "Digits", "--model.optimizer.lr=0.1"), "There are: in_features, num_classes, lr."),
        (words("Net", "Digits", "--model.lrr=0.1"), "Did you mean 'lr'?"),
    ],
)
def test_a_mistake_is_said_in_a_line(asked, said, plain, error):
    assert said in error(*asked)


def test_answers_that_are_no_probabilities_are_called_scores(plain, capsys):
    assert main(words("Scores", "Named")) == 0
    assert main(f"predict --ckpt_path last --allow {PACKAGE}".split()) == 0
    (path,) = plain.glob("lightning_logs/scores/version_0/predictions.csv")
    assert path.read_text(encoding="utf-8").startswith("index,predicted,score of 甲,score of 乙,score of 丙\n")


def test_answers_that_are_no_table_are_kept(plain, capsys):
    assert main(words("Answers")) == 0
    assert main(f"predict --ckpt_path last --allow {PACKAGE}".split()) == 0
    assert "predictions.pt (2 batches" in capsys.readouterr().out
    (path,) = plain.glob("lightning_logs/answers/version_0/predictions.pt")
    assert [batch["class"].shape for batch in torch.load(path, weights_only=True)] == [(8,), (8,)]


def test_a_forward_that_takes_no_batch_is_said_in_a_line(plain, capsys, error):
    assert main(words("Net")) == 0
    said = error(*f"predict --ckpt_path last --allow {PACKAGE}".split())
    assert "Net has no predict_step" in said
    assert "return self(batch[0])" in said
