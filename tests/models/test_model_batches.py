"""Batches at the edge: empty ones, one that is computed again, a step that fails, a fit after another."""

from functools import partial

import pytest
import torch
from lightning.pytorch import Callback
from torch.optim import SGD

from dlcore.models import MLP

TASKS = {
    "multiclass": ({"num_classes": 3}, torch.tensor([0, 2, 1, 1])),
    "weighted": ({"num_classes": 3, "class_weights": [1.0, 0.1, 7.0]}, torch.tensor([0, 2, 1, 1])),
    "binary": ({"task": "binary"}, torch.tensor([0, 1, 1, 0])),
    "regression": ({"task": "regression"}, torch.tensor([[0.5], [1.0], [-2.0], [3.0]])),
}


def make_model(**settings):
    torch.manual_seed(1)
    return MLP([8], optimizer=partial(SGD, lr=0.1), in_features=4, **{"num_classes": 3, **settings})


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("part", ["val", "test"])
def test_an_empty_batch_counts_nothing(name, part):
    settings, targets = TASKS[name]
    torch.manual_seed(1)
    model = MLP([8], in_features=4, **settings).eval()
    metrics = {"val": model.val_metrics, "test": model.test_metrics}[part]
    step = {"val": model.validation_step, "test": model.test_step}[part]
    inputs = torch.randn(4, 4)
    found = []
    for batches in ([4], [0, 4], [4, 0], [1, 0, 3]):
        metrics.reset()
        for number, batch in enumerate(zip(inputs.split(batches), targets.split(batches), strict=True)):
            with torch.no_grad():
                step(batch, number)
        found.append({each: value.tolist() for each, value in metrics.compute().items()})
    for other in found[1:3]:
        assert other == found[0]
    for each, value in found[3].items():
        torch.testing.assert_close(torch.tensor(value), torch.tensor(found[0][each]))


@pytest.mark.parametrize("name", TASKS)
def test_an_empty_training_batch_has_gradients_of_zero_and_counts_nothing(name):
    settings, targets = TASKS[name]
    model = MLP([8], in_features=4, **settings)
    model.loss((torch.randn(4, 4), targets), model.train_metrics)
    before = {each: value.tolist() for each, value in model.train_metrics.compute().items()}
    loss = model.loss((torch.randn(0, 4), targets[:0]), model.train_metrics)
    loss.backward()
    assert loss == 0
    assert all(not parameter.grad.any() for parameter in model.parameters())
    assert {each: value.tolist() for each, value in model.train_metrics.compute().items()} == before


def test_a_second_fit_counts_its_batches_from_the_first(tiny_data, make_trainer, memory_logger):
    model = make_model()
    for _ in range(2):
        make_trainer(logger=memory_logger, limit_train_batches=1).fit(model, datamodule=tiny_data())
    for name in ("train/loss", "train/loss_step", "lr"):
        assert [step for step, _ in memory_logger.column(name)] == [0, 0], name


class Stop(Callback):
    """Ends the training with an error in the backward pass of the third step."""

    def on_after_backward(self, trainer, pl_module):
        if trainer.global_step == 2:
            raise RuntimeError("here it ends")

    def on_exception(self, trainer, pl_module, exception):
        self.rate = trainer.optimizers[0].param_groups[0]["lr"]


def test_a_step_of_the_warm_up_that_fails_leaves_the_full_rate(tiny_data, make_trainer):
    stop = Stop()
    with pytest.raises(RuntimeError, match="here it ends"):
        make_trainer(callbacks=[stop]).fit(make_model(warmup_steps=10), datamodule=tiny_data())
    assert stop.rate == 0.1  # as a checkpoint that is saved now would have it


class Rates(Callback):
    """Notes the rate that each step has."""

    def __init__(self):
        self.rates = []

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        self.rates.append(optimizer.param_groups[0]["lr"])


@pytest.mark.parametrize("group", [1, 3])
def test_the_logged_rate_is_the_one_of_the_step(group, tiny_data, make_trainer, memory_logger):
    look = Rates()
    trainer = make_trainer(logger=memory_logger, accumulate_grad_batches=group, callbacks=[look])
    trainer.fit(make_model(warmup_steps=5), datamodule=tiny_data())
    assert look.rates == pytest.approx([0.02, 0.04, 0.06, 0.08, 0.1, 0.1, 0.1] if group == 1 else [0.02, 0.04, 0.06])
    assert [rate for _, rate in memory_logger.column("lr")] == pytest.approx(look.rates)
    assert trainer.optimizers[0].param_groups[0]["lr"] == 0.1
