"""What a run keeps of its settings: paths that hold from anywhere, what callbacks found; a folder that is read only."""

import errno
import os

import pytest
import yaml
from lightning.pytorch import LightningModule
from lightning.pytorch.callbacks import BatchSizeFinder, LearningRateFinder

from dlcore.cli import panels
from dlcore.errors import ArgumentError
from dlcore.runs import evaluation_files as report
from dlcore.runs import fit, predict, predictions, prepare
from dlcore.runs import test as evaluate
from dlcore.runs.folder import with_absolute_paths
from dlcore.runs.found_settings import check_finders
from dlcore.tracking import run_file

ONE = "--trainer.max_epochs=1"


def config_of(run):
    return yaml.safe_load((run.folder / "config.yaml").read_text(encoding="utf-8"))


def write_table(file):
    file.write_text("a,b,答案\n" + "".join(f"{n % 7},{n % 5},{'是' if n % 7 > 3 else '否'}\n" for n in range(60)))


def test_a_relative_path_is_kept_so_that_test_and_resume_work_from_another_folder(workplace, monkeypatch):
    write_table(workplace / "表.csv")
    words = ("-c", "mlp_table_binary", "--data.path=表.csv", "--progress_display=off")
    run = fit(*words, ONE)
    assert config_of(run)["data"]["init_args"]["path"] == str(workplace / "表.csv")
    (workplace / "elsewhere").mkdir()
    monkeypatch.chdir(workplace / "elsewhere")
    last = str(run.folder / "checkpoints" / "last.ckpt")
    assert evaluate("--ckpt_path", last).output
    assert fit("--ckpt_path", last, "--trainer.max_epochs=2").trainer.current_epoch == 2
    monkeypatch.chdir(workplace)
    # The same file, typed as before, is no other setting.
    changes = prepare("fit", "--ckpt_path", last, *words, "--trainer.max_epochs=2").changes
    assert [line for line in changes if line.startswith("data.")] == []


def test_only_files_that_are_there_become_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    kept = {"root": ["there", "*.txt", "gone"], "task": "there", "train_dir": "there", "weights": "DEFAULT"}
    done = with_absolute_paths({"data": {"class_path": "X", "init_args": kept}, "model": None})
    assert done["data"]["init_args"] == {
        "root": [str(tmp_path / "there"), str(tmp_path / "*.txt"), "gone"],
        "task": "there",
        "train_dir": str(tmp_path / "there"),
        "weights": "DEFAULT",
    }


def test_a_batch_size_that_was_found_is_in_the_config_in_place_of_the_finder(workplace, small, capsys):
    finder = (
        "--trainer.callbacks=BatchSizeFinder",
        "--trainer.callbacks.max_val=64",
        "--trainer.callbacks.init_val=16",
    )
    run = fit(*small, ONE, *finder)
    assert run.datamodule.batch_size == 64
    config = config_of(run)
    assert config["data"]["init_args"]["batch_size"] == 64
    assert config["trainer"]["callbacks"] is None
    assert "data.batch_size: 64 (BatchSizeFinder) instead of 50." in capsys.readouterr().out
    assert "batch size 64" in (run.folder / "summary.md").read_text(encoding="utf-8")
    resumed = prepare("fit", "--ckpt_path", str(run.folder / "checkpoints" / "last.ckpt"))
    assert resumed.datamodule.batch_size == 64
    assert not any(isinstance(callback, BatchSizeFinder) for callback in resumed.trainer.callbacks)


def test_a_learning_rate_is_not_sought_where_it_cannot_be_found(workplace):
    with pytest.raises(ArgumentError, match=r"MLP, which has no attribute lr.*python -m dlcore lr_find"):
        prepare("fit", "--trainer.callbacks=LearningRateFinder")


def test_a_learning_rate_is_not_sought_where_the_module_takes_its_steps_itself():
    module = LightningModule()
    module.automatic_optimization = False
    with pytest.raises(ArgumentError, match=r"manual optimisation.*python -m dlcore lr_find"):
        check_finders([LearningRateFinder()], module)


@pytest.fixture
def read_only_run(workplace, small, monkeypatch):
    """The last checkpoint of a run whose folder may only be read, also by root."""
    run = fit(*small, ONE, "--progress_display=off")

    write = report.replace_file

    def refuse(path, content):
        if not path.resolve().is_relative_to(run.folder.resolve()):
            return write(path, content)
        with run_file.writing(path):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(report, "replace_file", refuse)
    monkeypatch.setattr(predictions.os, "access", lambda path, mode: False)
    return run.folder / "checkpoints" / "last.ckpt"


def test_a_test_of_a_run_that_may_only_be_read_prints_its_metrics(read_only_run, small, capsys):
    command = evaluate("--ckpt_path", str(read_only_run), *small[3:5])
    capsys.readouterr()
    panels.print_end(command, 1.0)
    said = capsys.readouterr().out
    assert f"test/accuracy  {command.output[0]['test/accuracy']:.4f}" in said
    files = "test.json, confusion_matrix.png, test.png, report.html"
    assert f"could not be written: Read-only file system ({files})." in said


def test_predictions_of_a_run_that_may_only_be_read_lie_in_the_working_folder(read_only_run, workplace, capsys):
    command = predict("--ckpt_path", str(read_only_run), "--trainer.limit_predict_batches=1")
    capsys.readouterr()
    panels.print_end(command, 1.0)
    said = capsys.readouterr().out
    assert (workplace / "predictions.csv").is_file()
    assert "kept in      predictions.csv" in said
    assert "its folder may only be read" in said
