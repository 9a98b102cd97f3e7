"""Two processes at one place: each gets its own, or the second one is told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from forked_command import FIT, beside, command, until_there, wait_for

from dlcore.tracking import read_metrics

RUNS = Path("lightning_logs/mlp_table_binary")


@pytest.mark.fault(
    "A run is resumed while it still trains in another process",
    "“…/version_0: another process trains this run. Wait for it, or end it (Ctrl-C saves); …”",
)
def test_a_run_that_still_trains_is_not_resumed(work):
    end = beside(work, *FIT, at_step=(8, wait_for, "go"))
    until_there(work / "here")
    (work / "second").mkdir()
    second = command(
        work / "second", "fit", f"--ckpt_path={work / RUNS / 'version_0'}", f"--data.path={work}/numbers.csv"
    )
    second.check(2, "version_0: another process trains this run. Wait for it, or end it (Ctrl-C saves)")
    (work / "go").touch()
    end().check(0, "12 steps in all")
    assert read_metrics(work / RUNS / "version_0")["step"] == [float(step) for step in range(1, 13)]
    command(work, "fit", "--ckpt_path=last", "--trainer.max_epochs=4").check(0)  # it is free again


def die_at_once():
    os.kill(os.getpid(), 9)


@pytest.mark.fault("The process that trains a run is killed (SIGKILL)", "its folder is free: the run goes on")
def test_a_killed_process_holds_no_folder(work):
    assert command(work, *FIT, at_step=(5, die_at_once)).code == -9
    command(work, "fit", "--ckpt_path=last").check(0, "goes on from step 4")


@pytest.mark.fault("Two trainings of a recipe are started at once", "each has a folder of its own")
def test_two_starts_get_two_folders(work):
    other = work.parent / "other"
    other.mkdir()
    (other / "numbers.csv").write_bytes((work / "numbers.csv").read_bytes())
    place = f"--trainer.default_root_dir={work}"
    end = beside(other, *FIT, place)
    command(work, *FIT, place).check(0)
    end().check(0)
    for number in (0, 1):
        assert read_metrics(work / RUNS / f"version_{number}")["step"][-1] == 12.0
