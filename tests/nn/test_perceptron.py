import pytest
import torch
from torch import nn

from dlcore.errors import UnknownNameError
from dlcore.nn import perceptron


def _set_weights(network: nn.Sequential, *weights: list[list[float]]) -> None:
    """Give the linear layers these weights, in order, and biases of zero."""
    layers = [layer for layer in network if isinstance(layer, nn.Linear)]
    with torch.no_grad():
        for layer, weight in zip(layers, weights, strict=True):
            layer.weight.copy_(torch.tensor(weight))
            layer.bias.zero_()


@pytest.mark.parametrize("activation", ["Identity", "ReLU"])
def test_forward_pass_of_the_2_2_1_lesson(activation):
    network = perceptron(2, [2], 1, activation)
    _set_weights(network, [[1.0, 1.0], [-1.0, 1.0]], [[2.0, -1.0]])
    inputs = torch.tensor([[2.0, 3.0]])
    assert network[:-1](inputs).tolist() == [[5.0, 1.0]]
    assert network(inputs).tolist() == [[9.0]]


@pytest.mark.parametrize(
    ("hidden_sizes", "parameters"),
    [([512, 256], 535_818), ([1000], 795_010), ([1000, 1000], 1_796_010), ([], 7_850)],
)
def test_has_the_textbooks_number_of_parameters(hidden_sizes, parameters):
    network = perceptron(784, hidden_sizes, 10)
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters


def test_equals_a_sequential_written_by_hand_with_the_same_weights():
    network = perceptron(784, [512, 256], 10)
    by_hand = nn.Sequential(
        nn.Flatten(), nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10)
    )
    for own, copy in zip(network.parameters(), by_hand.parameters(), strict=True):
        copy.data.copy_(own.data)
    images = torch.rand(5, 1, 28, 28)
    assert torch.equal(network(images), by_hand(images))


def test_without_activation_it_is_one_matrix_product():
    network = perceptron(6, [7, 5], 3, "identity").double()
    matrix, offset = torch.eye(6, dtype=torch.float64), torch.zeros(6, dtype=torch.float64)
    for layer in network:
        if isinstance(layer, nn.Linear):
            matrix, offset = layer.weight @ matrix, layer.weight @ offset + layer.bias
    inputs = torch.randn(20, 6, dtype=torch.float64)
    torch.testing.assert_close(network(inputs), inputs @ matrix.T + offset)


def test_with_activation_it_is_no_matrix_product():
    network = perceptron(6, [7], 3)
    inputs = torch.randn(20, 6)
    middle = (network(inputs) + network(-inputs)) / 2
    assert not torch.allclose(middle, network(torch.zeros(20, 6)), atol=1e-3)


def test_names_its_layers_and_keeps_their_order():
    network = perceptron(4, [3, 2], 5, batch_norm=True, dropout=0.5, input_dropout=0.2)
    names = [
        "flatten", "input_dropout",
        "linear_1", "batch_norm_1", "activation_1", "dropout_1",
        "linear_2", "batch_norm_2", "activation_2", "dropout_2",
        "output",
    ]  # fmt: skip
    assert [name for name, _ in network.named_children()] == names
    assert (network.input_dropout.p, network.dropout_1.p, network.dropout_2.p) == (0.2, 0.5, 0.5)


def test_has_no_layers_that_would_do_nothing():
    assert [name for name, _ in perceptron(4, [3], 5).named_children()] == [
        "flatten", "linear_1", "activation_1", "output",
    ]  # fmt: skip
    assert [name for name, _ in perceptron(4, [], 5).named_children()] == ["flatten", "output"]


@pytest.mark.parametrize("shape", [(0, 1, 2, 2), (3, 4), (3, 2, 2), (3, 1, 2, 2)])
def test_takes_samples_of_any_shape(shape):
    assert perceptron(4, [3], 5)(torch.rand(shape)).shape == (shape[0], 5)


def test_dropout_scales_what_it_keeps_while_training_and_does_nothing_after():
    network = perceptron(1000, [], 1, input_dropout=0.8)
    fives = torch.full((1, 1000), 5.0)
    dropped = network.input_dropout(fives)
    assert {round(value, 4) for value in dropped.unique().tolist()} == {0.0, 25.0}
    assert 100 < (dropped > 0).sum() < 300  # of 1,000 at 0.2: seven standard deviations either side
    assert torch.equal(network.eval().input_dropout(fives), fives)


def test_a_layer_has_no_bias_where_batch_normalization_takes_it_away_again():
    network = perceptron(4, [3], 2, batch_norm=True)
    assert network.linear_1.bias is None
    assert network.output.bias is not None
    assert perceptron(4, [3], 2).linear_1.bias is not None


def test_learned_activations_are_not_shared_between_layers():
    network = perceptron(4, [3, 3], 2, "PReLU")
    assert network.activation_1.weight is not network.activation_2.weight
    assert sum(parameter.numel() for parameter in network.parameters()) == (4 * 3 + 3) + 1 + (3 * 3 + 3) + 1 + (
        3 * 2 + 2
    )


def test_refuses_an_activation_that_does_not_exist():
    with pytest.raises(UnknownNameError, match=r"^Unknown activation: 'relo'\. Did you mean 'ReLU'\?$"):
        perceptron(4, [3], 2, "relo")


def test_running_statistics_move_by_torchs_convention():
    # running = (1 - m)·running + m·batch; the chapter writes the weights the other way round. m is 0.1.
    network = perceptron(3, [2], 1, batch_norm=True)
    inputs = torch.randn(50, 3)
    sums = network.linear_1(inputs).detach()
    mean, variance = torch.zeros(2), torch.ones(2)
    for _ in range(3):
        network(inputs)
        mean = 0.9 * mean + 0.1 * sums.mean(dim=0)
        variance = 0.9 * variance + 0.1 * sums.var(dim=0)
    torch.testing.assert_close(network.batch_norm_1.running_mean, mean)
    torch.testing.assert_close(network.batch_norm_1.running_var, variance)
    # Training uses the batch's own statistics, evaluation the running ones.
    normalised = network.batch_norm_1(sums)
    torch.testing.assert_close(normalised.mean(dim=0), torch.zeros(2), atol=1e-6, rtol=0)
    network.eval()
    running = (network.batch_norm_1.running_mean, network.batch_norm_1.running_var)
    by_hand = (sums - running[0]) / (running[1] + network.batch_norm_1.eps).sqrt()
    torch.testing.assert_close(network.batch_norm_1(sums), by_hand)
