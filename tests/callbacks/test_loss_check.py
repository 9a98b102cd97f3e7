"""Losses that do not fit the outputs are known by their value; losses that fit, and unknown ones, are not accused."""

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from torch import nn
from torch.nn.functional import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    l1_loss,
    log_softmax,
    mse_loss,
    nll_loss,
)
from torch.utils.data import DataLoader, TensorDataset

from dlcore.callbacks import StepsPerExecution
from dlcore.callbacks.loss_check import LossCheck, mismatch
from dlcore.callbacks.run_events import RunEvents
from dlcore.diagnosis import diagnose
from dlcore.models import MLP
from dlcore.tracking import RunLogger

SCORES = torch.linspace(-2, 3, 40).sin().reshape(10, 4).requires_grad_() * 2
CLASSES = torch.arange(10) % 4
NUMBERS = torch.linspace(-1, 2, 10)
COINS = (CLASSES % 2).float()
ONE = SCORES[:, :1]  # (10, 1)


@pytest.mark.parametrize(
    ("outputs", "targets", "loss", "what"),
    [
        (SCORES, CLASSES, cross_entropy, None),
        (log_softmax(SCORES, 1), CLASSES, nll_loss, None),
        (log_softmax(SCORES, 1), CLASSES, cross_entropy, None),  # the same twice is the same
        (SCORES.softmax(1), CLASSES, lambda p, y: nll_loss(p.log(), y), None),
        (SCORES.relu(), CLASSES, lambda o, y: cross_entropy(o, y, label_smoothing=0.1), None),  # another loss: unknown
        (SCORES.softmax(1), CLASSES, cross_entropy, "softmax_twice"),
        (SCORES.softmax(0), CLASSES, cross_entropy, "softmax_over_batch"),
        (SCORES.softmax(0), CLASSES, lambda o, y: cross_entropy(o, y, reduction="sum"), "softmax_over_batch"),
        (SCORES.sigmoid(), CLASSES, cross_entropy, "sigmoid_twice"),
        (SCORES.relu(), CLASSES, cross_entropy, "rectified"),
        (SCORES, CLASSES, nll_loss, "not_log_probabilities"),
        (SCORES, CLASSES, lambda o, y: -cross_entropy(o, y), "maximised"),
        (ONE.flatten(), COINS, binary_cross_entropy_with_logits, None),
        (ONE.flatten().sigmoid(), COINS, binary_cross_entropy, None),
        (ONE.sigmoid().squeeze(1), COINS, binary_cross_entropy_with_logits, "sigmoid_twice"),
        (ONE, COINS[:, None], binary_cross_entropy_with_logits, None),
        (ONE, NUMBERS[:, None], mse_loss, None),
        (ONE, NUMBERS, lambda o, y: mse_loss(o.squeeze(1), y), None),
        (ONE.relu().flatten(), NUMBERS, mse_loss, None),  # numbers that are never negative
        (ONE, NUMBERS, lambda o, y: ((o - y) ** 2).mean(), "shapes"),
        (ONE, NUMBERS, lambda o, y: (o - y).abs().mean(), "shapes"),
        (ONE.flatten(), NUMBERS[:, None], lambda o, y: ((o - y) ** 2).mean(), "shapes"),
        (ONE.flatten(), NUMBERS, lambda o, y: -l1_loss(o, y), "maximised"),
    ],
)
def test_a_loss_is_known_by_its_value(outputs, targets, loss, what):
    assert mismatch(outputs, targets, loss(outputs, targets).item()).get("what") == what


@pytest.mark.parametrize(
    ("outputs", "targets"),
    [
        (SCORES, torch.full((10,), -100)),  # padding, which cross-entropy ignores
        (SCORES, CLASSES[:5]),
        (SCORES * float("nan"), CLASSES),
        (SCORES[:1], CLASSES[:1]),
        (SCORES.reshape(5, 2, 4), CLASSES[:5]),
    ],
)
def test_what_is_no_batch_of_answers_is_left_alone(outputs, targets):
    assert mismatch(outputs, targets, 1.0) == {}


class Ours(MLP):
    """A model of our own: its loss fits."""


class Theirs(LightningModule):
    """A module whose forward nobody calls: it uses its network."""

    def __init__(self, last=None):
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(2, 3), *([] if last is None else [last]))

    def training_step(self, batch, batch_idx):
        loss = cross_entropy(self.net(batch[0]), batch[1])
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, batch_idx):
        pass

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.01)


@pytest.mark.parametrize(
    ("module", "said"),
    [
        (Ours(hidden_sizes=[], in_features=2, num_classes=3), ""),
        (Theirs(), ""),
        (Theirs(nn.ReLU()), "Loss: the outputs have passed a ReLU, and cross_entropy expects raw scores"),
        (Theirs(nn.Softmax(0)), "Loss: the outputs sum to 1 over the batch"),
    ],
)
@pytest.mark.parametrize("accumulate", [1, 2])
def test_it_is_said_in_the_first_batch_and_by_explain(module, said, accumulate, tmp_path, capsys):
    data = DataLoader(TensorDataset(torch.randn(64, 2), torch.arange(64) % 3), batch_size=16)
    trainer = Trainer(
        max_epochs=2, accelerator="cpu", callbacks=[StepsPerExecution(), RunEvents()],
        logger=RunLogger(tmp_path), enable_progress_bar=False, enable_model_summary=False, limit_val_batches=0,
        accumulate_grad_batches=accumulate, enable_checkpointing=False, log_every_n_steps=1,
    )  # fmt: skip
    trainer.fit(module, data, data)
    out = capsys.readouterr().out
    assert out.count("Loss: ") == bool(said)
    assert said in out
    assert ("mismatched_loss" in [each.name for each in diagnose(tmp_path).faults]) == bool(said)


def test_hooks_are_removed_and_nothing_is_kept():
    module = Theirs()
    check = LossCheck(module)
    module.net(torch.zeros(2, 2))
    assert check.compare("no batch", 1.0) == {}
    assert not module.net._forward_hooks
    assert not module._forward_hooks
    assert check.compare([torch.zeros(2, 2), CLASSES[:2]], 1.0) == {}  # it has seen nothing since
