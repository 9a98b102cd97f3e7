"""The known numbers of parameters, and memory that can be counted by hand."""

from functools import partial

import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW, RMSprop

from dlcore.insight import summarize_model
from dlcore.models import CNN, MLP, Model
from dlcore.nn import make_task


class Pictures:
    """Says the shape of a sample; has no data."""

    def __init__(self, **facts):
        self.given = facts or {"image_shape": (1, 28, 28), "in_features": 784}

    def facts(self):
        return self.given


@pytest.mark.parametrize(
    ("hidden_sizes", "parameters"),
    [([512, 256], 535_818), ([1000], 795_010), ([1000, 1000], 1_796_010), ([], 7_850)],
)
def test_the_textbooks_networks_have_as_many_parameters(hidden_sizes, parameters):
    summary = summarize_model(MLP(hidden_sizes, in_features=784, num_classes=10), Pictures())
    assert summary.parameters == parameters
    assert summary.weight_bytes == 4 * parameters
    assert summary.input_shape == (1, 28, 28)


def test_each_layer_has_its_shape_parameters_and_memory():
    model = MLP([512], batch_norm=True, dropout=0.5, in_features=784, num_classes=10)
    layers = {layer.name: layer for layer in summarize_model(model, Pictures()).layers}
    assert list(layers) == ["flatten", "linear_1", "batch_norm_1", "activation_1", "dropout_1", "output"]
    assert [layer.output_shape for layer in layers.values()] == [(784,), *[(512,)] * 4, (10,)]
    assert [layer.parameters for layer in layers.values()] == [0, 401_408, 1024, 0, 0, 5130]
    assert layers["flatten"].output_bytes == 0  # the input under another shape
    assert [layers[name].output_bytes for name in ("linear_1", "dropout_1", "output")] == [2048, 2048, 40]
    assert layers["batch_norm_1"].weight_bytes == 4 * (1024 + 1024) + 8  # running statistics, and their count
    assert layers["linear_1"].kind == "Linear"


@pytest.mark.parametrize(
    ("optimizer", "numbers"),
    [(Adam, 2), (AdamW, 2), (partial(SGD, lr=0.1), 0), (partial(SGD, lr=0.1, momentum=0.9), 1), (RMSprop, 1)],
)
def test_what_the_optimiser_keeps_is_measured(optimizer, numbers):
    summary = summarize_model(MLP([], in_features=784, num_classes=10, optimizer=optimizer), Pictures())
    assert summary.state_per_parameter == numbers
    assert summary.optimizer_bytes == numbers * 4 * 7850
    assert summary.gradient_bytes == 4 * 7850


def test_the_model_is_left_as_it_was():
    model = MLP([5], batch_norm=True, dropout=0.5, in_features=784, num_classes=10).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    random_state = torch.get_rng_state()
    summarize_model(model, Pictures())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(module.training for module in model.modules())
    assert torch.equal(torch.get_rng_state(), random_state)
    assert not any(module._forward_hooks for module in model.modules())


def test_frozen_and_unused_layers_are_told_apart():
    model = MLP([5], in_features=784, num_classes=10)
    model.network.linear_1.requires_grad_(False)
    model.spare = nn.Linear(3, 3)
    summary = summarize_model(model, Pictures())
    layers = {layer.name: layer for layer in summary.layers}
    assert (layers["linear_1"].frozen, layers["output"].frozen) == (3925, 0)
    assert layers["spare"].output_shape is None
    assert summary.gradient_bytes == 4 * (60 + 12)


class Tied(Model):
    """Uses one layer twice, and its weights a third time."""

    def __init__(self):
        super().__init__(make_task("multiclass", 4), Adam, None)
        self.first, self.second = nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False)
        self.second.weight = self.first.weight

    def forward(self, inputs):
        return self.second(self.first(self.first(inputs)))


def test_shared_weights_count_once_and_repeated_outputs_each_time():
    summary = summarize_model(Tied(), Pictures(in_features=4))
    assert [(layer.name, layer.parameters, layer.output_bytes) for layer in summary.layers] == [
        ("first", 16, 32),
        ("second", 0, 16),
    ]


def test_data_that_do_not_say_their_shape_are_read(tiny_data, monkeypatch):
    monkeypatch.setattr(tiny_data, "facts", lambda self: {})
    summary = summarize_model(MLP([5], in_features=4, num_classes=3), tiny_data())
    assert (summary.input_shape, summary.parameters) == ((4,), 43)


def test_feature_maps_have_their_size_by_the_formula_beside_the_measured_one():
    model = CNN([2, 3], kernel_size=[5, 3], stride=[2, 1], padding=[0, 1], image_shape=[1, 28, 30], num_classes=10)
    summary = summarize_model(model, Pictures(image_shape=(1, 28, 30)))
    found = {layer.name: (layer.output_shape, layer.size_formulas) for layer in summary.layers if layer.size_formulas}
    assert found == {
        "block_1.conv_1": ((2, 12, 13), ("⌊(28 − 5 + 2·0)/2⌋ + 1 = 12", "⌊(30 − 5 + 2·0)/2⌋ + 1 = 13")),
        "block_1.pool": ((2, 6, 6), ("(12 − 2 + 2·0)/2 + 1 = 6", "⌊(13 − 2 + 2·0)/2⌋ + 1 = 6")),
        "block_2.conv_1": ((3, 6, 6), ("(6 − 3 + 2·1)/1 + 1 = 6",)),
        "block_2.pool": ((3, 3, 3), ("(6 − 2 + 2·0)/2 + 1 = 3",)),
    }
