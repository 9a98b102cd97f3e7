"""Training pictures are changed by chance, and mixed."""

import pytest
import torch
from image_files import ready

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("own_cache")]


def test_training_batches_are_changed_by_seed_epoch_and_sample_and_others_never(folder):
    changes = {"flip": 0.5, "crop": 0.3, "color": 0.4}
    data, again = (ready(folder, **changes, batch_size=size) for size in (8, 3))
    again.order_seed = data.order_seed
    seen = []
    for one in (data, again):
        batches = list(one.train_dataloader())
        numbers = torch.cat([batch[2] for batch in batches])
        inputs = torch.cat([one.on_after_batch_transfer(batch, 0)[0] for batch in batches])
        seen.append(inputs[numbers.argsort()])
    torch.testing.assert_close(*seen)
    batch = next(iter(data.val_dataloader()))
    assert len(batch) == 2
    assert torch.equal(data.on_after_batch_transfer(batch, 0)[0], data.transform(batch[0]))
    data.trainer = type("Trainer", (), {"current_epoch": 1, "precision_plugin": torch.nn.Identity()})()
    data.trainer.precision_plugin.convert_input = lambda inputs: inputs
    batch = batches[0]
    there = data.on_after_batch_transfer(batch, 0)[0]
    data.trainer.current_epoch = 2
    assert not torch.allclose(there, data.on_after_batch_transfer(batch, 0)[0], atol=0.1)


def test_mixing_gives_shares_of_the_classes(folder):
    data = ready(folder, mixup=0.5)
    _, targets = data.on_after_batch_transfer(next(iter(data.train_dataloader())), 0)
    assert targets.shape == (8, 3)
    torch.testing.assert_close(targets.sum(1), torch.ones(8))
