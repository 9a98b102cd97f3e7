"""A process of a training dies or hangs: all end within half a minute, and one line says which it was."""

import os
import signal
import time

import pytest
from world import ENDLESS, TABLE, World, command, same, started, wait_for, workers

LAST = "lightning_logs/*/version_0/checkpoints/last.ckpt"
LONGEST = 60  # seconds; promised are 30, and six are usual, but a machine that runs tests may be slow


def killed(work, number, rank, **variables):
    world = World(work, same(2, *ENDLESS), variables=variables)
    wait_for(work, LAST)
    began = time.monotonic()
    os.kill(world.processes[rank].pid, number)
    codes = world.end(LONGEST)
    return world, codes, time.monotonic() - began


@pytest.mark.parametrize(
    "rank",
    [
        pytest.param(
            1,
            marks=[
                pytest.mark.matrix,
                pytest.mark.fault(
                    "SIGKILL of one of two processes under torchrun",
                    "dlcore: process 1 of 2 (pid …) is gone: killed, perhaps for want of memory. The others end, …",
                ),
            ],
        ),
        pytest.param(
            0,
            marks=pytest.mark.fault(
                "SIGKILL of the first of two processes, where all meet",
                "dlcore: process 0 of 2 (pid …) is gone: killed, perhaps for want of memory. The others end, …",
            ),
        ),
    ],
)
def test_a_killed_process_ends_all(tmp_path, rank):
    world, codes, seconds = killed(tmp_path, signal.SIGKILL, rank)
    assert codes[rank] == -9
    assert codes[1 - rank] == 1, world.said()
    assert seconds < LONGEST
    assert len(world.errors()) == 1, world.said()
    line = world.errors()[0]
    assert line.startswith(f"dlcore: process {rank} of 2 (pid {world.processes[rank].pid}) is gone")
    assert line.endswith(f"--ckpt_path {next(tmp_path.glob(LAST)).relative_to(tmp_path)}")
    assert "Traceback" not in world.said()


@pytest.mark.fault(
    "SIGSTOP of one of two processes: it hangs, and so does who waits for it",
    "dlcore: process 1 of 2 (pid …) has given no sign of life for 20 seconds. The others end, …",
)
def test_a_stopped_process_ends_all(tmp_path):
    world, codes, _ = killed(tmp_path, signal.SIGSTOP, 1, DLCORE_SILENCE="3")
    assert codes == [1, -9], world.said()
    assert len(world.errors()) == 1, world.said()
    line = world.errors()[0]
    assert "has given no sign of life for 3 seconds" in line


@pytest.mark.fault("all processes stopped for a while (Ctrl-Z, a laptop that sleeps)", "the training goes on")
@pytest.mark.matrix
def test_processes_that_were_all_stopped_go_on(tmp_path):
    world = World(tmp_path, same(2, *ENDLESS), variables={"DLCORE_SILENCE": "3"})
    wait_for(tmp_path, LAST)
    for number, seconds in ((signal.SIGSTOP, 6), (signal.SIGCONT, 4), (signal.SIGTERM, 0)):
        for process in world.processes:
            os.kill(process.pid, number)
        time.sleep(seconds)
    assert world.end() == [143, 143], world.said()


def fail_in_second(rank):
    from dlcore.models import MLP

    if rank == 1:
        own = MLP.training_step

        def failing(self, *arguments):
            if self._trainer is not None and self.trainer.global_step == 8:
                raise RuntimeError("a fault of the test's")
            return own(self, *arguments)

        MLP.training_step = failing


@pytest.mark.fault(
    "an exception in one of two processes",
    "dlcore: process 1 of 2 (pid …) ended by an error: RuntimeError: …. The others end, …; its own traceback",
)
@pytest.mark.parametrize("steps", ["1", "auto"])  # single steps, steps that are taken together
def test_an_exception_in_one_process_ends_all(tmp_path, steps):
    words = same(2, *ENDLESS, f"--steps_per_execution={steps}")
    world = World(tmp_path, words, before=fail_in_second)
    assert world.end(LONGEST + 20) == [1, 99], world.said()
    assert len(world.errors()) == 1, world.said()
    line = world.errors()[0]
    assert "process 1 of 2" in line
    assert "ended by an error: RuntimeError: a fault of the test's. The others end" in line
    assert world.said(1).count("Traceback") == 1


def test_an_error_of_all_processes_is_said_once(tmp_path):
    world = World(tmp_path, same(2, "--data.batch_size=1000", "--data.drop_last=true"))
    assert world.end() == [2, 2], world.said()
    assert len(world.errors()) == 1, world.said()
    line = world.errors()[0]
    assert line.startswith("dlcore: data.batch_size: expected at most 170 with drop_last")


def by_lightning(work):
    return command(work, "dlcore", "fit", *TABLE, *ENDLESS, "--trainer.devices=2")


def empty(work):
    end = time.monotonic() + LONGEST
    while time.monotonic() < end and (left := started(work)):
        time.sleep(0.1)
    return left == []


@pytest.mark.matrix
@pytest.mark.fault(
    "SIGKILL of a process that Lightning's launcher has started",
    "dlcore: process 1 of 2 (pid …) was ended by SIGKILL. The others end, …; exit code 1",
)
def test_a_killed_child_of_lightning_ends_all(tmp_path):
    with by_lightning(tmp_path) as process:
        wait_for(tmp_path, LAST)
        child = workers(tmp_path)[-1]
        os.kill(child, signal.SIGKILL)
        assert process.wait(LONGEST) == 1
        assert empty(tmp_path)
    said = (tmp_path / "said.command").read_text()
    assert f"dlcore: process 1 of 2 (pid {child}) was ended by SIGKILL. The others end" in said
    assert "Traceback" not in said


@pytest.mark.fault(
    "SIGKILL of the main process, with Lightning's launcher",
    "dlcore: process 0 (pid …) is gone, so the processes that it started end; no process is left",
)
@pytest.mark.matrix
def test_children_of_a_killed_main_process_end(tmp_path):
    with by_lightning(tmp_path) as process:
        wait_for(tmp_path, LAST)
        process.kill()
        assert empty(tmp_path)
    said = (tmp_path / "said.command").read_text()
    assert "dlcore: process 0" in said
    assert "is gone" in said
