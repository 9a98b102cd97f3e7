"""Run folders: numbered, never shared."""

import os
import subprocess
import sys
import time

import pytest

from dlcore.runs.folder import run_folders, run_of_checkpoint, runs_root
from dlcore.tracking import run_file
from dlcore.tracking.run_file import new_run_folder, run_version


def test_versions_count_up(tmp_path):
    made = [new_run_folder(tmp_path, "recipe") for _ in range(3)]
    assert [run.name for run in made] == ["version_0", "version_1", "version_2"]
    assert run_version(made[2]) == 2


def test_a_gap_is_not_filled(tmp_path):
    (tmp_path / "recipe" / "version_7").mkdir(parents=True)
    assert new_run_folder(tmp_path, "recipe").name == "version_8"


def test_chinese_names(tmp_path):
    assert new_run_folder(tmp_path, "宋词").parent.name == "宋词"


@pytest.mark.process
@pytest.mark.fault(
    "Eight trainings are started in the same moment",
    "each has a folder of its own",
)
def test_eight_processes_at_once_get_eight_folders(tmp_path):
    # The file itself, without its package: eight imports of torch at once would take minutes.
    code = (
        "import pathlib, runpy, sys, time\n"
        "make = runpy.run_path(sys.argv[3])['new_run_folder']\n"
        "time.sleep(max(0, float(sys.argv[2]) - time.time()))\n"
        "print(make(pathlib.Path(sys.argv[1]), 'recipe').name)"
    )
    words = [sys.executable, "-c", code, str(tmp_path), str(time.time() + 1), run_file.__file__]
    processes = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(8)]
    names = [process.communicate(timeout=60)[0].strip() for process in processes]
    assert sorted(names) == [f"version_{number}" for number in range(8)]


def test_newest_run_is_the_one_whose_checkpoint_was_written_last(tmp_path):
    first, second = (new_run_folder(tmp_path, name) for name in ("a", "b"))
    for run, when in ((first, 2000), (second, 1000)):
        (run / "checkpoints").mkdir()
        (run / "checkpoints" / "last.ckpt").touch()
        os.utime(run / "checkpoints" / "last.ckpt", (when, when))
    assert run_folders(tmp_path)[-1] == first
    assert run_folders(tmp_path, "b") == [second]


def test_run_of_a_checkpoint(tmp_path):
    run = new_run_folder(tmp_path, "recipe")
    (run / "checkpoints").mkdir()
    checkpoint = run / "checkpoints" / "last.ckpt"
    assert run_of_checkpoint(checkpoint) is None
    (run / "config.yaml").touch()
    assert run_of_checkpoint(checkpoint) == run
    assert run_of_checkpoint(None) is None


def test_root(tmp_path):
    assert str(runs_root()) == "lightning_logs"
    assert runs_root(tmp_path) == tmp_path / "lightning_logs"
