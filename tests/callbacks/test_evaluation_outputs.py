"""The outputs that are kept of a test, of any module."""

import pytest
import torch
from lightning.pytorch import LightningModule
from torch.utils.data import DataLoader, TensorDataset

from dlcore.callbacks import evaluation_outputs
from dlcore.callbacks.evaluation_outputs import EvaluationOutputs, Packed
from dlcore.models import MLP


def kept_of(make_trainer, model, data=None, loaders=None):
    kept = EvaluationOutputs()
    trainer = make_trainer(callbacks=[kept], logger=False)
    trainer.test(model, datamodule=data, dataloaders=loaders, verbose=False)
    assert not model._forward_hooks
    return kept


def test_raw_scores_and_targets_of_all_samples(make_trainer, tiny_data):
    data, model = tiny_data(), MLP([5], in_features=4, num_classes=3)
    kept = kept_of(make_trainer, model, data)
    inputs, targets = data.parts["test"].fetch(data.parts["test"].indices)
    assert torch.allclose(kept.outputs, model.eval()(inputs), atol=1e-6)
    assert torch.equal(kept.targets, targets)
    assert kept.why_none == ""


def test_a_second_evaluation_begins_anew(make_trainer, tiny_data):
    data, model, kept = tiny_data(), MLP([5], in_features=4, num_classes=3), EvaluationOutputs()
    trainer = make_trainer(callbacks=[kept], logger=False)
    trainer.validate(model, datamodule=data, verbose=False)
    assert len(kept.outputs) == 53
    trainer.test(model, datamodule=data, verbose=False)
    assert len(kept.outputs) == 47


class Aside(LightningModule):
    """Does not go through forward in a test."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 3)

    def test_step(self, batch, batch_idx):
        self.log("test_loss", self.layer(batch[0]).square().mean())


class Answering(Aside):
    def predict_step(self, batch, batch_idx):
        return self.layer(batch[0]).softmax(dim=1)


class OfSeveral(Answering):
    def predict_step(self, batch, batch_idx, dataloader_idx=0):
        return super().predict_step(batch, batch_idx)


def some(count=5):
    return TensorDataset(torch.randn(count, 4), torch.zeros(count, dtype=torch.long))


def test_without_forward_the_predictions_are_kept(make_trainer):
    kept = kept_of(make_trainer, Answering(), loaders=DataLoader(some(), batch_size=2))
    assert kept.outputs.shape == (5, 3)
    assert torch.allclose(kept.outputs.sum(dim=1), torch.ones(5))


@pytest.mark.parametrize(
    ("loaders", "why"),
    [
        (DataLoader(some()), "neither forward() nor predict_step() returns a row for each sample"),
        (DataLoader(torch.randn(3, 4)), "a batch is no pair of inputs and targets"),
    ],
)
def test_why_there_are_none(make_trainer, loaders, why):
    model = Aside()
    model.test_step = lambda batch, batch_idx: None
    kept = kept_of(make_trainer, model, loaders=loaders)
    assert kept.outputs is None
    assert kept.why_none == why


def test_several_loaders_have_no_report(make_trainer):
    model = Answering()
    model.test_step = lambda batch, batch_idx, dataloader_idx: None
    kept = kept_of(make_trainer, model, loaders=[DataLoader(some()), DataLoader(some())])
    assert kept.why_none == "its data have several loaders"
    assert kept.outputs is None


def test_outputs_beyond_the_memory_are_not_kept(make_trainer, monkeypatch):
    monkeypatch.setattr(evaluation_outputs, "_MOST", 10)
    kept = kept_of(make_trainer, Answering(), loaders=DataLoader(some(), batch_size=2))
    assert kept.outputs is None
    assert kept.why_none == "there are more than 200 million outputs"


def test_predictions_are_those_that_lightning_returns_in_few_blocks_of_memory(make_trainer, tiny_data):
    data, model, kept = tiny_data(), MLP([5], in_features=4, num_classes=3), EvaluationOutputs()
    trainer = make_trainer(callbacks=[kept])
    returned = trainer.predict(model, data)
    assert len(returned) > 1
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(kept.predictions, returned, strict=True))
    assert len({each.untyped_storage().data_ptr() for each in kept.predictions}) == 1
    model = OfSeveral()
    loaders = [DataLoader(some(5), batch_size=2), DataLoader(some(3), batch_size=3)]
    trainer.predict(model, loaders, return_predictions=False)
    assert [[len(batch) for batch in each] for each in kept.predictions] == [[2, 2, 1], [3]]


def test_packed_tensors_keep_type_shape_and_values():
    packed = Packed()
    tensors = [torch.arange(6).view(2, 3), torch.rand(3, 2), torch.rand(700), torch.zeros(0, 2), torch.tensor(True)]
    copies = [packed(each) for each in tensors]
    for copied, tensor in zip(copies, tensors, strict=True):
        assert (copied.dtype, copied.shape) == (tensor.dtype, tensor.shape)
        assert torch.equal(copied, tensor)
