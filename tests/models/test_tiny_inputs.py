"""The lesson of tiny inputs on the real FashionMNIST: with batch normalisation the network learns them at once."""

import pytest

from dlcore.data import fashion_mnist
from dlcore.runs import fit

pytestmark = [
    pytest.mark.process,
    pytest.mark.outcome,
    pytest.mark.real_data,
    pytest.mark.skipif(not fashion_mnist.SYSTEM_FOLDER.is_dir(), reason="the system has no FashionMNIST"),
]
ADAM = ("--model.optimizer=Adam", "--model.optimizer.lr=0.001", "--data.scale=2550000", "--trainer.max_epochs=1")


def test_batch_normalization_learns_pixels_divided_by_2550000_and_validates_as_well(tmp_path, monkeypatch, one_thread):
    monkeypatch.chdir(tmp_path)
    metrics = fit("-c", "mlp_textbook", *ADAM, "--model.batch_norm=true", "--trainer.limit_train_batches=900").metrics
    assert metrics["train/accuracy"] > 0.7
    # A bias below the normalisation moves faster than the running mean: validation at 42%, training at 80%.
    assert metrics["val/accuracy"] > 0.75
