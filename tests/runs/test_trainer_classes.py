"""Loggers and callbacks that a user names for the trainer: beside the run's own, with an effect, never a traceback."""

import logging

import pytest
import yaml
from lightning.pytorch.callbacks import EarlyStopping, ModelSummary, Timer
from lightning.pytorch.utilities.rank_zero import rank_zero_info

from dlcore.config.request import Flag
from dlcore.config.short_names import flag_with_full_name, with_full_names
from dlcore.errors import ArgumentError, FitError, UnknownNameError
from dlcore.runs import fit, prepare
from dlcore.runs.process import let_speak

ONE = "--trainer.max_epochs=1"


def callbacks(*names):
    return [f"--trainer.callbacks={names[0]}", *(f"--trainer.callbacks.{name}" for name in names[1:])]


def test_a_logger_that_is_given_stands_beside_the_runs_own(workplace, small):
    others = ("--trainer.logger=CSVLogger", "--trainer.logger.save_dir=theirs", "--trainer.logger.name=n")
    runs = [fit(*small, ONE, *others) for _ in range(2)]
    assert [run.folder.name for run in runs] == ["version_0", "version_1"]
    for number, run in enumerate(runs):
        there = {path.name for path in run.folder.rglob("*")}
        assert there >= {"config.yaml", "summary.md", "curves.png", "metrics.csv", "best.ckpt", "last.ckpt"}
        run.trainer.loggers[1].save()
        header = (workplace / "theirs" / "n" / f"version_{number}" / "metrics.csv").read_text().partition("\n")[0]
        assert "val/loss" in header.split(",")
        kept = yaml.safe_load((run.folder / "config.yaml").read_text(encoding="utf-8"))
        assert kept["trainer"]["logger"]["class_path"] == "lightning.pytorch.loggers.CSVLogger"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--trainer.logger=CSVLogger"], r"trainer\.logger\.save_dir: expected a value, which CSVLogger needs"),
        (callbacks("ThroughputMonitor"), r"trainer\.callbacks\.batch_size_fn: expected a value.* function"),
        (callbacks("DeviceStatMonitor"), r"Did you mean 'DeviceStatsMonitor'\?"),
        (["--trainer.logger=WandLogger"], r"\(in --trainer.logger\).*Did you mean 'WandbLogger'\?"),
        (callbacks("Timer", "interval=year"), r"^trainer.*Timer"),
    ],
)
def test_a_class_that_cannot_be_made_is_said_in_a_line(workplace, words, text):
    with pytest.raises((ArgumentError, UnknownNameError, FitError), match=text) as caught:
        prepare("fit", *words)
    assert "\n" not in str(caught.value)


def test_a_package_that_is_missing_is_said_in_a_line(workplace, monkeypatch):
    from lightning.pytorch.loggers import wandb

    monkeypatch.setattr(wandb, "_WANDB_AVAILABLE", Missing())
    with pytest.raises(FitError) as caught:
        prepare("fit", "--trainer.logger=WandbLogger")
    assert str(caught.value) == (
        "trainer.logger: WandbLogger needs the package wandb>=0.12.10, which is not installed. Install it: "
        "pip install -U 'wandb>=0.12.10'"
    )


class Missing:
    """A package that is not there, as Lightning says it."""

    def __bool__(self):
        return False

    def __str__(self):
        return "Requirement 'wandb>=0.12.10' not met. HINT: Try running `pip install -U 'wandb>=0.12.10'`"


def test_what_a_callback_of_lightnings_cannot_do_is_said_in_a_line(workplace, small):
    text = r"trainer\.callbacks: BackboneFinetuning: 'MLP' object has no attribute"
    with pytest.raises(FitError, match=text):
        fit(*small, ONE, *callbacks("BackboneFinetuning"))


def test_lightnings_spike_detection_sees_every_batch(workplace, small):
    run = fit(*small, ONE, *callbacks("SpikeDetection"))
    (spikes,) = [each for each in run.trainer.callbacks if type(each).__name__ == "SpikeDetection"]
    assert 0 < float(spikes.last_val) < 3
    assert spikes.bad_batches == []


def test_an_error_of_a_users_own_callback_is_its_authors(workplace, small):
    from lightning.pytorch import Callback

    class Wrong(Callback):
        def on_train_start(self, trainer, pl_module):
            raise AttributeError("mine")

    with pytest.raises(AttributeError, match="mine"):
        fit(*small, ONE, callbacks=[Wrong()])


def test_lightnings_checkpoints_lie_in_the_runs_folder(workplace, small):
    run = fit(*small, ONE, "--checkpoint=off", *callbacks("ModelCheckpoint"))
    assert [path.parent for path in workplace.rglob("*.ckpt")] == [run.folder / "checkpoints"]


def test_of_two_classes_of_one_name_lightnings_is_meant(workplace):
    made = prepare("fit", *callbacks("EarlyStopping", "monitor=val/loss", "patience=7")).trainer.callbacks
    assert [each.patience for each in made if type(each) is EarlyStopping] == [7]


def test_a_default_that_is_a_member_of_an_enumeration_is_kept_as_text(workplace):
    run = prepare("fit", *callbacks("Timer", "duration=00:00:10:00"))
    assert any(isinstance(callback, Timer) for callback in run.trainer.callbacks)
    assert run.config_dump["trainer"]["callbacks"][0]["init_args"]["interval"] == "step"


def test_a_progress_bar_of_the_users_stands_in_place_of_dlcores(workplace):
    run = prepare("fit", *callbacks("TQDMProgressBar"))
    assert type(run.trainer.progress_bar_callback).__name__ == "TQDMProgressBar"
    assert run.config_dump["progress_display"] is None


def test_names_in_lists_and_recipes_are_found_too():
    flag = flag_with_full_name(Flag("trainer.callbacks", '[{"class_path": "Timer"}, "LearningRateMonitor"]'))
    assert '"lightning.pytorch.callbacks.Timer"' in flag.value
    assert '"lightning.pytorch.callbacks.LearningRateMonitor"' in flag.value
    config = with_full_names({"trainer": {"callbacks": [{"class_path": "Timer"}], "logger": True}})
    assert config["trainer"] == {"callbacks": [{"class_path": "lightning.pytorch.callbacks.Timer"}], "logger": True}
    for name, value in (("trainer.logger", "false"), ("trainer.callbacks", "my.Own"), ("model", "MLP")):
        assert flag_with_full_name(Flag(name, value)).value == value


def test_only_callbacks_that_were_named_speak(caplog):
    names = [Timer.__module__, "lightning.pytorch.utilities.rank_zero", "lightning.fabric.utilities.rank_zero"]
    before = {name: logging.getLogger(name).level for name in [*names, ModelSummary.__module__]}
    try:
        let_speak([ModelSummary()])
        assert logging.getLogger(ModelSummary.__module__).isEnabledFor(logging.INFO)
        records = []
        logging.getLogger(names[1]).addFilter(records.append)
        rank_zero_info("chatter of the trainer's")
        assert not records
    finally:
        let_speak([])
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
