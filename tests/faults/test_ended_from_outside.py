"""Signals and closed terminals: the state is saved where there is one, and the program leaves with a word."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from forked_command import FIT, beside, command, until_there, wait_for
from sick_table import write_numbers

from dlcore.runs.checkpoint_file import read_checkpoint

RUN = Path("lightning_logs/mlp_table_binary/version_0")


def send(number):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        pytest.param(
            "SIGHUP",
            129,
            marks=pytest.mark.fault(
                "SIGHUP (the terminal is closed) while a run trains", "last.ckpt of that step; exit code 129"
            ),
        ),
        pytest.param(
            "SIGTERM",
            143,
            marks=pytest.mark.fault("SIGTERM while a run trains", "“Interrupted by SIGTERM at step 6. …”"),
        ),
    ],
)
def test_a_signal_while_training(work, name, code):
    ended = command(work, *FIT, at_step=(5, send, getattr(signal, name)))
    ended.check(
        code, f"Interrupted by {name} at step 6. The state is in lightning_logs/", "Go on: python -m dlcore fit"
    )
    assert read_checkpoint(work / RUN / "checkpoints" / "last.ckpt")["global_step"] == 6
    command(work, "fit", "--ckpt_path=last").check(0, "goes on from step 6")


def hang_up_twice():
    send(signal.SIGHUP)
    send(signal.SIGHUP)


@pytest.mark.fault("SIGHUP comes twice, from the system and from the shell", "the same: the second is no impatience")
def test_a_second_hangup_does_not_break_off_the_saving(work):
    command(work, *FIT, at_step=(5, hang_up_twice)).check(129, "Interrupted by SIGHUP at step 6.")
    assert read_checkpoint(work / RUN / "checkpoints" / "last.ckpt")["global_step"] == 6


def ignore_hangup():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


@pytest.mark.fault("SIGHUP under nohup", "nothing: the training goes on to its end")
def test_nohup(work):
    command(work, *FIT, before=(ignore_hangup,), at_step=(5, send, signal.SIGHUP)).check(0, "12 steps in all")


@pytest.mark.fault("SIGPIPE", "nothing: the training goes on to its end")
def test_sigpipe(work):
    command(work, *FIT, at_step=(5, send, signal.SIGPIPE)).check(0, "12 steps in all")


def send_while_reading(number):
    from dlcore.data import Table

    read = Table.load

    def load(self):
        send(number)
        return read(self)

    Table.load = load


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        pytest.param(
            "SIGINT",
            130,
            "dlcore: Interrupted",
            marks=pytest.mark.fault(
                "Ctrl-C while the data are prepared", "“Interrupted …”; exit code 130, no traceback"
            ),
        ),
        pytest.param(
            "SIGTERM",
            143,
            "dlcore: Interrupted by SIGTERM",
            marks=pytest.mark.fault(
                "SIGTERM while the data are prepared", "“Interrupted by SIGTERM …”; exit code 143, no empty run folder"
            ),
        ),
        pytest.param(
            "SIGHUP",
            129,
            "dlcore: Interrupted by SIGHUP",
            marks=pytest.mark.fault("SIGHUP while the data are prepared", "the same with 129"),
        ),
    ],
)
def test_a_signal_before_the_training(work, name, code, said):
    ended = command(work, *FIT, before=(send_while_reading, getattr(signal, name)))
    ended.check(code, said)
    assert not list((work / "lightning_logs").rglob("version_*"))


@pytest.mark.fault("Ctrl-C while the program starts and imports", "“Interrupted.”; exit code 130, no traceback")
@pytest.mark.parametrize("after", [0.4, 1.5])
def test_ctrl_c_while_it_starts(tmp_path, after):
    write_numbers(tmp_path / "numbers.csv")
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    pythons_own = time.monotonic() - began  # in which Ctrl-C is Python's to answer
    process = subprocess.Popen(
        [sys.executable, "-m", "dlcore", *FIT, "--trainer.max_epochs=100000"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        start_new_session=True,
    )
    try:
        time.sleep(after + 3 * pythons_own)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    assert "Traceback" not in out + err
    # Where Ctrl-C came in the midst of code that a string holds (a namedtuple is made), Python at its end sends itself
    # the signal again; a shell calls both 130.
    assert process.returncode in (130, -signal.SIGINT), (out, err)
    assert err.strip().splitlines()[-1].startswith("dlcore: Interrupted")


def use_terminal(name):
    """Take a terminal for one's own: the first that a process without one opens."""
    terminal = os.open(name, os.O_RDWR)
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    for number in (0, 1, 2):
        os.dup2(terminal, number)


@pytest.mark.fault("The terminal window is closed while a run trains", "last.ckpt of that step, from which it goes on")
def test_a_terminal_that_is_closed(work):
    mine, its = pty.openpty()
    end = beside(work, *FIT, before=(use_terminal, os.ttyname(its)), at_step=(5, wait_for, "go"))
    until_there(work / "here")
    os.close(its)
    os.close(mine)  # the system tells who is at work there
    time.sleep(0.1)
    (work / "go").touch()
    assert end().code == 129
    assert read_checkpoint(work / RUN / "checkpoints" / "last.ckpt")["global_step"] == 6
    command(work, "fit", "--ckpt_path=last").check(0, "goes on from step 6")
