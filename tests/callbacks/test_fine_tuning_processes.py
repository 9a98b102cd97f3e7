"""FineTuning in two processes: layers that come free learn from the samples of both."""

from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer, seed_everything
from test_fine_tuning import Plain, Watch, loader
from world import together

from dlcore.callbacks import FineTuning, StepsPerExecution


def train(rank: int, folder: Path) -> None:
    for fast in (False, True):
        seed_everything(7)
        watch = Watch()
        callbacks = [FineTuning(freeze_epochs=1, layers_per_epoch=2, layer_decay=0.5), watch]
        trainer = Trainer(
            accelerator="cpu", devices=2, strategy="ddp", max_epochs=3, logger=False, enable_checkpointing=False,
            callbacks=[*callbacks, StepsPerExecution()] if fast else callbacks,
            enable_progress_bar=False, enable_model_summary=False,
        )  # fmt: skip
        trainer.fit(Plain(), loader())
        torch.save(watch.weights, folder / f"{fast}.{rank}")


@pytest.mark.process
@pytest.mark.matrix
def test_two_processes_keep_the_same_weights_after_an_unfreezing(tmp_path):
    together(train, tmp_path)
    first, second, fast = (torch.load(tmp_path / name) for name in ("False.0", "False.1", "True.0"))
    trained = [name for name in first[0] if name.endswith(("weight", "bias"))]
    for mine, theirs, quick in zip(first, second, fast, strict=True):
        assert all(torch.equal(mine[name], theirs[name]) for name in trained)
        assert all(torch.equal(mine[name], quick[name]) for name in mine)
    free = [name for name in trained if name.startswith("backbone.2")]
    assert not any(torch.equal(first[1][name], first[0][name]) for name in free)
    held = [name for name in first[0] if name.startswith("backbone.0")]
    assert all(torch.equal(first[1][name], first[0][name]) for name in held)
