"""Between two events nothing is read from the device: a GPU works on while Python goes ahead.

Shown on the CPU: each operation of torch's that would wait for a GPU makes a number of Python's, a shape that depends
on values, or a tensor of Python's numbers. (Batches of text are made of numpy's numbers, and travel without waiting.)
"""

import collections
import traceback
from pathlib import Path

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import dlcore
from dlcore.callbacks import NonFiniteLoss
from dlcore.execution.loop import ExecutionLoop
from dlcore.runs import fit

pytestmark = pytest.mark.process

PACKAGE = str(Path(dlcore.__file__).parent)
WAITS = {
    "lift_fresh",
    "_local_scalar_dense",
    "nonzero",
    "is_nonzero",
    "masked_select",
    "equal",
    "_unique2",
    "unique_dim",
}


class Waits(TorchDispatchMode):
    """Notes what would wait, with the place in the code that asked for it."""

    def __init__(self):
        super().__init__()
        self.found = collections.Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        masked = name == "index" and any(index is not None and index.dtype == torch.bool for index in args[1])
        if name in WAITS or masked:
            asked = [frame for frame in traceback.extract_stack() if frame.filename.startswith(PACKAGE)][-1]
            if not asked.filename.endswith("token_streams.py"):
                self.found[f"{name} in {asked.filename}:{asked.lineno}"] += 1
        return func(*args, **(kwargs or {}))


@pytest.fixture
def waits(monkeypatch):
    """Watch all quiet steps of a fit whose loss is guarded as on a GPU."""
    watch, batches = Waits(), []
    take = ExecutionLoop._take

    def watched(self, fetcher, count):
        batches.append(count)
        with watch:
            return take(self, fetcher, count)

    monkeypatch.setattr(ExecutionLoop, "_take", watched)
    monkeypatch.setattr(NonFiniteLoss, "waits", property(lambda self: False, lambda self, value: None), raising=False)
    yield watch
    assert sum(batches) > 10


SHORT = ("--trainer.max_epochs=1", "--trainer.limit_train_batches=40", "--trainer.limit_val_batches=2")


@pytest.mark.parametrize(
    "flags",
    [
        ("-c", "mlp_fashion_mnist", "--weight_averaging.decay=0.9"),
        ("-c", "mlp_circles", "--trainer.gradient_clip_val=0.5", "--trainer.accumulate_grad_batches=2"),
        (
            "-c",
            "mlp_circles",
            "--model.optimizer=SGD",
            "--model.l2=0.001",
            "--model.warmup_steps=20",
            "--model.batch_norm=true",
        ),
        ("-c", "cnn_circles", "--data.batch_size=8"),
        ("-c", "cnn_images", "--data.batch_size=8", "--data.mixup=0.2", "--data.cutmix=1"),
        ("-c", "rnn_lyrics", "--data.batch_size=4", "--data.sequence_length=8", "--model.optimizer=AdamW"),
        ("-c", "rnn_topics", "--data.batch_size=8"),
        ("-c", "cnn_topics", "--data.batch_size=8"),
        ("-c", "mlp_table_binary", "--data.batch_size=8"),
    ],
    ids=lambda flags: flags[1],
)
def test_nothing_waits_for_the_device_in_quiet_steps(flags, waits, tmp_path):
    fit(*flags, *SHORT, "--trainer.default_root_dir", str(tmp_path))
    assert not waits.found
