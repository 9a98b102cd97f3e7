import math

import pytest
import torch
from torch import nn

from dlcore.errors import UnknownNameError
from dlcore.nn import activation_names, make_activation


def _value_and_slope(name: str, x: float) -> tuple[float, float]:
    point = torch.tensor([[x]], dtype=torch.float64, requires_grad=True)
    value = make_activation(name).double()(point)
    value.sum().backward()
    return value.item(), point.grad.item()


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def _normal_cdf(x: float) -> float:
    return (1 + math.erf(x / math.sqrt(2))) / 2


ALPHA, SCALE = (
    1.6732632423543772,
    1.0507009873554805,
)  # of SELU: Klambauer et al. (2017), "Self-normalizing neural nets"
KNOWN = [  # name, x, value, slope
    ("Sigmoid", 0.0, 0.5, 0.25),
    ("Sigmoid", 1.0, _sigmoid(1), _sigmoid(1) * (1 - _sigmoid(1))),
    ("Tanh", 0.0, 0.0, 1.0),
    ("Tanh", 1.0, math.tanh(1), 1 - math.tanh(1) ** 2),
    ("ReLU", -2.0, 0.0, 0.0),
    ("ReLU", 0.0, 0.0, 0.0),
    ("ReLU", 2.0, 2.0, 1.0),
    ("LeakyReLU", -2.0, -0.02, 0.01),
    ("LeakyReLU", 2.0, 2.0, 1.0),
    ("PReLU", -2.0, -0.5, 0.25),
    ("PReLU", 2.0, 2.0, 1.0),
    ("ELU", -1.0, math.exp(-1) - 1, math.exp(-1)),
    ("ELU", 2.0, 2.0, 1.0),
    ("SELU", -1.0, SCALE * ALPHA * (math.exp(-1) - 1), SCALE * ALPHA * math.exp(-1)),
    ("SELU", 2.0, SCALE * 2, SCALE),
    ("GELU", 1.0, _normal_cdf(1), _normal_cdf(1) + math.exp(-0.5) / math.sqrt(2 * math.pi)),
    ("SiLU", 1.0, _sigmoid(1), _sigmoid(1) + _sigmoid(1) * (1 - _sigmoid(1))),
    ("Softplus", 0.0, math.log(2), 0.5),
    ("Identity", -3.0, -3.0, 1.0),
]


@pytest.mark.parametrize(("name", "x", "value", "slope"), KNOWN)
def test_has_the_known_value_and_slope(name, x, value, slope):
    # 1e-7 and not less: torch keeps PReLU's and SELU's constants in float32.
    assert _value_and_slope(name, x) == pytest.approx((value, slope), abs=1e-7)


@pytest.mark.parametrize(("name", "peak"), [("Sigmoid", 0.25), ("Tanh", 1.0)])
def test_slope_of_sigmoid_and_tanh_peaks_at_zero(name, peak):
    slopes = [_value_and_slope(name, x / 10)[1] for x in range(-80, 81)]
    assert max(slopes) == slopes[80] == peak


@pytest.mark.parametrize(("name", "beyond", "low", "high"), [("Sigmoid", 6.0, 0.0, 1.0), ("Tanh", 3.0, -1.0, 1.0)])
def test_sigmoid_and_tanh_saturate(name, beyond, low, high):
    assert _value_and_slope(name, beyond) == pytest.approx((high, 0.0), abs=0.01)
    assert _value_and_slope(name, -beyond) == pytest.approx((low, 0.0), abs=0.01)


def test_tanh_is_a_stretched_sigmoid():
    x = torch.linspace(-8, 8, 1001)
    torch.testing.assert_close(make_activation("Tanh")(x) + 1, 2 * make_activation("Sigmoid")(2 * x), atol=1e-6, rtol=0)


def test_prelu_learns_its_slope_below_zero():
    x = torch.linspace(-3, 3, 61)
    layer = make_activation("PReLU")
    with torch.no_grad():
        layer.weight.fill_(0.7)
    torch.testing.assert_close(layer(x), x.clamp(min=0) + 0.7 * x.clamp(max=0))
    layer(x).sum().backward()
    torch.testing.assert_close(layer.weight.grad, x.clamp(max=0).sum().reshape(1))


def test_softmax_of_the_lesson_sums_to_one_and_its_last_is_the_largest():
    scores = torch.tensor([[0.2, 0.02, 0.15, 1.3, 0.5, 0.06, 1.1, 0.05, 3.75]])
    shares = make_activation("Softmax")(scores)
    assert shares.sum().item() == pytest.approx(1, abs=1e-6)
    assert shares.argmax().item() == 8


@pytest.mark.parametrize("name", ["Softmax", "LogSoftmax", "Softmin"])
def test_softmax_and_its_relatives_normalise_each_sample(name):
    outputs = make_activation(name)(torch.randn(5, 4))
    shares = outputs.exp() if name == "LogSoftmax" else outputs
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(5))


@pytest.mark.parametrize("name", activation_names())
def test_every_offered_activation_works_on_a_batch_and_keeps_its_shape(name):
    outputs = make_activation(name)(torch.randn(5, 4))
    assert outputs.shape == (5, 4)
    assert outputs.isfinite().all()


@pytest.mark.parametrize(
    ("spelling", "layer"),
    [
        ("ReLU", nn.ReLU), ("relu", nn.ReLU), ("RELU", nn.ReLU),
        ("LeakyReLU", nn.LeakyReLU), ("leaky_relu", nn.LeakyReLU), ("leakyrelu", nn.LeakyReLU),
        ("log_softmax", nn.LogSoftmax), ("LogSigmoid", nn.LogSigmoid), ("hard_tanh", nn.Hardtanh),
        ("PReLU", nn.PReLU), ("gelu", nn.GELU), ("Identity", nn.Identity), ("linear", nn.Identity),
        ("SiLU", nn.SiLU), ("swish", nn.SiLU),
    ],
)  # fmt: skip
def test_is_found_by_any_spelling(spelling, layer):
    assert type(make_activation(spelling)) is layer


@pytest.mark.parametrize(
    ("name", "meant"), [("sigmod", "Sigmoid"), ("leaky_rleu", "LeakyReLU"), ("softmx", "Softmax"), ("glu", "GELU")]
)
def test_a_mistyped_name_gets_the_nearest(name, meant):
    with pytest.raises(UnknownNameError) as caught:
        make_activation(name)
    assert str(caught.value) == f"Unknown activation: {name!r}. Did you mean {meant!r}?"


@pytest.mark.parametrize("name", ["GLU", "MultiheadAttention", "Softmax2d", "Threshold", "", "Linear1"])
def test_offers_nothing_that_is_no_activation_of_one_number(name):
    with pytest.raises(UnknownNameError, match=rf"^Unknown activation: '{name}'\."):
        make_activation(name)
