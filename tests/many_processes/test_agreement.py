"""Processes that were not started alike end at once, and say which differs in what; where data lie may differ."""

import csv
import random

import pytest
from world import World, same

from dlcore.runs.distributed.agreement import _difference

START = "dlcore: The processes of this training were not started alike. "


def table(folder, seed=0, rows=60):
    folder.mkdir()
    rng = random.Random(seed)
    with (folder / "rows.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["a", "b", "sick"])
        writer.writerows([rng.random(), rng.random(), rng.choice(["no", "yes"])] for _ in range(rows))
    return folder / "rows.csv"


def refused(work, own, first=()):
    world = World(work, [same(1, *first)[0], same(1, *own)[0]])
    assert world.end() == [2, 2], world.said()
    assert len(world.errors()) == 1, world.said()
    assert not list(work.glob("lightning_logs/*/version_*"))
    assert world.errors()[0].startswith(START)
    return world.errors()[0].removeprefix(START)


@pytest.mark.parametrize(
    ("own", "said"),
    [
        pytest.param(
            ["--data.batch_size=64"],
            "data.batch_size: 32 on process 0, 64 on process 1.",
            marks=pytest.mark.fault(
                "another batch size on one process", "… data.batch_size: 32 on process 0, 64 on process 1."
            ),
        ),
        pytest.param(
            ["--model.hidden_sizes=[8]"],
            "model.hidden_sizes: ",
            marks=pytest.mark.fault(
                "another network on one process", "… model.hidden_sizes: … on process 0, [8] on process 1"
            ),
        ),
        pytest.param(
            ["--seed_everything=7"],
            "seed_everything: 0 on process 0, 7 on process 1",
            marks=pytest.mark.fault("another seed on one process", "… seed_everything: 0 on process 0, 7 on process 1"),
        ),
        pytest.param(
            ["--trainer.max_epochs=3"],
            "trainer.max_epochs: 150 on process 0, 3 on process 1.",
            marks=pytest.mark.fault(
                "another length on one process", "… trainer.max_epochs: 150 on process 0, 3 on process 1."
            ),
        ),
    ],
)
def test_another_setting_on_one_process_is_refused(tmp_path, own, said):
    assert refused(tmp_path, own).startswith(said)


def of(path):
    return [f"--data.path={path}", "--data.target=sick"]


@pytest.mark.fault(
    "other data on one process: a copy that is old",
    "… data.path: … on process 0, … on process 1; data, train: 36 samples (…) on process 0, …",
)
def test_other_data_on_one_process_are_refused(tmp_path):
    one, two = table(tmp_path / "one"), table(tmp_path / "two", seed=1)
    said = refused(tmp_path, of(two), of(one))
    assert said.startswith("data.path: ")
    assert "; data, train: 36 samples (" in said


def test_data_that_lie_elsewhere_are_no_difference(tmp_path):
    one, two = table(tmp_path / "one"), table(tmp_path / "two")
    world = World(tmp_path, [same(1, *of(path), "--trainer.max_epochs=1")[0] for path in (one, two)])
    assert world.end() == [0, 0], world.said()


def test_a_difference_names_the_first_process_with_each_value():
    everyone = [{"a": "1"}, {"a": "1"}, {"a": "2"}, {}]
    assert _difference("a", everyone) == "a: 1 on process 0, 2 on process 2, not set on process 3"
