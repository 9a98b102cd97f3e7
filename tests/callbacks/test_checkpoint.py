import math
import os
import threading
from pathlib import Path

import pytest
import torch
from lightning.fabric.plugins.io import TorchCheckpointIO
from lightning.pytorch import Callback
from scripted_model import ScriptedModel

from dlcore.callbacks import Checkpoint
from dlcore.errors import ArgumentError
from dlcore.runs.checkpoint_file import AtomicCheckpointIO
from dlcore.tracking.run_logger import RunLogger

NAN = math.nan
STEPS = 2  # of an epoch of 20 samples


class WritesInPlace(TorchCheckpointIO):
    """Writes into the file that is there, as some writers do."""

    def save_checkpoint(self, checkpoint, path, storage_options=None):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with Path(path).open("wb") as file:
            torch.save(checkpoint, file)


@pytest.fixture
def fit(tiny_data, make_trainer, tmp_path):
    """Train with given values of val/loss; give the callback. Its folder is tmp_path/kept, if nothing else is said."""

    def fit(values, ckpt_path=None, folder="kept", trainer=None, **settings):
        callback = Checkpoint(**{"dirpath": str(tmp_path / folder), **settings})
        callbacks = [callback, *(trainer or {}).pop("callbacks", [])]
        made = make_trainer(
            enable_checkpointing=True, callbacks=callbacks, **{"max_epochs": len(values), **(trainer or {})}
        )
        made.fit(ScriptedModel(values), tiny_data(size=20), ckpt_path=ckpt_path, weights_only=True)
        return callback

    return fit


def step_of(path):
    return torch.load(path, weights_only=True)["global_step"]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


# The best and the last


@pytest.mark.parametrize("plugins", [[AtomicCheckpointIO()], [TorchCheckpointIO()], [WritesInPlace()]])
@pytest.mark.parametrize(
    ("mode", "values", "best_epoch"),
    [
        ("min", [0.9, 0.5, 0.7, 0.4, 0.6], 4),
        ("max", [0.5, 0.9, 0.7, 0.4], 2),
        ("min", [0.5, 0.5], 1),  # an equal one is no better
        ("min", [NAN, 0.9, NAN, 1.0], 2),
        ("max", [0.5, 0.6, 0.7], 3),
    ],
)
def test_best_stays_what_it_was_when_last_is_written_again(mode, values, best_epoch, plugins, fit, tmp_path):
    callback = fit(values, monitor="val/accuracy" if mode == "max" else "val/loss", trainer={"plugins": plugins})
    assert names(tmp_path / "kept") == ["best.ckpt", "last.ckpt", "previous.ckpt"]
    assert step_of(callback.last_model_path) == len(values) * STEPS
    assert step_of(tmp_path / "kept" / "previous.ckpt") == (len(values) - 1) * STEPS
    assert step_of(callback.best_model_path) == best_epoch * STEPS
    assert callback.best == pytest.approx(values[best_epoch - 1])
    assert (callback.best_epoch, callback.best_step) == (best_epoch, best_epoch * STEPS)
    weights = torch.load(callback.best_model_path, weights_only=True)["callbacks"][callback.state_key]
    assert weights["best_epoch"] == best_epoch  # its own state says that it is the best


def test_best_and_last_are_one_file_where_they_are_the_same_state(fit, tmp_path):
    fit([0.9, 0.8])
    assert (tmp_path / "kept" / "best.ckpt").samefile(tmp_path / "kept" / "last.ckpt")


def test_where_files_cannot_have_two_names_best_is_a_copy(fit, tmp_path, monkeypatch):
    def refuse(*args):
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    callback = fit([0.9, 0.8, 0.85])
    assert names(tmp_path / "kept") == ["best.ckpt", "last.ckpt", "previous.ckpt"]
    assert step_of(callback.best_model_path) == 2 * STEPS


def test_without_a_value_that_is_a_number_there_is_no_best(fit, tmp_path):
    callback = fit([NAN, NAN])
    assert names(tmp_path / "kept") == ["last.ckpt", "previous.ckpt"]
    assert (callback.best, callback.best_model_path) == (None, "")


def test_each_validation_and_each_epoch_is_kept(fit):
    class Watch(Callback):
        """After the checkpoint callback of this trainer."""

        seen: list

        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            path = trainer.checkpoint_callback.last_model_path
            self.seen.append(step_of(path) if path else 0)

    watch = Watch()
    watch.seen = []
    callback = fit([1.0, 1.0], trainer={"callbacks": [watch]})
    assert watch.seen == [0, 0, 2, 2]
    assert step_of(callback.last_model_path) == 4
    watch.seen = []
    fit([None, 1.0, None], folder="second", trainer={"callbacks": [watch], "check_val_every_n_epoch": 2})
    assert watch.seen == [0, 0, 2, 2, 4, 4]


def test_every_n_steps_writes_within_an_epoch(tiny_data, make_trainer, tmp_path):
    written = []

    class Notes(AtomicCheckpointIO):
        def save_checkpoint(self, checkpoint, path, storage_options=None):
            super().save_checkpoint(checkpoint, path, storage_options)
            written.append(checkpoint["global_step"])

    callback = Checkpoint(every_n_steps=3, dirpath=str(tmp_path / "kept"))
    make_trainer(enable_checkpointing=True, max_epochs=2, callbacks=[callback], plugins=[Notes()]).fit(
        ScriptedModel([1.0, 1.0]), tiny_data()
    )
    assert written == [3, 6, 7, 9, 12, 14]  # an epoch has seven steps


def test_test_and_fit_find_the_best_by_lightnings_names(tiny_data, make_trainer, tmp_path):
    model, data = ScriptedModel([0.5, 0.9]), tiny_data(size=20)
    callback = Checkpoint(dirpath=str(tmp_path / "kept"))
    trainer = make_trainer(enable_checkpointing=True, max_epochs=2, callbacks=[callback])
    trainer.fit(model, data)
    trainer.test(model, data, ckpt_path="best", weights_only=True, verbose=False)
    best = torch.load(tmp_path / "kept" / "best.ckpt", weights_only=True)["state_dict"]
    assert torch.equal(model.network.output.weight, best["network.output.weight"])


# Resuming


def test_a_resumed_run_compares_with_the_best_before(fit, tmp_path):
    fit([0.9, 0.5, 0.7])
    callback = fit([0.9, 0.5, 0.7, 0.6, 0.55], ckpt_path=tmp_path / "kept" / "last.ckpt")
    assert (callback.best, callback.best_epoch) == (0.5, 2)
    assert step_of(callback.best_model_path) == 2 * STEPS
    assert step_of(callback.last_model_path) == 5 * STEPS


def test_a_run_that_branches_off_has_a_best_of_its_own(fit, tmp_path):
    fit([0.9, 0.5, 0.7])
    callback = fit([0.9, 0.5, 0.7, 0.6, 0.65], ckpt_path=tmp_path / "kept" / "last.ckpt", folder="branch")
    assert (callback.best, callback.best_epoch) == (pytest.approx(0.6), 4)
    assert step_of(tmp_path / "branch" / "best.ckpt") == 4 * STEPS


def test_another_metric_has_a_best_of_its_own(fit, tmp_path):
    fit([0.9, 0.5, 0.7])
    with pytest.warns(UserWarning, match="Checkpoint{'monitor': 'val/loss'}"):  # Lightning's own: a state is not used
        callback = fit([0.9, 0.5, 0.7, 0.6], ckpt_path=tmp_path / "kept" / "last.ckpt", monitor="val/accuracy")
    assert (callback.best, callback.best_epoch) == (pytest.approx(0.6), 4)


@pytest.mark.fault(
    "A killed process left a half-written checkpoint",
    "it is removed at the next start; other files stay",
)
def test_what_a_killed_process_left_of_its_writing_is_removed(fit, tmp_path):
    (tmp_path / "kept").mkdir()
    for name in (".last.tmp.4242.tmp", "last.tmp", "mine.txt"):
        (tmp_path / "kept" / name).write_text("")
    fit([0.9])
    assert names(tmp_path / "kept") == ["best.ckpt", "last.ckpt", "mine.txt"]


# The folder


def test_the_folder_is_that_of_the_run(fit, tmp_path):
    fit([0.9], dirpath=None, trainer={"logger": RunLogger(tmp_path / "run", "recipe")})
    assert names(tmp_path / "run" / "checkpoints") == ["best.ckpt", "last.ckpt"]


@pytest.mark.filterwarnings("ignore:You called `self.log.*have no logger configured")
@pytest.mark.parametrize("trainer", [{"logger": False}, {}, {"fast_dev_run": True}], ids=["no logger", "memory", "dev"])
def test_a_run_without_a_folder_writes_nothing(trainer, fit, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    dirpath = str(tmp_path / "kept") if "fast_dev_run" in trainer else None
    callback = fit([0.9, 0.8], dirpath=dirpath, every_n_steps=1, trainer=trainer)
    assert list(tmp_path.iterdir()) == []
    assert (callback.best_model_path, callback.last_model_path) == ("", "")
    assert callback.best is not None  # it is known all the same


# Errors


def test_a_monitor_that_nothing_logs_is_an_error_with_its_argument(fit):
    with pytest.raises(ArgumentError, match=r"^checkpoint\.monitor: .*Did you mean 'val/loss'"):
        fit([1.0, 1.0], monitor="val/los", mode="min")


@pytest.mark.parametrize(("argument", "value"), [("mode", "up"), ("every_n_steps", 0)])
def test_an_impossible_argument_is_named(argument, value):
    with pytest.raises(ArgumentError) as caught:
        Checkpoint(**{argument: value})
    assert caught.value.argument == argument


def test_trains_outside_of_the_main_thread_too(fit, tmp_path):
    thread = threading.Thread(target=fit, args=([0.9],))
    thread.start()
    thread.join()
    assert names(tmp_path / "kept") == ["best.ckpt", "last.ckpt"]
