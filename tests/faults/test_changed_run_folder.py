"""A run's folder in which somebody has changed, cut or removed files: what can go on does, what is lost is said."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from forked_command import FIT, command
from sick_table import write_numbers

from dlcore.tracking import read_metrics

RUN = Path("lightning_logs/mlp_table_binary/version_0")
GO_ON = ("fit", "--ckpt_path=last", "--trainer.max_epochs=5")


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A working folder with a finished run; its copies read the table that is in it."""
    folder = tmp_path_factory.mktemp("finished") / "work"
    folder.mkdir()
    write_numbers(folder / "numbers.csv")
    command(folder, *FIT).check(0)
    return folder


@pytest.fixture
def trained(work, finished):
    """A working folder with a finished run, whose folder is given."""
    shutil.copytree(finished / "lightning_logs", work / "lightning_logs")
    return work / RUN


@pytest.fixture
def trained_here(work):
    """The same, of a run on the table of this folder."""
    command(work, *FIT).check(0)


def first_share(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


@pytest.mark.fault(
    "metrics.csv is replaced by another table before the run goes on",
    "“…/metrics.csv, line 1: this is not a table of metrics as dlcore writes it … Move the file away.”",
)
def test_another_table_in_the_place_of_metrics(work, trained):
    (trained / "metrics.csv").write_text("hello,world\n1,2\n")
    command(work, *GO_ON).check(2, "metrics.csv, line 1: this is not a table of metrics", "Move the file away.")
    assert (trained / "metrics.csv").read_text() == "hello,world\n1,2\n"


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        pytest.param(
            lambda run: first_share(run / "metrics.csv", 0.5),
            "metrics.csv ends at step 5 and TensorBoard's file ends at step 12, but the run goes on from step 12",
            marks=pytest.mark.fault(
                "metrics.csv is cut by somebody before the run goes on",
                "the run goes on, with “warning: …: metrics.csv ends at step 5 and TensorBoard's file ends at step 12 …"
                " its curves have a hole”",
            ),
        ),
        pytest.param(
            lambda run: (run / "metrics.csv").unlink(),
            "metrics.csv holds no step and TensorBoard's file ends at step 12",
            marks=pytest.mark.fault("metrics.csv is removed before the run goes on", "the same warning"),
        ),
        pytest.param(
            lambda run: first_share(next(run.glob("events.out*")), 0.05),
            "metrics.csv ends at step 12 and TensorBoard's file",
            marks=pytest.mark.fault("TensorBoard's event file is cut before the run goes on", "the same warning"),
        ),
    ],
)
def test_a_hole_in_the_curves_is_said(work, trained, harm, said):
    harm(trained)
    command(work, *GO_ON).check(0, said, "its curves have a hole")
    assert read_metrics(trained)["step"][-1] == 20.0


@pytest.mark.parametrize(
    ("name", "said"),
    [
        pytest.param(
            "events.jsonl",
            "events.jsonl, line 1: this is no event as dlcore writes it",
            marks=pytest.mark.fault(
                "events.jsonl holds something else", "“…/events.jsonl, line 1: this is no event …”"
            ),
        ),
        pytest.param(
            "layers.csv",
            "layers.csv: expected a table with the columns step, epoch, layer",
            marks=pytest.mark.fault("layers.csv holds something else", "“…/layers.csv: expected a table with …”"),
        ),
        pytest.param(
            "distributions.json",
            "distributions.json: cannot be read as histograms of a run",
            marks=pytest.mark.fault(
                "distributions.json holds something else", "“…/distributions.json: cannot be read as histograms …”"
            ),
        ),
    ],
)
def test_a_file_of_another_kind_is_named_and_left_alone(work, trained, name, said):
    (trained / name).write_text("junk\n")
    command(work, *GO_ON).check(2, said)
    assert (trained / name).read_text() == "junk\n"


@pytest.mark.fault(
    "config.yaml is missing when a run is explained", "what can be told without it, and that it is missing"
)
def test_explain_without_config(work, trained):
    (trained / "config.yaml").unlink()
    command(work, "explain").check(0, "Without config.yaml the settings are not known: remedies are in words.")


@pytest.mark.fault("config.yaml is missing when runs are compared", "the comparison of their metrics")
def test_compare_without_config(work, trained):
    command(work, *FIT, "--model.dropout=0.1").check(0)
    (trained / "config.yaml").unlink()
    command(work, "compare", "mlp_table_binary/version_0", "mlp_table_binary/version_1").check(0, "last val/loss")


@pytest.mark.fault("config.yaml is damaged", "“…/config.yaml:2:1: expected ',' or ']' … (a bracket is never closed)”")
def test_explain_with_a_damaged_config(work, trained):
    (trained / "config.yaml").write_text("a: [1\n")
    command(work, "explain").check(2, "config.yaml:2:1: expected ',' or ']'")


@pytest.mark.fault(
    "The folder checkpoints/ holds no checkpoint", "“…/version_0: expected a whole checkpoint, but there is none.”"
)
def test_a_run_without_checkpoints(work, trained):
    for path in (trained / "checkpoints").iterdir():
        path.unlink()
    command(work, "fit", f"--ckpt_path={RUN}").check(2, "version_0: expected a whole checkpoint, but there is none.")
    command(work, *GO_ON).check(2, "--ckpt_path last: expected a checkpoint among the runs in lightning_logs")


@pytest.mark.fault(
    "All checkpoints are empty files", "each is named: “…/last.ckpt: … the file (0 bytes) is cut short …”"
)
def test_a_run_whose_checkpoints_are_all_empty(work, trained):
    for path in (trained / "checkpoints").iterdir():
        path.write_bytes(b"")
    command(work, *GO_ON).check(2, "last.ckpt: expected a checkpoint, but the file (0 bytes) is cut short, damaged")


def make_newer(checkpoint):
    checkpoint["dlcore"]["version"] = "99.0"
    checkpoint["dlcore"]["config"]["model"]["init_args"]["gizmo"] = 3


def edit_checkpoints(run, change):
    for path in (run / "checkpoints").iterdir():
        checkpoint = torch.load(path, weights_only=True)
        change(checkpoint)
        torch.save(checkpoint, path)


@pytest.mark.fault(
    "A checkpoint was written by a newer dlcore",
    "“warning: …/last.ckpt was written by dlcore 99.0, which is newer than this one …”, and the run goes on if it can",
)
def test_a_newer_checkpoint_is_said_to_be_one(work, trained):
    edit_checkpoints(trained, lambda checkpoint: checkpoint["dlcore"].update(version="99.0"))
    command(work, *GO_ON).check(0, "was written by dlcore 99.0, which is newer than this one (0.1.0)")
    edit_checkpoints(trained, make_newer)
    command(work, *GO_ON).check(2, "was written by dlcore 99.0", "Unknown argument of MLP: 'gizmo'.")


@pytest.mark.fault(
    "The table was changed between start and resume",
    "“numbers.csv: expected the rows of the training, got a file that was changed since or another one …”",
)
def test_a_checkpoint_of_other_rows(work, trained_here):
    text = (work / "numbers.csv").read_text()
    (work / "numbers.csv").write_text(text.replace("yes", "perhaps", 1))
    command(work, *GO_ON).check(2, "numbers.csv: expected the rows of the training, got a file that was changed since")


@pytest.mark.fault(
    "The table is gone when the run goes on",
    "“data.path: expected a table's file, got '…/numbers.csv'. …”",
)
def test_a_checkpoint_whose_data_are_gone(work, trained_here):
    (work / "numbers.csv").unlink()
    command(work, *GO_ON).check(
        2,
        f"data.path: expected a table's file, got '{work / 'numbers.csv'}'. It is not there.",
    )


def remove_runs():
    shutil.rmtree("lightning_logs")


@pytest.mark.fault(
    "The run's folder is removed while it trains",
    "“…/events.out.tfevents…: could not be written: it no longer exists. …”; exit code 2",
)
def test_a_folder_that_is_removed_while_training(work):
    ended = command(work, *FIT, at_step=(5, remove_runs))
    ended.check(
        2, "could not be written: it no longer exists.", "Somebody removed it, or its folder, while it was in use."
    )


def forbid_writing():
    import os

    for path in (Path(), *Path().rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    if not os.getuid():
        os.setuid(65534)  # root may write everywhere


@pytest.mark.fault(
    "The run's folder becomes read-only while it trains", "“…: could not be written: Permission denied. … Go on: …”"
)
def test_a_folder_that_becomes_read_only_while_training(work):
    for folder in (work, *work.parents):
        if folder.is_relative_to("/tmp") and len(folder.parts) > 2:
            folder.chmod(0o755)
    ended = command(work, *FIT, at_step=(5, forbid_writing))
    for path in (work, *work.rglob("*")):
        path.chmod(0o755)
    ended.check(2, "could not be written: Permission denied. What was there before is kept.")
    command(work, "fit", "--ckpt_path=last").check(0, "goes on from step 4")
