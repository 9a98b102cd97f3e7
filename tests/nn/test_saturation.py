import pytest
import torch
from torch import nn

from dlcore.nn import saturated


@pytest.mark.parametrize(
    ("activation", "edge"), [(nn.Sigmoid(), 6), (nn.Tanh(), 3), (nn.Softsign(), 9.5)], ids=lambda value: str(value)
)
def test_an_activation_is_saturated_where_its_derivative_is_below_a_hundredth_of_its_peak(activation, edge):
    inputs = torch.tensor([-edge - 0.1, -edge + 0.6, 0.0, edge - 0.6, edge + 0.1], requires_grad=True)
    outputs = activation(inputs)
    outputs.sum().backward()
    assert saturated(activation, outputs).tolist() == [True, False, False, False, True]
    peak = inputs.grad.max()
    assert (inputs.grad < peak / 100).tolist() == [True, False, False, False, True]


def test_a_recurrent_layer_is_saturated_as_its_tanh_is():
    outputs = torch.tensor([0.5, 0.999])
    assert saturated(nn.RNN(1, 1), outputs).tolist() == [False, True]
    assert saturated(nn.RNN(1, 1, nonlinearity="relu"), outputs) is None


def test_a_clipped_activation_is_saturated_at_its_bounds():
    inputs = torch.tensor([-4.0, -1.0, -0.9, 0.9, 1.0, 4.0])
    assert saturated(nn.Hardtanh(), nn.Hardtanh()(inputs)).tolist() == [True, True, False, False, True, True]
    assert saturated(nn.Hardsigmoid(), nn.Hardsigmoid()(inputs)).tolist() == [True, False, False, False, False, True]


@pytest.mark.parametrize("activation", [nn.ReLU(), nn.ReLU6(), nn.GELU(), nn.LogSigmoid(), nn.Identity()])
def test_others_do_not_saturate(activation):
    assert saturated(activation, activation(torch.linspace(-20, 20, 9))) is None
