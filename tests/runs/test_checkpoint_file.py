"""A checkpoint file is whole or not there: altered, cut short, killed while it is written, on a full disk."""

import os
import random
import resource
import signal
import time

import pytest
import torch
from forked import CONTEXT

from dlcore.errors import CheckpointError
from dlcore.runs.checkpoint_file import AtomicCheckpointIO, checkpoint_of_run, read_checkpoint


def state(step, size=1000):
    generator = torch.Generator().manual_seed(step)
    return {"state_dict": {"w": torch.rand(size, generator=generator)}, "global_step": step}


def whole(read):
    """Whether what was read is exactly what `state` made of that step."""
    expected = state(read["global_step"], len(read["state_dict"]["w"]))
    return torch.equal(read["state_dict"]["w"], expected["state_dict"]["w"])


@pytest.mark.fault(
    "A bit of a checkpoint is flipped",
    "“…: expected a checkpoint, but the file (… bytes) is cut short, damaged, …”",
)
def test_an_altered_byte_is_noticed_wherever_it_matters(tmp_path):
    path = tmp_path / "a.ckpt"
    AtomicCheckpointIO().save_checkpoint(state(7), path)
    content, noticed = path.read_bytes(), 0
    chances = random.Random(0)
    for _ in range(400):
        place, bit = chances.randrange(len(content)), 1 << chances.randrange(8)
        altered = bytearray(content)
        altered[place] ^= bit
        path.write_bytes(altered)
        try:
            assert whole(read_checkpoint(path)), f"byte {place}"
        except CheckpointError:
            noticed += 1
    assert noticed > 200


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
@pytest.mark.fault(
    "A checkpoint is cut short",
    "the same",
)
def test_a_file_cut_short_is_noticed(tmp_path, share):
    path = tmp_path / "a.ckpt"
    AtomicCheckpointIO().save_checkpoint(state(7), path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(CheckpointError, match=rf"{path.name}: expected .* cut short, damaged"):
        read_checkpoint(path)


@pytest.mark.fault(
    "last.ckpt is damaged when the run goes on",
    "the same, and “Going on from previous.ckpt, of step 5”",
)
def test_the_one_before_is_taken_where_the_newest_is_damaged(tmp_path, capsys):
    folder = tmp_path / "checkpoints"
    AtomicCheckpointIO().save_checkpoint(state(5), folder / "previous.ckpt")
    AtomicCheckpointIO().save_checkpoint(state(9), folder / "last.ckpt")
    assert checkpoint_of_run(tmp_path, "last").name == "last.ckpt"
    altered = bytearray((folder / "last.ckpt").read_bytes())
    altered[len(altered) // 2] ^= 1
    (folder / "last.ckpt").write_bytes(altered)
    assert checkpoint_of_run(tmp_path, "last").name == "previous.ckpt"
    said = capsys.readouterr().out
    assert "last.ckpt: expected a checkpoint" in said
    assert "Going on from previous.ckpt, of step 5" in said


def save_for_ever(path, size, step, began):
    while True:
        step += 1
        began.set()
        AtomicCheckpointIO().save_checkpoint(state(step, size), path)


@pytest.mark.process
@pytest.mark.fault(
    "SIGKILL in the middle of writing a checkpoint",
    "the old or the new one, whole",
)
def test_killed_while_it_is_written_it_is_the_old_one_or_the_new_one(tmp_path):
    path = tmp_path / "a.ckpt"
    chances, steps = random.Random(1), []
    AtomicCheckpointIO().save_checkpoint(state(0, 300_000), path)
    for round_number in range(10):
        began = CONTEXT.Event()
        writer = CONTEXT.Process(target=save_for_ever, args=(path, 300_000, 1000 * round_number, began))
        writer.start()
        assert began.wait(30)
        time.sleep(chances.uniform(0, 0.05))
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        read = read_checkpoint(path)
        assert whole(read)
        steps.append(read["global_step"])
    assert len(set(steps)) > 1


def save_within(limit, path, said):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # as on a full disk: an error of the write itself
    try:
        AtomicCheckpointIO().save_checkpoint(state(2, 300_000), path)
    except CheckpointError as error:
        said.put(str(error))
    else:
        said.put("no error")


def save_as_nobody(path, said):
    os.setuid(65534)
    save_within(resource.RLIM_INFINITY, path, said)


def outcome_of(target, *args):
    said = CONTEXT.Queue()
    process = CONTEXT.Process(target=target, args=(*args, said))
    process.start()
    text = said.get(timeout=60)
    process.join()
    return text


@pytest.mark.process
@pytest.mark.fault(
    "The disk is full while a checkpoint is written",
    "“…: the checkpoint could not be written: … What was there before is kept. …”",
)
def test_where_nothing_more_can_be_written_the_old_one_is_kept(tmp_path):
    path = tmp_path / "a.ckpt"
    AtomicCheckpointIO().save_checkpoint(state(1), path)
    said = outcome_of(save_within, 100_000, path)
    assert "could not be written" in said
    assert "File too large" in said
    assert read_checkpoint(path)["global_step"] == 1
    assert [file.name for file in tmp_path.iterdir()] == ["a.ckpt"]  # and nothing half-written beside it


@pytest.mark.process
@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="only root can become somebody else")
@pytest.mark.fault(
    "The folder of the checkpoints may not be written to",
    "“…: the checkpoint could not be written: Permission denied. …”",
)
def test_a_folder_that_cannot_be_written_to_is_an_error(tmp_path):
    path = tmp_path / "a.ckpt"
    AtomicCheckpointIO().save_checkpoint(state(1), path)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.is_relative_to("/tmp") and folder != folder.parent and len(folder.parts) > 2:
            folder.chmod(0o755)
    said = outcome_of(save_as_nobody, path)
    assert "could not be written: Permission denied" in said
    assert read_checkpoint(path)["global_step"] == 1
