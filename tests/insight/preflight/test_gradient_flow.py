"""The gradient on its way back: known factors of small networks, in dlcore's models and in modules of anybody."""

import math

import lightning.pytorch as pl
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from dlcore.errors import FitError
from dlcore.insight.gradient_flow import draw_gradient_flow, gradient_flow
from dlcore.insight.preflight.case import Case


class Chain(pl.LightningModule):
    """Multiplies by 3, by 0.5 twice with the same layer, and is squared; one layer is never used."""

    def __init__(self):
        super().__init__()
        self.first, self.twice, self.unused = (nn.Linear(1, 1, bias=False) for _ in range(3))
        self.loss = nn.MSELoss(reduction="sum")
        nn.init.constant_(self.first.weight, 3.0)
        nn.init.constant_(self.twice.weight, 0.5)

    def training_step(self, batch, batch_idx):
        x, y = batch
        return self.loss(self.twice(self.twice(self.first(x))), y)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


class Ones(pl.LightningDataModule):
    def train_dataloader(self):
        return DataLoader(TensorDataset(torch.ones(4, 1), torch.zeros(4, 1)), batch_size=4)


def test_each_factor_is_that_of_the_layer_after(make_trainer):
    flow = gradient_flow(Case(Chain(), Ones(), make_trainer()))
    assert flow.samples == 4
    assert flow.loss == pytest.approx(4 * 0.75**2)
    assert [(each.name, each.kind, each.shape) for each in flow.layers] == [
        ("first", "Linear", (1,)),
        ("twice", "Linear", (1,)),
        ("twice", "Linear", (1,)),
    ]
    # The loss's gradient by each of 4 outputs is 2 * 0.75; a layer multiplies it by its weight.
    assert [each.factor for each in flow.layers[:2]] == pytest.approx([0.5, 0.5])
    assert math.isnan(flow.layers[2].factor)
    assert flow.layers[2].output == pytest.approx(2 * 0.75 * 2)  # the norm of 4 equal numbers is twice each
    assert flow.layers[0].parameters == pytest.approx({"weight": 4 * 2 * 0.75 * 0.25})
    assert draw_gradient_flow(flow, "链").axes


def test_a_deep_network_of_sigmoids_loses_its_gradient(make_trainer, make_model, tiny_data):
    flow = gradient_flow(Case(make_model(hidden_sizes=(20,) * 5, activation="Sigmoid"), tiny_data(), make_trainer()))
    assert all(each.factor < 1 for each in flow.layers[:-1])
    assert flow.layers[0].output < 1e-3 * flow.layers[-1].output


def test_a_frozen_model_is_a_line(make_trainer):
    with pytest.raises(FitError, match="expected parameters that learn, got none in Chain"):
        gradient_flow(Case(Chain().requires_grad_(False), Ones(), make_trainer()))
