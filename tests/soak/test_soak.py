"""A thousand fits in one process, and a run that is killed two hundred times; shortened by default."""

import json
import statistics
from pathlib import Path

import pytest
import torch
from killed_run import first_differences, points, train_killed, train_whole
from many_fits import measure_fits, write_numbers

from dlcore.errors import CheckpointError
from dlcore.runs.checkpoint_file import read_checkpoint
from dlcore.tracking import read_metrics
from dlcore.tracking.timeline import read_events

COUNTED = ("files", "threads", "children", "temporary", "alive")


def slope(values):
    """By how much a value grows from fit to fit."""
    return statistics.linear_regression(range(len(values)), values).slope


@pytest.mark.parametrize(
    ("fits", "settled", "bound"),
    [
        # The first fits fill caches (fonts, parsers, kernels): what they leave is not held against them.
        pytest.param(12, 8, None, id="few", marks=pytest.mark.matrix),
        pytest.param(1000, 500, 20_000, id="thousand", marks=pytest.mark.soak),
    ],
)
@pytest.mark.timeout(3600)
def test_fits_leave_nothing_behind_in_their_process(tmp_path, fits, settled, bound):
    measured = measure_fits(tmp_path, fits, seconds=3.0 * fits + 60)
    for number in (1, 100, 500, 1000):
        if number <= fits:
            print(number, json.dumps(measured[number - 1]))
    last = measured[settled:]
    for name in COUNTED:
        assert max(each[name] for each in last) <= max(each[name] for each in measured[:settled]), name
    grows = slope([each["rss"] for each in last])
    print(f"memory grows by {grows:,.0f} bytes a fit")
    if bound is not None:  # a few fits are too few to tell a slope from noise
        assert grows < bound


def is_resumable(folder: Path) -> bool:
    """Whether a run's last state, or the one before it, is whole; True too where none has been written yet."""
    files = [folder / "checkpoints" / name for name in ("last.ckpt", "previous.ckpt")]
    there = [path for path in files if path.exists()]
    for path in there:
        try:
            read_checkpoint(path)
        except CheckpointError:
            continue
        return True
    return not there


@pytest.mark.parametrize(
    ("kills", "epochs"),
    [
        pytest.param(3, 40, id="few", marks=pytest.mark.matrix),
        pytest.param(200, 1200, id="two-hundred", marks=pytest.mark.soak),
    ],
)
@pytest.mark.timeout(3600)
def test_a_run_that_is_killed_again_and_again_ends_as_if_it_never_was(tmp_path, kills, epochs):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for work in (whole, killed):
        work.mkdir()
        write_numbers(work / "numbers.csv")
    train_whole(whole, epochs, seconds=1800)

    def look(folder: Path) -> None:
        assert is_resumable(folder)
        read_events(folder)
        if (folder / "metrics.csv").exists():
            read_metrics(folder)

    went = train_killed(killed, epochs, kills, seed=kills, seconds=1800, after_kill=look)
    print(went)

    mine, theirs = killed / "run", whole / "run"
    assert first_differences(read_metrics(mine), read_metrics(theirs)) == {}
    assert points(mine) == points(theirs)
    states = [read_checkpoint(folder / "checkpoints" / "last.ckpt") for folder in (mine, theirs)]
    assert states[0]["global_step"] == states[1]["global_step"]
    for name, weights in states[1]["state_dict"].items():
        assert torch.equal(states[0]["state_dict"][name], weights), name
    assert (mine / "layers.csv").read_text() == (theirs / "layers.csv").read_text()
    left_over = [str(path) for path in mine.rglob("*") if path.name.endswith(".tmp") or path.name.startswith(".")]
    assert left_over == []
    assert {path.name for path in mine.iterdir()} - {path.name for path in theirs.iterdir()} == {
        path.name for path in mine.iterdir() if path.name.startswith("events.out") and path not in theirs.iterdir()
    }
