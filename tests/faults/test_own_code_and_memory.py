"""A user's own code that raises, memory that is not there, background work that fails: told, and nothing lost."""

from __future__ import annotations

import resource
import warnings
from pathlib import Path

import pytest
from forked_command import FIT, command

from dlcore.errors import RunFileError
from dlcore.runs.checkpoint_file import read_checkpoint
from dlcore.tracking import BackgroundWriter
from dlcore.tracking.timeline import read_events

RUN = Path("lightning_logs/mlp_table_binary/version_0")

OWN = """
from lightning.pytorch import Callback
from dlcore.models import MLP


class Deadly(MLP):
    def forward(self, inputs):
        if self.training and self.trainer.current_epoch == 1:
            raise ValueError("my own mistake")
        return super().forward(inputs)


class Fails(Callback):
    def on_train_batch_end(self, trainer, *args):
        if trainer.global_step == 6:
            raise ValueError("my own mistake")
"""


def find_own_code():
    import sys

    Path("own.py").write_text(OWN)
    sys.path.insert(0, "")


@pytest.mark.parametrize(
    "flags",
    [
        pytest.param(
            ("--model=own.Deadly",),
            marks=pytest.mark.fault(
                "A user's model raises in the second epoch",
                "its traceback, exit code 1; last.ckpt of the first epoch; “Failed at step 4: ValueError: …” in "
                "events.jsonl",
            ),
        ),
        pytest.param(
            ("--trainer.callbacks=own.Fails",),
            marks=pytest.mark.fault("A user's callback raises", "the same: a traceback of the user's own code"),
        ),
    ],
)
def test_own_code_that_raises(work, flags):
    words = [word for word in FIT if "hidden_sizes" not in word]
    ended = command(work, *words, *flags, before=(find_own_code,))
    assert ended.code == 1
    assert ended.err.rstrip().endswith("ValueError: my own mistake")
    assert 'own.py", line' in ended.err
    assert "During handling of the above exception" not in ended.err
    assert read_checkpoint(work / RUN / "checkpoints" / "last.ckpt")["global_step"] == 4
    last = read_events(work / RUN)[-1]
    assert (last["kind"], last["error"]) == ("failed", "ValueError")
    assert (work / RUN / "summary.md").is_file()


def allow_little_memory():
    in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (in_use + 150_000_000,) * 2)


@pytest.mark.fault(
    "The process may not take more memory (ulimit -v) while the data are read",
    "“…: no memory left …” or “… need more memory than this machine has …”; exit code 2",
)
def test_memory_is_not_there_for_the_data(work):
    with (work / "numbers.csv").open("a") as file:
        row = "0.123456789,0.987654321,yes\n"
        for _ in range(200):
            file.write(row * 20_000)
    ended = command(work, *FIT, before=(allow_little_memory,), seconds=120)
    print(ended.err)
    ended.check(2, "memory")
    assert len(ended.err.strip().splitlines()) == 1


@pytest.mark.fault(
    "Work in the background fails (a figure cannot be drawn)",
    "the training goes on; at its end “Work in the background failed, training went on without it: …”",
)
def test_background_work_that_fails(tmp_path):
    writer, done = BackgroundWriter(), []

    def draw():
        raise ValueError("no ink")

    writer.submit(draw)
    writer.submit(done.append, 1)
    with pytest.warns(RuntimeWarning, match="Work in the background failed, training went on without it: .*no ink"):
        writer.close()
    assert done == [1]


@pytest.mark.fault("Work in the background meets a full disk", "files and reasons alone, each once, in one warning")
def test_a_full_disk_in_the_background_is_told_by_files(tmp_path):
    writer = BackgroundWriter()

    def draw(name):
        raise RunFileError(tmp_path / name, "No space left on device", "Make room on that disk")

    for name in ("layers.png", "curves.png", "layers.png"):
        writer.submit(draw, name)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        writer.close()
    assert len(caught) == 1
    assert str(caught[0].message).endswith(
        f": {tmp_path}/layers.png: No space left on device (2 times); {tmp_path}/curves.png: No space left on device"
    )
