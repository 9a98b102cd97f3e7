"""The command line in a process of its own, forked off a warm one, in which something goes wrong for real."""

from __future__ import annotations

import atexit
import contextlib
import os
import resource
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forked import CONTEXT

# A run of some steps on a table of the test's own (the fixture `numbers`): a second.
FIT = (
    *("fit", "-c", "mlp_table_binary", "--data.path=numbers.csv", "--data.target=sick", "--model.hidden_sizes=[4]"),
    *("--trainer.max_epochs=3", "--trainer.log_every_n_steps=1", "--trainer.accelerator=cpu"),
)


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        code: Exit code; below 0 the number of the signal that killed it.
        out: What it wrote to standard output.
        err: What it wrote to standard error.
    """

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """Both, blanks and line ends as one blank each: a line that a terminal broke is whole again."""
        return " ".join(f"{self.out} {self.err}".split())

    def check(self, code: int, *texts: str) -> None:
        """The exit code is this one, there is no traceback, and these texts were said."""
        assert "Traceback" not in self.out + self.err, self
        assert self.code == code, self
        for text in texts:
            assert text in self.said, self


def command(
    work: Path,
    *words: str,
    before: tuple[Any, ...] = (),
    at_step: tuple[Any, ...] = (),
    environment: Mapping[str, str | None] | None = None,
    seconds: float = 60,
) -> Ended:
    """Carry out a command.

    Args:
        work: The folder that it works in.
        words: The command line behind ``python -m dlcore``.
        before: A function and its arguments: called in the process before the command.
        at_step: A step, a function and its arguments: called before the first batch after so many optimiser steps.
        environment: Variables that are set or, with None, taken away.
        seconds: After which the process and its children are killed, and the test fails.
    """
    out, err = work.parent / f"{work.name}.out", work.parent / f"{work.name}.err"
    process = CONTEXT.Process(target=run, args=(words, work, out, err, before, at_step, dict(environment or {})))
    process.start()
    process.join(seconds)
    if process.is_alive():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.join()
        raise TimeoutError(f"{words}: {out.read_text()} {err.read_text()}")
    said = [path.read_text(encoding="utf-8", errors="replace") for path in (out, err)]
    return Ended(process.exitcode, *said)


def within(function: Callable[..., Any], *arguments: Any, seconds: float = 60) -> Any:
    """Call a function in a process of its own, and give what it gives.

    Args:
        function: Of a module.
        arguments: Its arguments.
        seconds: After which the process is killed, and the test fails.
    """
    mine, its = CONTEXT.Pipe(duplex=False)
    process = CONTEXT.Process(target=_call, args=(its, function, arguments))
    process.start()
    its.close()
    try:
        if not mine.poll(seconds):
            raise TimeoutError(function.__name__)
        return mine.recv()
    finally:
        process.kill()
        process.join()


def fork_workers() -> None:
    """In a command (`before`): let joblib fork a study's processes off it, where each would import everything."""
    from joblib.externals.loky import reusable_executor
    from joblib.externals.loky.backend import context

    def end() -> None:  # an interpreter that ends does it with its threads
        if reusable_executor._executor is not None:
            reusable_executor._executor.shutdown()

    atexit.register(end)
    warnings.filterwarnings("ignore", "`fork` start method should not be used")
    context.set_start_method("fork", force=True)


def wait_for(name: str) -> None:
    """In a command: say by the file ``here`` that it has come so far, and go on when a file of that name is there."""
    Path("here").touch()
    until_there(Path(name))


def until_there(path: Path, seconds: float = 40) -> None:
    """Wait for a file."""
    end = time.monotonic() + seconds
    while not path.exists() and time.monotonic() < end:
        time.sleep(0.01)


def beside(work: Path, *words: str, **fault: Any) -> Callable[[], Ended]:
    """Begin a command; give what waits for its end."""
    found: list[Ended] = []
    thread = threading.Thread(target=lambda: found.append(command(work, *words, **fault)))
    thread.start()
    return lambda: (thread.join(), found[0])[1]


def _call(pipe: Any, function: Callable[..., Any], arguments: Any) -> None:
    pipe.send(function(*arguments))


def limit_files(size: int) -> None:
    """Let no file of this process grow beyond so many bytes: writing fails as on a full disk, and after a part."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def run(words: Any, work: Path, out: Path, err: Path, before: Any, at_step: Any, environment: Any) -> None:
    os.setsid()
    os.chdir(work)
    for number, path in ((1, out), (2, err)):
        with path.open("w") as file:
            os.dup2(file.fileno(), number)
    common = {"XDG_CACHE_HOME": str(work / "cache"), "COLUMNS": "100", "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"}
    for name, value in {**common, **environment}.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    encoding = "ascii" if os.environ.get("LC_ALL") == "C" else "utf-8"
    sys.stdout = open(1, "w", closefd=False, encoding=encoding)  # noqa: SIM115
    sys.stderr = open(2, "w", closefd=False, encoding=encoding, errors="backslashreplace")  # noqa: SIM115
    _make_small()
    code = 1
    try:
        if at_step:
            _install(*at_step)
        if before:
            before[0](*before[1:])
        from dlcore.cli.main import main

        code = main(list(words))
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else 1
    except BaseException:
        traceback.print_exc()
    with contextlib.suppress(BaseException):
        atexit._run_exitfuncs()  # as an interpreter does that ends by itself
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def _make_small() -> None:
    import torch
    from blank_figures import blank
    from few_clothes import draw_few

    from dlcore.data import fashion_mnist

    torch.set_num_threads(1)
    fashion_mnist.SYSTEM_FOLDER = Path("absent")
    fashion_mnist.draw_clothing = draw_few
    blank()


def _install(step: int, fault: Callable[..., Any], *arguments: Any) -> None:
    """Let something happen before a batch."""
    from dlcore.cli.panels import StartPanel

    def strike(self: Any, trainer: Any, *_: Any) -> None:
        if trainer.global_step >= step and not getattr(self, "struck", False):
            self.struck = True
            fault(*arguments)

    StartPanel.on_train_batch_start = strike  # type: ignore[method-assign]
