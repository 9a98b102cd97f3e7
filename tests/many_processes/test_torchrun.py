"""Real torchrun: two machines (two launches on one), restarts, SIGTERM. Each ends with the weights of a plain run."""

import os
import signal
import subprocess

import pytest
from world import TABLE, World, command, equal, free_port, same, started, wait_for, weights, workers

TORCHRUN = "torch.distributed.run"
SHORT = ("--trainer.max_epochs=60", "--checkpoint.every_n_steps=20", "--trainer.log_every_n_steps=5")
LAST = "lightning_logs/*/version_0/checkpoints/last.ckpt"


@pytest.fixture(scope="session")
def whole(once):
    """The weights of a run in two processes that nothing interrupts."""

    def make(work):
        world = World(work, same(2, *SHORT))
        assert world.end(90) == [0, 0], world.said()

    return weights(once("torchrun_whole", make))


def said(work):
    return (work / "said.command").read_text()


@pytest.mark.matrix
def test_two_machines_end_as_one_does(tmp_path, whole):
    port = str(free_port())
    where = ("--nnodes=2", "--nproc_per_node=1", f"--rdzv_endpoint=127.0.0.1:{port}", "--rdzv_backend=c10d")
    words = (TORCHRUN, *where, "--rdzv_id=two", "-m", "dlcore", "fit", *TABLE, *SHORT)
    with command(tmp_path, *words) as one, command(tmp_path, *words) as two:
        assert one.wait(120) == 0, said(tmp_path)
        assert two.wait(30) == 0, said(tmp_path)
    assert equal(weights(tmp_path), whole)
    assert "2 processes" in said(tmp_path)
    assert said(tmp_path).count("dlcore fit ──") == 1


@pytest.mark.matrix  # test_lost_process.py has it of forked processes
def test_an_error_is_printed_once(tmp_path):
    words = (TORCHRUN, "--standalone", "--nproc_per_node=2", "-m", "dlcore", "fit", *TABLE, "--model.dropout=3")
    with command(tmp_path, *words) as process:
        assert process.wait(90) != 0
    assert said(tmp_path).count("model.dropout: expected a number at least 0") == 1, said(tmp_path)
    assert not list(tmp_path.glob("lightning_logs/*/version_*"))


@pytest.mark.parametrize(
    "where",
    [
        pytest.param(
            ("--standalone",),
            marks=[
                pytest.mark.matrix,
                pytest.mark.fault(
                    "SIGKILL of a worker under torchrun --max_restarts 3",
                    "Started again: the run in … goes on from its last checkpoint. (the end is the same, bit for bit)",
                ),
            ],
        ),
        pytest.param(
            (f"--master_port={free_port()}",),
            marks=[
                pytest.mark.matrix,
                pytest.mark.fault(
                    "the same with torchrun's static rendezvous, which keeps the dead processes' addresses",
                    "Started again: the run in … goes on from its last checkpoint.",
                ),
            ],
        ),
    ],
    ids=["standalone", "static"],
)
def test_a_killed_worker_is_started_again_and_goes_on(tmp_path, whole, where):
    words = (TORCHRUN, *where, "--nproc_per_node=2", "--max_restarts=3", "-m", "dlcore", "fit", *TABLE, *SHORT)
    with command(tmp_path, *words) as process:
        wait_for(tmp_path, LAST)
        os.kill(workers(tmp_path)[0 if "--standalone" in where else -1], signal.SIGKILL)
        assert process.wait(150) == 0, said(tmp_path)
    assert "goes on from its last checkpoint" in said(tmp_path)
    assert "torchrun starts all of them again." in said(tmp_path)
    assert equal(weights(tmp_path), whole)


@pytest.mark.fault(
    "SIGTERM to torchrun, as SLURM and Kubernetes send it before they take a machine away",
    "Interrupted by SIGTERM at step …. The state is in …/last.ckpt. (exit code 143 of each process)",
)
@pytest.mark.matrix  # beside test_processes.py's SIGTERM and the killed processes of this folder
def test_sigterm_to_torchrun_saves_all_and_the_run_goes_on(tmp_path, whole):
    words = (TORCHRUN, "--standalone", "--nproc_per_node=2", "-m", "dlcore", "fit", *TABLE, *SHORT)
    with command(tmp_path, *words) as process:
        wait_for(tmp_path, LAST)
        os.kill(process.pid, signal.SIGTERM)
        try:
            assert process.wait(60) != 0
        except subprocess.TimeoutExpired:
            pytest.fail(said(tmp_path))
        assert started(tmp_path) == []
    assert "Interrupted by SIGTERM at step" in said(tmp_path)
    assert said(tmp_path).count("Go on: python -m dlcore fit") == 1
    world = World(tmp_path, same(2, "--ckpt_path=last"))
    assert world.end(90) == [0, 0], world.said()
    assert equal(weights(tmp_path), whole)
