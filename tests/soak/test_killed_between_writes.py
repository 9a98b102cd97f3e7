"""A run that is killed between any two of its writes goes on without losing a row, and without writing one twice."""

import shutil

import pytest
import torch
from killed_run import first_differences, points
from many_fits import write_numbers

from dlcore.callbacks import Checkpoint
from dlcore.runs import fit
from dlcore.tracking import RunLogger, read_metrics

WORDS = (
    *("-c", "mlp_table_binary", "--data.path=numbers.csv", "--data.target=sick", "--model.hidden_sizes=[8]"),
    *("--data.batch_size=32", "--early_stopping=off", "--progress_display=off", "--run_summary=off"),
    *("--trainer.log_every_n_steps=1", "--trainer.accelerator=cpu", "--trainer.max_epochs=2"),
)


@pytest.mark.parametrize(
    "flags",
    [
        pytest.param(("--checkpoint.every_n_steps=1",), id="a checkpoint a step"),
        pytest.param(("--checkpoint.monitor=train/loss",), id="no validation metric", marks=pytest.mark.matrix),
    ],
)
def test_killed_between_writes(tmp_path, monkeypatch, flags):
    monkeypatch.chdir(tmp_path)
    write_numbers(tmp_path / "numbers.csv")
    whole, copies = tmp_path / "whole", []

    def copy_after(method):
        def then_copy(*args, **kwargs):
            method(*args, **kwargs)
            if any((whole / "checkpoints").glob("*.ckpt")):
                copies.append((method.__name__, shutil.copytree(whole, tmp_path / f"copy_{len(copies):02d}")))

        return then_copy

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "_save", copy_after(Checkpoint._save))
        patch.setattr(RunLogger, "log_metrics", copy_after(RunLogger.log_metrics))
        fit(*WORDS, *flags, folder=whole)
    assert len(copies) > 4
    for name, copy in copies:
        step = torch.load(copy / "checkpoints" / "last.ckpt", weights_only=False)["global_step"]
        where = f"{copy.name}, after {name}, at step {step}"
        fit("--ckpt_path", str(copy))
        assert first_differences(read_metrics(copy), read_metrics(whole)) == {}, where
        assert points(copy) == points(whole), where
