"""A disk that gets full under a command: it ends with a line, what it had is whole, and it goes on later."""

from __future__ import annotations

import ctypes
import os
import shutil
from pathlib import Path

import pytest
from forked_command import FIT, command, limit_files

from dlcore.runs.checkpoint_file import read_checkpoint
from dlcore.tracking import read_metrics

RUN = Path("lightning_logs/mlp_table_binary/version_0")


def own_small_disk(folder, size):
    """A disk of so many bytes in the place of a folder, in this process's view alone."""
    libc = ctypes.CDLL(None, use_errno=True)
    if os.getuid() and not _become_root_of_own(libc):
        return False
    new_mounts, private = 0x00020000, (1 << 14) | (1 << 18)
    folder.mkdir()
    return (
        libc.unshare(new_mounts) == 0
        and libc.mount(b"none", b"/", None, private, None) == 0
        and libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, f"size={size}".encode()) == 0
    )


def _become_root_of_own(libc):
    user = os.getuid()
    if libc.unshare(0x10000000):  # a user namespace
        return False
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {user} 1")
    return True


def use_small_disk():
    if not own_small_disk(Path("lightning_logs"), "400k"):
        os._exit(77)


def fill_disk():
    try:
        with Path("lightning_logs/filler").open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 512)
    except OSError:
        shutil.copytree("lightning_logs", "kept", ignore=shutil.ignore_patterns("filler"))


@pytest.mark.fault(
    "The disk gets full in the middle of a training",
    "“…/checkpoints/last.tmp: the checkpoint could not be written: No space left on device. What was there before is "
    "kept. …”, or the same of metrics.csv; exit code 2",
)
def test_a_training_ends_with_a_word_and_what_it_had_is_whole(work):
    ended = command(work, *FIT, before=(use_small_disk,), at_step=(5, fill_disk))
    if ended.code == 77:
        pytest.skip("this machine lets nobody mount a disk of their own")
    ended.check(2, "could not be written: No space left on device. What was there before is kept.")
    last = [line for line in ended.err.splitlines() if line]
    assert last[-1].startswith("dlcore: lightning_logs/")
    kept = work / "kept" / "mlp_table_binary" / "version_0"
    assert read_checkpoint(kept / "checkpoints" / "last.ckpt")["global_step"] == 4
    # There is room again: it goes on as if nothing had been. (The disk was in that process's view alone.)
    shutil.rmtree(work / "lightning_logs", ignore_errors=True)
    (work / "kept").rename(work / "lightning_logs")
    command(work, "fit", "--ckpt_path=last").check(0, "goes on from step 4")
    assert read_metrics(work / RUN)["step"][-1] == 12.0


def limit_all():
    limit_files(3000)


@pytest.mark.fault(
    "The limit on file sizes (ulimit -f) is met while training",
    "“…: could not be written: File too large. What was there before is kept. Allow larger files (ulimit -f). Go on: "
    "python -m dlcore fit --ckpt_path …”",
)
def test_a_limit_on_files_is_named_with_how_to_go_on(work):
    ended = command(work, *FIT, at_step=(5, limit_all))
    assert ended.code == 2
    assert "Traceback" not in ended.err
    again = command(work, "fit", "--ckpt_path=last")
    again.check(0, "goes on from step 4")
    steps = read_metrics(work / RUN)["step"]
    assert steps == [float(step) for step in range(1, 13)]


@pytest.mark.fault("The disk is full while predict writes its answers", "“…/predictions.csv: could not be written: …”")
def test_predictions_are_whole_or_not_there(work):
    command(work, *FIT).check(0)
    ended = command(work, "predict", "--ckpt_path=last", before=(limit_files, 800))
    ended.check(2, "predictions.csv: could not be written: File too large.")
    assert not list(work.rglob("*predictions*"))


@pytest.mark.fault(
    "The disk is full while test writes its report", "“…: could not be written: …”, nothing half-written"
)
def test_a_test_report_is_whole_or_not_there(work):
    command(work, *FIT).check(0)
    # The limit holds for the output too, which is shorter than the picture.
    ended = command(work, "test", "--ckpt_path=last", before=(limit_files, 4000))
    ended.check(0, "could not be written: File too large", "confusion_matrix.png", "test/accuracy")
    assert [path.name for path in work.rglob("*confusion_matrix*")] == []
