"""Classes of the user's own, and plain Lightning: each command that is printed works when it is typed."""

import re
import sys

import pytest
import torch

from dlcore.cli.main import main

PLAIN = '''
import torch
from lightning.pytorch import LightningDataModule, LightningModule
from lightning.pytorch.cli import OptimizerCallable
from torch.utils.data import DataLoader, TensorDataset

from dlcore.models import Model
from dlcore.nn import Multiclass


class Digits(LightningDataModule):
    """Drawn numbers."""

    def loader(self, n):
        y = torch.arange(n) % 3
        return DataLoader(TensorDataset(y.float()[:, None] + torch.linspace(-1, 1, 4), y), batch_size=8)

    def train_dataloader(self):
        return self.loader(24)

    def val_dataloader(self):
        return self.loader(16)

    test_dataloader = predict_dataloader = val_dataloader


class Named(Digits):
    """Batches that are dictionaries, and no test."""

    def val_dataloader(self):
        return [[{"words": ["明月"] * 2, "rows": torch.full((2, 5), 3.0), "none": torch.zeros(0)}]]


class Net(Model):
    """A small net."""

    def __init__(self, width: int = 4, optimizer: OptimizerCallable = torch.optim.Adam):
        super().__init__(Multiclass(3), optimizer, None)
        self.network = torch.nn.Sequential(torch.nn.Linear(4, width), torch.nn.Linear(width, 3))

    def forward(self, inputs):
        return self.network(inputs)


class Fixed(Net):
    """A net whose optimiser nobody chooses."""

    def __init__(self, width: int = 4):
        super().__init__(width)


class Bare(LightningModule):
    """A LightningModule without a test."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 3)

    def training_step(self, batch, batch_idx):
        return torch.nn.functional.cross_entropy(self.layer(batch[0]), batch[1])

    def validation_step(self, batch, batch_idx):
        self.log("val/loss", self.training_step(batch, batch_idx))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters())


class Assembled(Bare):
    """Its network, its optimiser and its schedule are arguments, annotated as Hydra's templates do."""

    def __init__(self, net: torch.nn.Module, optimizer: torch.optim.Optimizer, scheduler: torch.optim.lr_scheduler):
        super().__init__()
        self.save_hyperparameters(logger=False, ignore="net")
        self.layer = net

    def configure_optimizers(self):
        optimizer = self.hparams.optimizer(params=self.parameters())
        if self.hparams.scheduler is None:
            return optimizer
        return {"optimizer": optimizer, "lr_scheduler": self.hparams.scheduler(optimizer=optimizer)}


class PassesOn(Net):
    """Hands all but one argument on."""

    def __init__(self, depth: int = 1, **kwargs):
        super().__init__(**kwargs)


class Away(Digits):
    """Data that cannot be had."""

    def __init__(self, url: str = ""):
        raise RuntimeError("nobody answers")
'''
PACKAGE = "own_classes_of_a_test"
RECIPE = f"""
seed_everything: 0
model: {{class_path: {PACKAGE}.Net, init_args: {{width: 5}}}}
data: {{class_path: {PACKAGE}.Digits}}
trainer: {{max_epochs: 1, accelerator: cpu, enable_model_summary: false, num_sanity_val_steps: 0}}
"""
ALLOW = f"--allow {PACKAGE}"

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*logging interval"),
]


@pytest.fixture
def own(workplace, monkeypatch):
    """A package of the user's own, and a recipe that names it."""
    (workplace / f"{PACKAGE}.py").write_text(PLAIN, encoding="utf-8")
    (workplace / "mine.yaml").write_text(RECIPE, encoding="utf-8")
    monkeypatch.syspath_prepend(workplace)
    yield workplace
    sys.modules.pop(PACKAGE, None)


def printed_commands(text):
    return [line.split() for line in re.findall(r"python -m dlcore (.*)", text)]


@pytest.mark.parametrize(
    "words", [f"-c mine.yaml {ALLOW}", f"--model {PACKAGE}.Net --data {PACKAGE}.Digits --trainer.max_epochs 1"]
)
def test_each_command_to_type_next_works(words, own, capsys, one_thread):
    assert main(["fit", *words.split()]) == 0
    out = capsys.readouterr().out
    assert "data    Digits: 3 training, 2 validation batches\n" in out
    commands = printed_commands(out)
    assert {"test", "predict"} <= {command[0] for command in commands}
    for command in commands:
        assert main(command) == 0, command
    page = next(own.glob("lightning_logs/*/*/summary.md")).read_text(encoding="utf-8")
    assert "- Data: Digits: 3 training, 2 validation batches\n" in page
    header = next(own.glob("lightning_logs/*/*/predictions.csv")).read_text(encoding="utf-8").splitlines()[0]
    assert header == "index,predicted,probability of 0,probability of 1,probability of 2"


def test_what_a_model_or_its_data_cannot_do_is_not_offered(own, capsys, one_thread):
    words = f"--model {PACKAGE}.Bare --data {PACKAGE}.Digits --trainer.max_epochs 1"
    assert main(["fit", *words.split(), "--checkpoint.monitor=val/loss", "--checkpoint.mode=min"]) == 0
    assert not {"test", "predict"} & {command[0] for command in printed_commands(capsys.readouterr().out)}


@pytest.mark.parametrize(
    "command", ["show config", "show data", "show model", "check", pytest.param("lr_find", marks=pytest.mark.matrix)]
)
def test_allow_is_known_to_each_command_that_reads_a_recipe(command, own, capsys, one_thread):
    assert main([*command.split(), "-c", "mine.yaml"]) == 2
    assert ALLOW in capsys.readouterr().err
    code = main([*command.split(), "-c", "mine.yaml", *ALLOW.split()])
    assert code in (0, 1), capsys.readouterr().err  # 1: a check failed, no rate was found
    for printed in printed_commands(capsys.readouterr().out):
        assert printed[-2:] == ALLOW.split() or f"--allow={PACKAGE}" in printed


def test_no_flag_is_printed_that_the_model_has_not(own, capsys, one_thread):
    words = f"--model {PACKAGE}.Fixed --data {PACKAGE}.Digits"
    assert main(["lr_find", *words.split(), "--lr_min=0.001"]) == 0
    out = capsys.readouterr().out
    assert "next: Fixed has no argument for it: set it where its optimiser is made." in out
    assert not printed_commands(out)


def test_explain_says_that_its_next_command_runs_code(own, capsys, one_thread):
    words = ["-c", "mine.yaml", *ALLOW.split(), "--model.optimizer.lr=1e-9", "--trainer.max_epochs=4"]
    assert main(["fit", *words]) == 0
    capsys.readouterr()
    assert main(["explain"]) == 0
    out = capsys.readouterr().out
    assert printed_commands(out)[-1][-2:] == ALLOW.split()
    assert f"{ALLOW} lets code of that package run: type it if you trust it." in " ".join(out.split())


def test_plain_data_are_shown_by_their_loaders(own, shown):
    out, code = shown("show", "data", "--data", f"{PACKAGE}.Digits")
    assert code == 0
    assert "Digits: the first batch of each loader" in out
    assert "train 3 0 8 × 4 float32 -1 3 0.875 1 8 int64 0 2 0.875 val 2 0 8 × 4" in out


def test_batches_of_any_form_are_shown(own, shown):
    out, code = shown("show", "data", "--data", f"{PACKAGE}.Named")
    assert code == 0
    assert "val 0 1 words list rows 2 × 5 float32 3 3 3 none 0 float32 nan nan nan" in out


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("show model", "Bare of bare, input 4"),
        ("show schedule", "schedule none: the rate stays as it is"),
        ("check", "ready"),
        ("lr_find --num_steps=40 --lr_max=1", "next: Bare has no argument for it"),
    ],
)
def test_a_plain_module_is_looked_at(command, said, own, shown, one_thread):
    out, code = shown(*command.split(), "--model", f"{PACKAGE}.Bare", "--data", f"{PACKAGE}.Digits")
    assert code == 0
    assert said in out


def test_gradients_of_a_plain_module_are_refused_in_a_line(own, error):
    said = error("show", "gradients", "--model", f"{PACKAGE}.Bare", "--data", f"{PACKAGE}.Digits")
    assert "expected a model that derives from dlcore.models.Model" in said
    assert "got Bare" in said


def test_an_option_of_a_choice_is_refused_where_there_is_none(own, error):
    assert "--index: expected data that are pictures" in error(
        "show", "data", "--data", f"{PACKAGE}.Digits", "--index", "3"
    )


@pytest.mark.parametrize("schedule", ["null", "torch.optim.lr_scheduler.StepLR --model.scheduler.step_size 1"])
def test_an_argument_annotated_as_an_optimizer_takes_a_class_and_its_settings(schedule, own, capsys, one_thread):
    words = f"--model {PACKAGE}.Assembled --model.net torch.nn.Linear --model.net.in_features 4 --data {PACKAGE}.Digits"
    words += f" --model.net.out_features 3 --model.optimizer SGD --model.optimizer.lr 0.25 --model.scheduler {schedule}"
    assert main(["fit", *words.split(), "--trainer.max_epochs", "2"]) == 0, capsys.readouterr().err
    kept = torch.load("lightning_logs/assembled/version_0/checkpoints/last.ckpt", weights_only=True)
    assert kept["optimizer_states"][0]["param_groups"][0]["lr"] == pytest.approx(0.25 * (schedule == "null" or 0.01))
    assert main(["fit", "--ckpt_path", "last", "--trainer.max_epochs", "3"]) == 2  # its code needs the user's word
    assert main(["fit", "--ckpt_path", "last", "--trainer.max_epochs", "3", *ALLOW.split()]) == 0


def test_what_an_own_class_raises_is_shown_as_it_is(own):
    with pytest.raises(RuntimeError, match=r"^nobody answers$"):
        main(["fit", "--model", f"{PACKAGE}.Bare", "--data", f"{PACKAGE}.Away"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--model wrong_module_of_a_test.Net", "model: invalid syntax (wrong_module_of_a_test.py, line 1)"),
        ("--data wrong_module_of_a_test.Net", "data: invalid syntax (wrong_module_of_a_test.py, line 1)"),
        (f"--model {PACKAGE}.Nett", f"Unknown class (in --model): '{PACKAGE}.Nett'. Did you mean '{PACKAGE}.Net'?"),
        (f"--data {PACKAGE}.Digit", f"Did you mean '{PACKAGE}.Digits'?"),
        (
            "--model no_such_module.Net",
            "model: expected a class that can be imported, got 'no_such_module.Net'. There is",
        ),
        (
            f"-c widht.yaml {ALLOW}",
            f"Unknown argument of {PACKAGE}.Net (in widht.yaml): 'widht'. Did you mean 'width'?",
        ),
        (f"--model {PACKAGE}.PassesOn --model.widht 3", "(in --model.widht): 'widht'. Did you mean 'width'?"),
        (f"--model {PACKAGE}.Net --model.width abc", "model.width: expected a whole number, got 'abc'."),
        ("-c part.yaml --model MLP", "model: expected a class, as class_path with init_args (in part.yaml), got"),
        ("-c mlp_textbook -c wrong_part.yaml", "Unknown argument of MLP (in wrong_part.yaml): 'droput'. Did you mean"),
        ('--model {"class_path":"MLP","init_args":{"droput":1}}', "Unknown argument of MLP (in --model): 'droput'."),
        ("--model.class_path MLPP", "Unknown model class (in --model.class_path): 'MLPP'. Did you mean 'MLP'?"),
    ],
)
def test_a_mistake_is_said_with_its_place(words, said, own, error):
    (own / "wrong_module_of_a_test.py").write_text("class Net(:\n")
    (own / "widht.yaml").write_text(RECIPE.replace("width", "widht"))
    (own / "part.yaml").write_text("model: {init_args: {dropout: 0.2}}\n")
    (own / "wrong_part.yaml").write_text("model: {init_args: {droput: 0.2}}\n")
    assert said in error("fit", *words.split())
