"""Trainings in several processes: forked ones with what a launcher would tell them, and real ones by real launchers."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from forked import CONTEXT
from lightning.pytorch import Callback

# A table of 569 rows that is there on each machine; seconds of work at most, but for what a test kills.
TABLE = (
    *("-c", "mlp_table_binary", "--trainer.accelerator=cpu", "--early_stopping=off", "--progress_display=off"),
    *("--parameter_distribution=off", "--run_summary=off"),
)
ENDLESS = ("--trainer.max_epochs=100000", "--checkpoint.every_n_steps=5", "--trainer.log_every_n_steps=5")


def by_torchrun(rank: int, world_size: int, port: int) -> dict[str, str]:
    """The variables that torchrun sets."""
    return {
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(world_size), "RANK": str(rank),
        "LOCAL_RANK": str(rank), "LOCAL_WORLD_SIZE": str(world_size), "GROUP_RANK": "0", "GROUP_WORLD_SIZE": "1",
        "TORCHELASTIC_RUN_ID": "none", "TORCHELASTIC_RESTART_COUNT": "0", "TORCHELASTIC_MAX_RESTARTS": "0",
    }  # fmt: skip


def by_srun(rank: int, world_size: int, port: int) -> dict[str, str]:
    """The variables that SLURM's srun sets, for as many machines with a process each."""
    return {
        "SLURM_NTASKS": str(world_size), "SLURM_NTASKS_PER_NODE": "1", "SLURM_NNODES": str(world_size),
        "SLURM_PROCID": str(rank), "SLURM_LOCALID": "0", "SLURM_NODEID": str(rank), "SLURM_JOB_NAME": "dlcore",
        "SLURM_JOB_ID": str(port - 15000 + 70000), "SLURM_STEP_ID": "0", "SLURM_NODELIST": "127.0.0.1",
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
    }  # fmt: skip


class Samples(Callback):
    """Writes down each sample that is trained on: ``epoch digest`` a line."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        with self.path.open("a") as file:
            for row in batch[0]:
                file.write(f"{trainer.current_epoch} {hashlib.sha256(row.numpy().tobytes()).hexdigest()[:16]}\n")


class World:
    """Forked processes, each of which runs ``dlcore`` with its own words in one working folder.

    Args:
        work: The working folder; process r prints into ``said.r``.
        words: Behind ``dlcore``, for each process.
        launcher: Gives the variables of a process.
        variables: More of them, the same for all.
        before: Called in each process with its number, before the command.
    """

    def __init__(
        self,
        work: Path,
        words: Sequence[Sequence[str]],
        launcher: Callable[[int, int, int], dict[str, str]] = by_torchrun,
        variables: Mapping[str, str] | None = None,
        before: Callable[[int], None] | None = None,
    ) -> None:
        self.work, port = work, free_port()
        for old in work.glob("said.*"):
            old.unlink()
        more, size = dict(variables or {}), len(words)
        self.processes = [
            CONTEXT.Process(target=_run, args=(list(own), work, rank, launcher(rank, size, port) | more, before))
            for rank, own in enumerate(words)
        ]
        for process in self.processes:
            process.start()

    def end(self, seconds: float = 60) -> list[int | None]:
        """Wait; exit codes, None of one that had to be killed because it did not end."""
        end = time.monotonic() + seconds
        for process in self.processes:
            process.join(max(0.0, end - time.monotonic()))
        codes = [process.exitcode for process in self.processes]
        for process in self.processes:
            if process.is_alive():
                process.kill()
            process.join()
        return codes

    def said(self, rank: int | None = None) -> str:
        """What processes have printed."""
        paths = self.work.glob("said.*") if rank is None else [self.work / f"said.{rank}"]
        return "".join(path.read_text(encoding="utf-8") for path in sorted(paths))

    def errors(self) -> list[str]:
        """The lines of errors that processes have printed."""
        return [line for line in self.said().splitlines() if line.startswith("dlcore") and ": " in line]


def together(function: Callable[..., None], *arguments: Any, size: int = 2, seconds: float = 120) -> None:
    """Call a function of a module in forked processes that a launcher would have started together.

    Args:
        function: Called with the process's number and `arguments`.
        arguments: The same for all.
        size: How many processes.
        seconds: After which they are killed, and the test fails.
    """
    port, began = free_port(), time.monotonic()
    processes = [CONTEXT.Process(target=_call, args=(rank, size, port, function, arguments)) for rank in range(size)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(max(0.0, began + seconds - time.monotonic()))
    ended = [process.exitcode for process in processes]
    for process in processes:
        process.kill()
        process.join()
    assert ended == [0] * size, "it hangs (None), or fails: the error is above"


def _call(rank: int, size: int, port: int, function: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    os.setsid()
    os.environ |= {**by_torchrun(rank, size, port), "GLOO_SOCKET_IFNAME": "lo"}
    torch.set_num_threads(1)
    code = 1
    try:
        function(rank, *arguments)
        code = 0
    except BaseException:
        traceback.print_exc()
    sys.stderr.flush()
    os._exit(code)  # whatever threads are left


def same(world_size: int, *words: str) -> list[list[str]]:
    """The same words for all processes."""
    return [["fit", *TABLE, *words] for _ in range(world_size)]


def _run(words: list[str], work: Path, rank: int, variables: dict[str, str], before: Any) -> None:
    os.setsid()
    os.chdir(work)
    with (work / f"said.{rank}").open("a", encoding="utf-8") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
    torch.set_num_threads(1)
    os.environ |= {**variables, "GLOO_SOCKET_IFNAME": "lo"}
    from dlcore.cli.main import main

    code = 99
    try:
        if before is not None:
            before(rank)
        code = main(words)
    except BaseException:
        traceback.print_exc()
    with contextlib.suppress(Exception):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)  # as a process of its own does, whatever threads are left


@contextlib.contextmanager
def command(work: Path, *words: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """A real command; what it has started, in whatever session, is killed at the end. It prints into a file."""
    own = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[1]), "DLCORE_TEST": str(work)}
    environment = {**os.environ, **own, **variables}
    for name in ("PL_GLOBAL_SEED", "DLCORE_ATTEMPT", "DLCORE_MAIN_PROCESS"):
        environment.pop(name, None)
    with (work / "said.command").open("a") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", *words], cwd=work, env=environment, stdout=said, stderr=said, start_new_session=True
        )
    try:
        yield process  # type: ignore[misc]
    finally:
        for member in started(work):
            with contextlib.suppress(ProcessLookupError):
                os.kill(member, signal.SIGKILL)
        process.wait()


def started(work: Path) -> list[int]:
    """The living processes that commands in a folder have started, however they did."""
    mark, found = f"DLCORE_TEST={work}".encode(), []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError):
            alive = (folder / "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
            if alive and mark in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return sorted(found)


def workers(work: Path) -> list[int]:
    """Of them, the processes that run dlcore themselves, in the order in which they started."""
    found = []
    for member in started(work):
        with contextlib.suppress(OSError):
            line = Path(f"/proc/{member}/cmdline").read_bytes().decode().split("\0")
            if "fit" in line and not any("torch.distributed.run" in word for word in line):
                found.append(member)
    return found


def wait_for(work: Path, pattern: str, seconds: float = 120) -> Path:
    """Wait until a file is there and has something in it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for found in work.glob(pattern):
            if found.stat().st_size:
                return found
        time.sleep(0.05)
    raise TimeoutError(f"{pattern}: {[path.read_text() for path in work.glob('said.*')]}")


def weights(work: Path) -> dict[str, torch.Tensor]:
    """The weights at the end of the only run in a folder, and the step they are of."""
    (path,) = work.glob("lightning_logs/*/version_*/checkpoints/last.ckpt")
    state = torch.load(path, weights_only=True)
    return {**state["state_dict"], "step": torch.tensor(state["global_step"])}


def equal(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> bool:
    """Whether two sets of weights are the same, bit for bit."""
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
