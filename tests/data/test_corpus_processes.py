"""Two processes read the streams of one."""

import pytest
import torch
from corpus_poems import model_and_data
from lightning.pytorch import Trainer
from world import together

pytestmark = pytest.mark.process


def train_share(rank, root, folder):
    train(root, 4, folder, devices=2, strategy="ddp")


def train(root, batch_size, folder, **settings):
    model, data = model_and_data(root, batch_size=batch_size)
    data.order_seed = 3
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    none = {"enable_model_summary": False, "limit_val_batches": 0}
    trainer = Trainer(accelerator="cpu", max_epochs=1, **none, **quiet, **settings)
    trainer.fit(model, data)
    torch.save([tuple(batch) for batch in model.batches], f"{folder}/{trainer.global_rank}.pt")


def test_two_processes_read_the_streams_of_one(poems, tmp_path, one_thread):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    together(train_share, poems, tmp_path / "two")
    train(poems, 8, tmp_path / "one")
    one = torch.load(tmp_path / "one" / "0.pt")
    two = [torch.load(tmp_path / "two" / f"{rank}.pt") for rank in range(2)]
    assert len(one) == len(two[0]) == len(two[1]) > 5
    for batch, *shares in zip(one, *two, strict=True):
        for field in range(3):  # inputs, targets, characters
            both = torch.empty_like(batch[field])
            both[0::2], both[1::2] = shares[0][field], shares[1][field]
            assert torch.equal(both, batch[field])
        assert batch[3] == shares[0][3] == shares[1][3]
