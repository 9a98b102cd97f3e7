import math

import pytest
import torch

from dlcore.errors import ArgumentError, UnknownNameError
from dlcore.models import MLP
from dlcore.nn import perceptron
from dlcore.runs.output_reading import read_outputs

KNOWN = {"in_features": 4, "num_classes": 3}


def test_output_is_that_of_the_perceptron_with_the_same_weights():
    model = MLP([8, 5], activation="Tanh", batch_norm=True, **KNOWN).eval()
    network = perceptron(4, [8, 5], 3, "Tanh", batch_norm=True).eval()
    network.load_state_dict(model.network.state_dict())
    inputs = torch.randn(6, 2, 2)
    assert torch.equal(model(inputs), network(inputs))
    assert model(inputs).shape == (6, 3)


def test_dropout_acts_in_training_only():
    model = MLP([8], dropout=0.5, input_dropout=0.5, **KNOWN)
    inputs = torch.ones(64, 4)
    assert len(model(inputs).unique(dim=0)) > 1
    assert len(model.eval()(inputs).unique(dim=0)) == 1


def test_initializer_fills_the_weights():
    model = MLP([], initializer="constant", **KNOWN)
    assert torch.equal(model.network.output.weight, torch.full((3, 4), 0.01))
    assert torch.equal(model.network.output.bias, torch.zeros(3))


def test_a_regression_with_mean_and_deviation_of_its_targets_answers_in_their_unit():
    model = MLP([8], task="regression", in_features=4, target_mean=500.0, target_std=20.0)
    inputs = torch.randn(6, 4)
    assert torch.allclose(model(inputs), 500 + 20 * model.network(inputs))
    low = model.to(torch.bfloat16)(inputs.to(torch.bfloat16))  # 500.25 is none of bfloat16's numbers
    assert low.dtype == torch.float32


def test_the_loss_of_standardised_targets_is_1_for_always_answering_their_mean():
    model = MLP([], task="regression", in_features=1, initializer="zeros", target_mean=500.0, target_std=20.0)
    loss = model.loss((torch.zeros(2, 1), torch.tensor([480.0, 520.0])))
    assert loss.item() == pytest.approx(1)
    read = read_outputs(model, torch.full((2, 1), 500.0), torch.tensor([480.0, 520.0]))
    assert read.losses.tolist() == pytest.approx([1, 1])  # of each sample: from them `test` has its interval


@pytest.mark.outcome
@pytest.mark.parametrize(
    ("task", "outputs"),
    [("multiclass", 3), ("binary", 1), ("regression", 1)],
)
def test_each_task_learns(task, outputs, tiny_data, make_trainer, memory_logger):
    torch.manual_seed(0)
    data = tiny_data(task)
    model = MLP([16], task=task, optimizer=lambda p: torch.optim.Adam(p, lr=0.01), **data.facts())
    assert model(torch.zeros(2, 4)).shape == (2, outputs)
    make_trainer(max_epochs=15, logger=memory_logger).fit(model, datamodule=data)
    for name in ("train/loss", "val/loss"):
        losses = [loss for _, loss in memory_logger.column(name)]
        assert len(losses) == 15
        assert losses[-1] < 0.6 * losses[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"in_features": None}, "in_features: expected the number of inputs, got nothing. Pass"),
        ({"in_features": 0}, "in_features: expected a number at least 1, got 0."),
        ({"num_classes": None}, "num_classes: expected the number of classes, got nothing. Pass"),
        ({"num_classes": 1}, "num_classes: expected a number at least 2, got 1."),
        ({"task": "binary"}, "num_classes: expected 2 for task 'binary', got 3. Use task 'multiclass'"),
        ({"target_std": 2.0, "target_mean": 0.0}, "target_std: expected null for task 'multiclass', got 2.0."),
        ({"task": "regression", "target_mean": 1.0}, "target_std: expected a number above 0, as target_mean is given"),
        ({"task": "regression", "target_mean": 1.0, "target_std": 0}, "target_std: expected a number above 0, got 0"),
        ({"dropout": 1.0}, "dropout: expected a number at least 0 and below 1, got 1.0."),
        ({"dropout": -0.1}, "dropout: expected a number at least 0 and below 1, got -0.1."),
        ({"dropout": math.nan}, "dropout: expected a number at least 0 and below 1, got nan."),
        ({"input_dropout": 1.0}, "input_dropout: expected a number at least 0 and below 1, got 1.0."),
        ({"l1": -1.0}, "l1: expected a number at least 0, got -1.0."),
        ({"l2_form": "norm"}, "l2_form: expected squares or norms, got 'norm'."),
        ({"warmup_steps": -1}, "warmup_steps: expected a whole number at least 0, got -1."),
        ({"class_weights": [1.0]}, "class_weights: expected 3 numbers, one for each class, got [1.0]."),
        ({"hidden_sizes": [8, 0]}, "hidden_sizes[1]: expected a whole number at least 1, got 0."),
    ],
)
def test_an_impossible_argument_is_named(arguments, message):
    with pytest.raises(ArgumentError) as caught:
        MLP(**{"hidden_sizes": [8], **KNOWN, **arguments})
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"activation": "Relo"}, "Unknown activation: 'Relo'. Did you mean 'ReLU'?"),
        ({"activation": "Relo", "hidden_sizes": []}, "Unknown activation: 'Relo'."),
        (
            {"loss": "mse"},
            "Unknown loss of task 'multiclass': 'mse'. There are: cross_entropy. Task 'regression' has it.",
        ),
        ({"activation": "leaky_relu(slop=1)"}, "Unknown argument of LeakyReLU (in activation): 'slop'."),
        ({"initializer": "xavier"}, "Unknown initializer: 'xavier'. Did you mean 'xavier_"),
        ({"task": "multi-class"}, "Unknown task: 'multi-class'. Did you mean 'multiclass'?"),
    ],
)
def test_an_unknown_name_gets_the_nearest(arguments, message):
    with pytest.raises(UnknownNameError) as caught:
        MLP(**{"hidden_sizes": [8], **KNOWN, **arguments})
    assert str(caught.value).startswith(message)


def test_a_checkpoint_is_enough_to_make_the_model_again(tiny_data, make_trainer, tmp_path):
    data = tiny_data()
    model = MLP([8, 6], activation="Tanh", dropout=0.1, optimizer=torch.optim.SGD, **data.facts())
    trainer = make_trainer()
    trainer.fit(model, datamodule=data)
    path = tmp_path / "model.ckpt"
    trainer.save_checkpoint(path)

    settings = torch.load(path, weights_only=True)["hyper_parameters"]
    assert settings == {
        "hidden_sizes": [8, 6],
        "activation": "Tanh",
        "batch_norm": False,
        "dropout": 0.1,
        "input_dropout": 0.0,
        "initializer": "default",
        "task": None,
        "loss": None,
        "class_weights": None,
        "in_features": 4,
        "num_classes": 3,
        "target_mean": None,
        "target_std": None,
        "l1": 0.0,
        "l2": 0.0,
        "l2_form": "squares",
        "penalized": "all",
        "warmup_steps": 0,
    }
    loaded = MLP.load_from_checkpoint(path, weights_only=True).eval()
    inputs = torch.randn(5, 4)
    assert torch.equal(loaded(inputs), model.eval()(inputs))


@pytest.mark.filterwarnings("ignore:initializer")
def test_arguments_reach_activation_initializer_and_loss():
    model = MLP([8], activation="leaky_relu(0.2)", initializer="constant(value=0.5)", task="regression",
                loss="huber(delta=2.0)", in_features=4)  # fmt: skip
    assert model.network.activation_1.negative_slope == 0.2
    assert model.network.output.weight[0, 0] == 0.5
    assert model.task.loss(torch.tensor([[3.0]]), torch.tensor([0.0])).item() == 2 * (3 - 1)
    weighted = MLP([], loss="cross_entropy(label_smoothing=0.2)", class_weights=[1.0, 1.0, 5.0], **KNOWN)
    outputs, targets = torch.randn(6, 3), torch.arange(6) % 3
    expected = torch.nn.functional.cross_entropy(outputs, targets, torch.tensor([1.0, 1.0, 5.0]), label_smoothing=0.2)
    torch.testing.assert_close(weighted.task.loss(outputs, targets), expected)
