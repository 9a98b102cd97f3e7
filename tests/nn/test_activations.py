import math

import pytest
import torch
from torch import nn

from dlcore.errors import ArgumentError, UnknownNameError
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


@pytest.mark.parametrize("name", ["GLU", "MultiheadAttention", "Softmax2d", "", "Linear1"])
def test_offers_nothing_that_is_no_activation_of_one_number(name):
    with pytest.raises(UnknownNameError, match=rf"^Unknown activation: '{name}'\."):
        make_activation(name)


# Arguments


@pytest.mark.parametrize(
    ("text", "x", "value"),
    [
        ("leaky_relu(negative_slope=0.2)", -2.0, -0.4),
        ("LeakyReLU(0.2)", -2.0, -0.4),
        (" leaky_relu( negative_slope = 2e-1 ) ", -2.0, -0.4),
        ("leaky_relu()", -2.0, -0.02),
        ("elu(alpha=2)", -1.0, 2 * (math.exp(-1) - 1)),
        ("prelu(init=0.5)", -2.0, -1.0),
        ("softplus(beta=2.0)", 0.0, math.log(2) / 2),
        ("hardtanh(min_val=-0.5, max_val=0.25)", 3.0, 0.25),
        ("gelu(approximate='tanh')", 1.0, 0.5 * (1 + math.tanh(math.sqrt(2 / math.pi) * 1.044715))),
        ("threshold(threshold=0.5, value=-7)", 0.4, -7.0),
        ("Threshold(0.5, -7)", 0.6, 0.6),
    ],
)
def test_arguments_stand_in_brackets(text, x, value):
    assert _value_and_slope(text, x)[0] == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("leaky_relu(slope=0.2)", "Unknown argument of LeakyReLU (in activation): 'slope'. There are: negative_slope."),
        ("leaky_relu(negativ_slope=0.2)", "Unknown argument of LeakyReLU (in activation): 'negativ_slope'. Did "),
        ("relu(inplace=True)", "activation: expected ReLU without arguments, got 'relu(inplace=True)'."),
        ("softmax(dim=0)", "activation: expected Softmax without arguments, got 'softmax(dim=0)'."),
        ("leeky_relu(0.2)", "Unknown activation: 'leeky_relu'. Did you mean 'LeakyReLU'?"),
        ("leaky_relu(negative_slope='a')", "activation.negative_slope: expected a number, got 'a'."),
        ("leaky_relu(1e999)", "activation.negative_slope: expected a number, got inf."),
        ("leaky_relu(True)", "activation.negative_slope: expected a number, got True."),
        ("leaky_relu(0.1, negative_slope=0.2)", "activation.negative_slope: expected one value, got "),
        ("leaky_relu(0.1, 0.2)", "activation: expected no more in brackets than negative_slope, got "),
        ("relu(1)", "activation: expected ReLU without arguments, got 'relu(1)'."),
        ("gelu(approximate=1)", "activation.approximate: expected text in quotes, got 1."),
        ("gelu(approximate='tan')", "activation: expected values in brackets that GELU can compute with ("),
        ("celu(alpha=0)", "activation: expected values in brackets that CELU can compute with ("),
        ("softplus(beta=0)", "activation: expected values in brackets that Softplus can compute with (some results"),
        ("rrelu(lower=0.5, upper=0.1)", "activation: expected values in brackets that RReLU can compute with ("),
        ("threshold", "activation.threshold: expected a number, which Threshold needs, got nothing. For example: "),
        ("threshold(0.1)", "activation.value: expected a number, which Threshold needs, got nothing."),
        ("leaky_relu(0.2", "activation: expected a name, or a name with plain values in brackets"),
        ("leaky_relu(__import__('os'))", "activation: expected a name, or a name with plain values in brackets"),
        ("leaky_relu(**{})", "activation: expected a name, or a name with plain values in brackets"),
        ("os.system('true')", "activation: expected a name, or a name with plain values in brackets"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_named(text, message):
    with pytest.raises((ArgumentError, UnknownNameError)) as caught:
        make_activation(text)
    assert str(caught.value).startswith(message)


def test_making_one_draws_no_random_numbers():
    state = torch.get_rng_state()
    make_activation("rrelu")
    assert torch.equal(torch.get_rng_state(), state)
