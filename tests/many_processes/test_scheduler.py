"""SLURM's tasks find each other and a requeued job goes on; a named launch goes on; a user's page is right."""

import itertools
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml
from world import TABLE, World, by_srun, same, weights

from dlcore.config.request import read_request
from dlcore.errors import ArgumentError
from dlcore.runs import fit
from dlcore.runs.distributed import restart

PAGE = (Path(__file__).parents[2] / "docs" / "scaling.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)
COMMAND = re.compile(r"-m\s+dlcore\s+(fit[^#&\n]*)")


def test_two_tasks_of_srun_train_and_a_requeued_job_goes_on(tmp_path):
    words = same(2, "--trainer.max_epochs=2")
    first = World(tmp_path, words, launcher=by_srun, variables={"SLURM_JOB_ID": "77"})
    assert first.end() == [0, 0], first.said()
    assert "2 processes" in first.said(0)
    assert weights(tmp_path)["step"] == 12
    variables = {"SLURM_JOB_ID": "77", "SLURM_RESTART_COUNT": "1"}
    again = World(tmp_path, same(2, "--trainer.max_epochs=3"), launcher=by_srun, variables=variables)
    assert again.end() == [0, 0], again.said()
    assert "goes on from its last checkpoint" in again.said(0)
    assert weights(tmp_path)["step"] == 18  # there is one folder still
    other = World(tmp_path, words, launcher=by_srun, variables={"SLURM_JOB_ID": "78"})
    assert other.end() == [0, 0], other.said()
    assert len(list(tmp_path.glob("lightning_logs/*/version_1"))) == 1


@pytest.mark.fault("SLURM's --ntasks without --ntasks-per-node", "dlcore: SLURM: You set `--ntasks=2` in your SLURM …")
def test_what_slurm_was_asked_wrongly_is_one_line(tmp_path):
    world = World(tmp_path, same(2), launcher=Without())
    assert world.end() == [2, 2], world.said()
    assert world.said(0).startswith("dlcore: SLURM: You set `--ntasks=2`")


class Without:
    """srun's variables but for one; a class, since forked processes cannot be given a function in a function."""

    def __call__(self, *words):
        variables = by_srun(*words)
        del variables["SLURM_NTASKS_PER_NODE"]
        return variables


@pytest.fixture
def launch(workplace, monkeypatch, one_thread, capsys):
    """A fit in a launch of its own, by name; what it has printed."""

    def start(name, *words):
        monkeypatch.setattr(restart, "_commands", itertools.count())  # as a new process counts
        monkeypatch.setenv("DLCORE_RUN_ID", name)
        command = fit(*TABLE, *words)
        monkeypatch.delenv("DLCORE_ATTEMPT", raising=False)
        return command, capsys.readouterr().out

    monkeypatch.setenv("DLCORE_ATTEMPT", "")
    return start


def test_a_launch_of_the_same_name_goes_on(launch):
    first, said = launch("job", "--trainer.max_epochs=1")
    assert "Started again" not in said
    again, said = launch("job", "--trainer.max_epochs=2")
    assert again.folder == first.folder
    assert (first.trainer.global_step, again.trainer.global_step) == (11, 22)
    assert f"Started again: the run in {first.folder} goes on from its last checkpoint." in said
    other, said = launch("another", "--trainer.max_epochs=1")
    assert other.folder != first.folder
    assert "Started again" not in said


def test_without_checkpoints_a_launch_begins_anew_in_the_same_folder_and_says_so(launch):
    first, _ = launch("job", "--trainer.max_epochs=2", "--checkpoint=off")
    again, said = launch("job", "--trainer.max_epochs=1", "--checkpoint=off")
    assert again.folder == first.folder
    assert "has no checkpoint (checkpoints are off), so it starts again there." in said
    steps = [line.split(",")[0] for line in (again.folder / "metrics.csv").read_text().splitlines()[1:]]
    assert steps[-1] == "11"


def test_a_name_that_is_a_path_is_refused(launch):
    with pytest.raises(ArgumentError, match="DLCORE_RUN_ID: expected letters"):
        launch("../elsewhere")


# The page


def test_the_page_is_short():
    assert len(PAGE.splitlines()) <= 150


@pytest.mark.parametrize("text", [text for kind, text in BLOCKS if kind == "bash"])
def test_shell_of_the_page_is_right(text):
    done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    for found in COMMAND.findall(text):
        request = read_request(shlex.split(found))
        assert request.command == "fit"


def test_yaml_of_the_page_is_right():
    (text,) = [text for kind, text in BLOCKS if kind == "yaml"]
    service, job = yaml.safe_load_all(text)
    assert (service["kind"], job["kind"]) == ("Service", "Job")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    words = container["command"]
    request = read_request(words[words.index("dlcore") + 1 :])
    assert [flag.name for flag in request.flags] == ["checkpoint.every_n_steps"]
    assert job["spec"]["completions"] == job["spec"]["parallelism"] == 2
    assert "--nnodes=2" in words
