"""Odd folders, terminals and limits around a command: it works, or says in a line what is in the way."""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from pathlib import Path

import pytest
from forked_command import FIT, command
from sick_table import write_numbers

from dlcore.runs.checkpoint_file import read_checkpoint
from dlcore.tracking import read_metrics

RUN = Path("lightning_logs/mlp_table_binary/version_0")


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        pytest.param(
            lambda work: (work / "lightning_logs").symlink_to("nowhere"),
            "lightning_logs: expected a folder for runs, got something else, or a link that leads nowhere.",
            marks=pytest.mark.fault(
                "lightning_logs is a link that leads nowhere", "“lightning_logs: expected a folder for runs, got …”"
            ),
        ),
        pytest.param(
            lambda work: (work / "lightning_logs").write_text(""),
            "choose another place: --trainer.default_root_dir FOLDER",
            marks=pytest.mark.fault("lightning_logs is a file", "the same"),
        ),
    ],
)
def test_no_place_for_runs(work, prepare, said):
    prepare(work)
    command(work, *FIT).check(2, said)


@pytest.mark.fault("lightning_logs is a link to another folder", "the run is kept there")
def test_runs_behind_a_link(work):
    (work / "elsewhere").mkdir()
    (work / "lightning_logs").symlink_to("elsewhere")
    command(work, *FIT).check(0, "elsewhere/mlp_table_binary/version_0")
    command(work, "fit", "--ckpt_path=last", "--trainer.max_epochs=4").check(0, "goes on from step 12")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("数据 文件夹", marks=pytest.mark.fault("A Chinese path", "all works; commands to copy are right")),
        pytest.param(
            'it\'s "a" $HOME `b` *', marks=pytest.mark.fault("A path with blanks, quotes and signs", "the same")
        ),
    ],
)
def test_odd_paths(tmp_path, name):
    work = tmp_path / name
    work.mkdir()
    write_numbers(work / "numbers.csv")
    command(work, *FIT, f"--trainer.default_root_dir={work / '跑'}").check(0)
    folder = work / "跑" / RUN
    assert read_metrics(folder)["step"][-1] == 12.0
    command(work, "test", f"--ckpt_path={folder}").check(0)
    command(work, "explain", str(folder)).check(0)


@pytest.mark.parametrize(
    "environment",
    [
        pytest.param(
            {"HOME": None, "XDG_CACHE_HOME": None}, marks=pytest.mark.fault("HOME is not set", "training works")
        ),
        pytest.param(
            {"HOME": "/dev/null/x", "XDG_CACHE_HOME": None, "MPLCONFIGDIR": None},
            marks=pytest.mark.fault("HOME cannot be written to", "training works"),
        ),
        pytest.param({"TMPDIR": "/dev/null/x"}, marks=pytest.mark.fault("TMPDIR is not there", "training works")),
        pytest.param({"TERM": None, "COLUMNS": None}, marks=pytest.mark.fault("TERM is not set", "training works")),
        pytest.param(
            {"TERM": "no-such-terminal", "COLUMNS": "20"},
            marks=pytest.mark.fault("A terminal of 20 columns", "every number is shown; lines wrap"),
        ),
        pytest.param(
            {"LC_ALL": "C", "LANG": "C"},
            marks=pytest.mark.fault(
                "An output that knows ASCII only (LANG=C)", "question marks instead of Chinese; no UnicodeEncodeError"
            ),
        ),
    ],
)
def test_odd_environments(work, environment):
    (work / "numbers.csv").rename(work / "数.csv")
    words = [word.replace("numbers.csv", "数.csv") for word in FIT]
    command(work, *words, environment=environment).check(0, "12 steps in all")
    assert read_metrics(work / RUN)["step"][-1] == 12.0


def close_output():
    os.close(1)


@pytest.mark.fault(
    "Standard output is closed while a run trains",
    "“nothing more can be printed (Bad file descriptor): the work goes on, its results are kept.”; exit code 0",
)
def test_output_that_is_closed(work):
    ended = command(work, *FIT, at_step=(5, close_output))
    ended.check(0, "dlcore: nothing more can be printed (Bad file descriptor): the work goes on, its results are kept.")
    assert read_checkpoint(work / RUN / "checkpoints" / "last.ckpt")["global_step"] == 12


def pipe_to_nobody():
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # as Python does
    reader, writer = os.pipe()
    os.dup2(writer, 1)
    os.close(reader)


def begin_with_pipe_to_nobody():
    pipe_to_nobody()
    sys.stdout = open(1, "w", closefd=False, encoding="utf-8")  # noqa: SIM115


@pytest.mark.fault(
    "The reader of a pipe leaves while a run trains (fit | head)",
    "“nothing more can be printed (Broken pipe): the work goes on …”; the training is not lost",
)
def test_a_reader_that_leaves(work):
    command(work, *FIT, at_step=(5, pipe_to_nobody)).check(0, "nothing more can be printed (Broken pipe)")
    assert read_checkpoint(work / RUN / "checkpoints" / "last.ckpt")["global_step"] == 12


@pytest.mark.fault("The reader of a pipe leaves while explain prints", "nothing; exit code 0")
def test_a_reader_of_a_table_that_leaves(work):
    command(work, *FIT).check(0)
    assert command(work, "explain", before=(begin_with_pipe_to_nobody,)).err == ""


def close_input_and_output():
    for number in (0, 1, 2):
        os.close(number)
    sys.stdin = sys.stdout = sys.stderr = None  # what Python makes of it


@pytest.mark.fault("No standard streams at all (started by a daemon with all closed)", "the run is trained and kept")
def test_no_streams(work):
    assert command(work, *FIT, before=(close_input_and_output,)).code == 0
    assert read_metrics(work / RUN)["step"][-1] == 12.0
    for path in (work / RUN).rglob("*"):
        assert b"dlcore fit \xe2\x94\x80" not in (path.read_bytes() if path.is_file() else b""), path


def allow_no_more_files():
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))  # those that are open stay so


@pytest.mark.fault(
    "No more files may be opened (ulimit -n)",
    "“…: could not be written: Too many open files. … Allow more open files (ulimit -n 4096). Go on: …”",
)
def test_file_handles_are_exhausted(work):
    ended = command(work, *FIT, at_step=(5, allow_no_more_files))
    ended.check(2, "Too many open files", "ulimit -n 4096")
    command(work, "fit", "--ckpt_path=last").check(0, "goes on from step 4")


def set_clock_back():
    real = time.time
    time.time = lambda: real() - 86_400  # the system's own clock belongs to all: only this process's view of it


@pytest.mark.fault("The clock is set back by a day while a run trains", "nothing; points are in order of their steps")
def test_the_clock_is_set_back(work):
    command(work, *FIT, at_step=(5, set_clock_back)).check(0)
    assert read_metrics(work / RUN)["step"] == [float(step) for step in range(1, 13)]
    command(work, "fit", "--ckpt_path=last", "--trainer.max_epochs=4", before=(set_clock_back,)).check(0, "16 steps")
