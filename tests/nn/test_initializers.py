import math
import warnings

import pytest
import torch
from torch import nn

from dlcore.errors import ArgumentError, UnknownNameError
from dlcore.nn import initialize, initializer_names, perceptron

FAN_IN, FAN_OUT = 500, 700


def _weight(name: str) -> torch.Tensor:
    layer = nn.Linear(FAN_IN, FAN_OUT)
    initialize(layer, name)
    return layer.weight.detach()


NORMAL = {
    "normal": 0.01,
    "xavier_normal": math.sqrt(2 / (FAN_IN + FAN_OUT)),
    "glorot_normal": math.sqrt(2 / (FAN_IN + FAN_OUT)),
    "kaiming_normal": math.sqrt(2 / FAN_IN),
    "he_normal": math.sqrt(2 / FAN_IN),
}
UNIFORM = {
    "uniform": 0.05,
    "xavier_uniform": math.sqrt(6 / (FAN_IN + FAN_OUT)),
    "glorot_uniform": math.sqrt(6 / (FAN_IN + FAN_OUT)),
    "kaiming_uniform": math.sqrt(6 / FAN_IN),
    "he_uniform": math.sqrt(6 / FAN_IN),
}


# 350,000 values: the standard deviation of a mean is 0.0017 of theirs, that of a standard deviation 0.0012 of it.
@pytest.mark.parametrize(("name", "std"), NORMAL.items())
def test_normal_weights_have_the_known_standard_deviation(name, std):
    weight = _weight(name)
    assert weight.mean().item() == pytest.approx(0, abs=0.01 * std)
    assert weight.std().item() == pytest.approx(std, rel=0.01)
    beyond_two = (weight.abs() > 2 * std).float().mean().item()
    assert beyond_two == pytest.approx(0.0455, abs=0.003)  # a normal distribution's share


@pytest.mark.parametrize(("name", "limit"), UNIFORM.items())
def test_uniform_weights_fill_the_known_interval(name, limit):
    weight = _weight(name)
    assert weight.mean().item() == pytest.approx(0, abs=0.01 * limit)
    assert 0.999 * limit < weight.max() <= limit * (1 + 1e-6)
    assert -limit * (1 + 1e-6) <= weight.min() < -0.999 * limit
    assert weight.std().item() == pytest.approx(limit / math.sqrt(3), rel=0.01)


@pytest.mark.parametrize(("name", "value"), [("constant", 0.01), ("zeros", 0.0), ("ones", 1.0)])
def test_equal_weights_have_the_known_value(name, value):
    assert torch.equal(_weight(name), torch.full((FAN_OUT, FAN_IN), value))


def test_fan_in_of_a_convolution_counts_its_kernel():
    layer = nn.Conv2d(32, 64, kernel_size=5)
    initialize(layer, "kaiming_normal")
    assert layer.weight.std().item() == pytest.approx(math.sqrt(2 / (32 * 5 * 5)), rel=0.02)
    assert not layer.bias.any()


@pytest.mark.parametrize("name", [name for name in initializer_names() if name != "default"])
@pytest.mark.filterwarnings("ignore:initializer")
def test_biases_start_at_zero_in_every_layer(name):
    network = perceptron(20, [10, 10], 5)
    before = [parameter.clone() for parameter in network.parameters()]
    initialize(network, name)
    for layer in (network.linear_1, network.linear_2, network.output):
        assert not layer.bias.any()
    assert not any(torch.equal(old, new) for old, new in zip(before, network.parameters(), strict=True))


def test_default_keeps_what_torch_drew():
    network = perceptron(20, [10], 5)
    before = [parameter.clone() for parameter in network.parameters()]
    initialize(network, "default")
    assert all(torch.equal(old, new) for old, new in zip(before, network.parameters(), strict=True))
    assert network.linear_1.bias.any()


def test_batch_norm_keeps_its_own_start():
    network = perceptron(20, [10], 5, batch_norm=True)
    initialize(network, "normal")
    assert torch.equal(network.batch_norm_1.weight, torch.ones(10))


def test_a_layer_without_bias_is_fine():
    layer = nn.Linear(3, 2, bias=False)
    initialize(layer, "ones")
    assert layer.weight.tolist() == [[1.0] * 3] * 2


def test_a_seed_determines_the_weights():
    def draw(seed: int) -> torch.Tensor:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return _weight("xavier_uniform")

    assert torch.equal(draw(1), draw(1))
    assert not torch.equal(draw(1), draw(2))


@pytest.mark.parametrize("name", ["constant", "zeros", "ones"])
def test_warns_that_equal_hidden_units_stay_equal(name):
    with pytest.warns(UserWarning, match=f"^initializer '{name}' makes all units of a hidden layer equal"):
        initialize(perceptron(4, [3], 2), name)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.filterwarnings("ignore:initializer")
@pytest.mark.parametrize(("dropout", "stay_equal"), [(0.0, True), (0.5, False)])
def test_what_the_warning_says_is_so(dropout, stay_equal):
    network = perceptron(4, [6], 2, "Tanh", dropout=dropout)
    initialize(network, "constant")
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
    inputs, targets = torch.randn(32, 4), torch.arange(32) % 2
    start = network.linear_1.weight.detach().clone()
    for _ in range(5):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(inputs), targets).backward()
        optimizer.step()
    weight = network.linear_1.weight
    assert not torch.equal(weight, start)
    assert torch.allclose(weight, weight[:1].expand_as(weight)) is stay_equal


@pytest.mark.parametrize("name", ["zeros", "normal"])
def test_does_not_warn_where_nothing_is_lost(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        initialize(perceptron(4, [], 2), name)  # softmax regression learns from zeros as well
        initialize(perceptron(4, [3], 2), "normal")


def test_a_mistyped_name_gets_the_nearest():
    with pytest.raises(
        UnknownNameError, match=r"^Unknown initializer: 'xavier_norml'\. Did you mean 'xavier_normal'\?$"
    ):
        initialize(nn.Linear(2, 2), "xavier_norml")


def test_knows_every_name_of_the_lesson():
    assert set(initializer_names()) >= {*NORMAL, *UNIFORM, "constant", "zeros", "ones", "default"}


# Arguments


def test_arguments_stand_in_brackets():
    assert _weight("normal(std=0.02)").std().item() == pytest.approx(0.02, rel=0.01)
    assert _weight("normal(mean=1.0, std=0.02)").mean().item() == pytest.approx(1, abs=0.001)
    assert _weight("uniform(a=1, b=2)").min().item() >= 1
    assert _weight("he_normal(mode='fan_out')").std().item() == pytest.approx(math.sqrt(2 / FAN_OUT), rel=0.01)
    assert _weight("xavier_uniform(gain=2)").max().item() == pytest.approx(2 * UNIFORM["xavier_uniform"], rel=0.001)
    assert _weight("trunc_normal(std=1, a=-0.5, b=0.5)").abs().max().item() <= 0.5
    assert torch.equal(_weight("constant(value=0.5)"), torch.full((FAN_OUT, FAN_IN), 0.5))
    assert torch.equal(_weight("constant(0.5)"), torch.full((FAN_OUT, FAN_IN), 0.5))


def test_orthogonal_columns_are_orthonormal():
    weight = _weight("orthogonal")
    torch.testing.assert_close(weight.T @ weight, torch.eye(FAN_IN), atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("normal(sdt=0.1)", "Unknown argument of normal (in initializer): 'sdt'. Did you mean 'std'?"),
        ("normal(std='a')", "initializer.std: expected a number, got 'a'."),
        ("normal(std=-1)", "initializer: expected values in brackets that torch accepts ("),
        ("uniform(a=1, b=0)", "initializer: expected values in brackets that torch accepts ("),
        ("kaiming_normal(nonlinearity='relo')", "initializer: expected values in brackets that torch accepts ("),
        ("zeros(1)", "initializer: expected zeros without arguments, got 'zeros(1)'."),
        ("default(1)", "initializer: expected default without arguments, got 'default(1)'."),
    ],
)
def test_wrong_arguments_are_named(text, message):
    with pytest.raises((ArgumentError, UnknownNameError)) as caught:
        _weight(text)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("text", ["constant(value=0.5)", "normal(std=0)", "uniform(a=0.1, b=0.1)"])
def test_warns_of_equal_units_however_they_became_equal(text):
    with pytest.warns(UserWarning, match="makes all units of a hidden layer equal"):
        initialize(perceptron(4, [3], 2), text)
