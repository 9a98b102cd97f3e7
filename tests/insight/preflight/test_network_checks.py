"""What the checks of the first loss, the layers and one batch see in networks whose faults are known."""

import math
from functools import partial

import lightning.pytorch as pl
import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam
from torch.optim.lr_scheduler import OneCycleLR

from dlcore.insight.preflight import Verdict
from dlcore.insight.preflight.first_loss import attainable_losses
from dlcore.nn import Binary, LanguageModeling, Multiclass, Regression


def remedies(result):
    return [remedy for finding in result.findings for remedy in finding.remedies]


# The first loss


class Plain(pl.LightningModule):
    """Somebody's classifier of four numbers."""

    def __init__(self, *layers, loss=nn.functional.cross_entropy):
        super().__init__()
        torch.manual_seed(0)
        self.layers, self.loss = nn.Sequential(*layers), loss

    def forward(self, x):
        return self.layers(x)

    def training_step(self, batch, batch_idx):
        x, y = batch
        return self.loss(self(x), y)

    def validation_step(self, batch, batch_idx):
        pass

    def configure_optimizers(self):
        return SGD(self.parameters(), lr=0.1)


def test_softmax_before_a_loss_that_has_its_own_is_found(look, make_model):
    twice = look("first loss", Plain(nn.Linear(4, 3), nn.Softmax(dim=1)))
    assert twice.verdict is Verdict.FAILED
    assert twice.numbers["least"] == pytest.approx(-math.log(math.e / (math.e + 2)))
    assert "it cannot fall below 0.551" in twice.findings[0].seen
    model = make_model()
    model.network.append(nn.Softmax(dim=1))
    assert look("first loss", model).verdict is Verdict.FAILED


def test_a_loss_that_does_not_fit_the_outputs_is_found_before_training(look):
    rectified = look("first loss", Plain(nn.Linear(4, 3), nn.ReLU()))
    assert rectified.verdict is Verdict.FAILED
    assert "have passed a ReLU, and cross_entropy expects raw scores" in rectified.findings[0].seen
    assert look("first loss", Plain(nn.Linear(4, 3), loss=nn.functional.nll_loss)).verdict is Verdict.FAILED


def test_probabilities_in_a_loss_that_takes_them_are_right(look):
    def likelihood(shares, y):
        return nn.functional.nll_loss(shares.log(), y)

    assert look("first loss", Plain(nn.Linear(4, 3), nn.Softmax(dim=1), loss=likelihood)).verdict is Verdict.OK


@pytest.mark.filterwarnings("ignore:initializer")
def test_a_network_of_zeros_guesses(look, make_model, tiny_data):
    result = look("first loss", make_model(initializer="zeros"))
    assert result.numbers["loss"] == pytest.approx(math.log(3), abs=1e-6)
    assert result.numbers["guess"] == pytest.approx(math.log(3))
    binary = look("first loss", make_model(task="binary", num_classes=2, initializer="zeros"), tiny_data(task="binary"))
    assert binary.numbers["loss"] == pytest.approx(math.log(2), abs=1e-6)
    assert (result.verdict, binary.verdict) == (Verdict.OK, Verdict.OK)


def test_wide_initial_weights_are_too_sure(look, make_model):
    result = look("first loss", make_model(initializer="normal(std=10)"))
    assert result.verdict is Verdict.FAILED
    assert remedies(result) == ["--model.initializer default: torch's own initial weights"]


def test_a_loss_far_below_guessing_is_no_beginning(look, make_model, tiny_data):
    data = tiny_data()
    data.setup()
    model = make_model(hidden_sizes=())
    inputs, targets = data.parts["train"].inputs, data.parts["train"].targets
    optimizer = Adam(model.parameters(), lr=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(inputs), targets).backward()
        optimizer.step()
    result = look("first loss", model, data)
    assert result.verdict is Verdict.WARNING
    assert "Are the weights trained already, or is the answer among the inputs?" in result.findings[0].seen
    assert look("first loss", model, data, trained=True).verdict is Verdict.NOT_APPLICABLE


def test_a_low_loss_of_rare_classes_is_no_leak(look, make_model, tiny_data):
    data = tiny_data(task="binary")
    load = data.load

    def rare():
        parts = load()
        parts["train"].targets[:] = 0
        parts["train"].targets[:5] = 1
        return parts

    data.load = rare
    model = make_model(task="binary", num_classes=2)
    with torch.no_grad():
        model.network.output.bias -= 2  # leans to class 0, which nearly all are
    result = look("first loss", model, data)
    assert result.numbers["loss"] < 0.5 * math.log(2)
    assert result.verdict is Verdict.OK


def test_a_regression_is_compared_with_answering_0(look, make_model, tiny_data):
    data = tiny_data(task="regression")
    result = look("first loss", make_model(task="regression", num_classes=1), data)
    targets = data.parts["train"].targets[data.parts["train"].indices]
    assert result.numbers["guess"] == pytest.approx(targets.square().mean().item(), rel=1e-4)
    assert result.verdict is Verdict.OK


# What can be reached


def test_between_a_constant_answer_and_all_answers():
    targets = torch.tensor([0, 0, 1, 1])
    assert attainable_losses(Multiclass(3), targets) == pytest.approx((math.log(2), 0))
    assert attainable_losses(Binary(), targets) == pytest.approx((math.log(2), 0))
    assert attainable_losses(Regression(), torch.tensor([1.0, 3.0])) == pytest.approx((1.0, 0))
    words = torch.tensor([[5, 5, 7, -100]])
    expected = -(2 / 3 * math.log(2 / 3) + 1 / 3 * math.log(1 / 3))
    assert attainable_losses(LanguageModeling(9), words) == pytest.approx((expected, 0))


def test_smoothed_labels_never_cost_nothing():
    task = Multiclass(10, "cross_entropy(label_smoothing=0.1)")
    targets = torch.arange(10)
    constant, perfect = attainable_losses(task, targets)
    assert constant == pytest.approx(math.log(10))
    assert perfect == pytest.approx(-(0.91 * math.log(0.91) + 9 * 0.01 * math.log(0.01)))
    shares = torch.full((10, 10), 0.01).fill_diagonal_(0.91)
    assert task.loss(shares.log(), targets).item() == pytest.approx(perfect, rel=1e-5)


# Layers


@pytest.mark.filterwarnings("ignore:initializer")
@pytest.mark.parametrize("initializer", ["zeros", "ones", "constant(value=0.1)"])
def test_units_that_are_alike_fail(initializer, look, make_model):
    result = look("layers", make_model(hidden_sizes=(8, 8), initializer=initializer))
    assert result.verdict is Verdict.FAILED
    assert "all units of linear_1, linear_2 have the same weights" in result.findings[0].seen
    assert remedies(result)[0].startswith("--model.initializer default")


def test_a_healthy_network_lets_the_gradient_through(look, make_model):
    result = look("layers", make_model(hidden_sizes=(32, 32)))
    assert result.verdict is Verdict.OK
    assert 0.01 < result.numbers["gradient_ratio"] < 10
    assert result.numbers["dead"] < 0.3


def test_many_sigmoids_make_the_gradient_vanish(look, make_model):
    result = look("layers", make_model(hidden_sizes=[32] * 7, activation="Sigmoid"))
    assert result.numbers["gradient_ratio"] < 1e-3
    assert result.findings[0].seen.startswith("vanishing: the gradient of linear_1")
    assert remedies(result)[0] == "--model.activation ReLU: its slope is 1, a sigmoid's at most 1/4"
    relu = look("layers", make_model(hidden_sizes=[32] * 7, activation="ReLU", initializer="he_normal"))
    assert relu.verdict is Verdict.OK


def test_dead_units_are_counted(look, make_model):
    model = make_model(hidden_sizes=(10,))
    with torch.no_grad():
        model.network.linear_1.bias[:8] = -100
    result = look("layers", model)
    assert result.numbers["dead"] == pytest.approx(0.8)
    assert result.findings[0].seen == "80% of the units of activation_1 answer all samples alike (dead)"


@pytest.mark.parametrize("activation", ["Tanh", "Sigmoid"])
def test_saturated_values_are_counted(activation, look, make_model):
    model = make_model(hidden_sizes=(10,), activation=activation)
    with torch.no_grad():
        model.network.linear_1.bias[:7] = 100
        model.network.linear_1.weight[7:] *= 0.01
    result = look("layers", model)
    assert result.numbers["saturated"] == pytest.approx(0.7)


def test_frozen_and_unused_parameters_are_named(look, make_model):
    model = make_model()
    model.forgotten = nn.Linear(3, 3)
    model.network.linear_1.weight.requires_grad_(False)
    result = look("layers", model)
    assert result.numbers["frozen"] == 64
    assert "forgotten, forgotten.bias never get a gradient" in result.findings[0].seen


@pytest.mark.parametrize("between", [[], [nn.Identity()], [nn.BatchNorm1d(8)], [nn.Dropout(0.5)]])
def test_layers_without_activation_between_them_are_one(between, look):
    result = look("layers", Plain(nn.Linear(4, 8), *between, nn.Linear(8, 3)))
    assert result.verdict is Verdict.WARNING
    assert "no activation lies between the 2 layers with weights" in result.findings[-1].seen


def test_the_missing_activation_is_a_flag(look, make_model):
    result = look("layers", make_model(hidden_sizes=(8, 8), activation="identity"))
    assert remedies(result) == ["--model.activation ReLU: between the layers"]


@pytest.mark.parametrize(
    "layers",
    [
        [nn.Linear(4, 3)],
        [nn.Linear(4, 8), nn.LeakyReLU(0.9), nn.Linear(8, 3)],
        [nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 3)],
    ],
)
def test_one_layer_and_gentle_activations_are_no_fault(layers, look):
    assert look("layers", Plain(*layers)).verdict is Verdict.OK


# One batch


def test_a_healthy_network_learns_a_batch_by_heart(look, make_model):
    result = look("one batch", make_model(hidden_sizes=(64,), dropout=0.5))
    assert result.verdict is Verdict.OK
    assert result.numbers["way"] > 0.5


@pytest.mark.parametrize(("rate", "said"), [(1e5, "too high"), (1e-9, "it hardly moves: the learning rate is too low")])
@pytest.mark.parametrize("optimizer", [SGD, Adam])
def test_a_wrong_learning_rate_gets_one_that_works(rate, said, optimizer, look, make_model):
    make = partial(make_model, hidden_sizes=(64,))
    result = look("one batch", make(optimizer=partial(optimizer, lr=rate)))
    assert result.verdict is Verdict.FAILED
    assert said in result.findings[0].seen
    flag, better = remedies(result)[0].partition(":")[0].split()
    assert flag == "--model.optimizer.lr"
    assert look("one batch", make(optimizer=partial(optimizer, lr=float(better)))).verdict is Verdict.OK


def test_the_rate_is_that_of_the_schedule_where_it_sets_it(look, make_model):
    schedule = partial(OneCycleLR, max_lr=1e-9)
    result = look("one batch", make_model(hidden_sizes=(64,), lr=0.1, lr_scheduler=schedule))
    assert "learning rate 1e-09" in result.findings[0].seen
    assert remedies(result)[0].startswith("--model.lr_scheduler.max_lr ")


def test_a_rate_that_the_run_warms_up_to_is_no_failure(look, make_model):
    make = partial(make_model, hidden_sizes=(64,))
    assert look("one batch", make(lr=100.0)).verdict is Verdict.FAILED
    warm = look("one batch", make(lr=100.0, warmup_steps=1000))
    assert warm.verdict is Verdict.WARNING
    assert "the learning rate is too high" in warm.findings[0].seen


def test_a_rate_that_is_low_but_works_is_no_failure(look, make_model):
    result = look("one batch", make_model(hidden_sizes=(64,), lr=0.0005))
    assert result.verdict is Verdict.WARNING
    assert "slow: the learning rate is low" in result.findings[0].seen


@pytest.mark.filterwarnings("ignore:initializer")
def test_what_no_rate_mends_is_not_blamed_on_the_rate(look, make_model):
    result = look("one batch", make_model(hidden_sizes=(64,), initializer="zeros"))
    assert result.verdict is Verdict.FAILED
    assert "at any learning rate tried" in result.findings[0].seen
    assert remedies(result) == []


def test_a_linear_model_need_not_know_all_by_heart(look, make_model, tiny_data):
    data = tiny_data(task="regression")
    load = data.load

    def noisy():
        parts = load()
        generator = torch.Generator().manual_seed(0)
        parts["train"].targets[:] = torch.randn(parts["train"].targets.shape, generator=generator)
        return parts

    data.load = noisy
    result = look("one batch", make_model(hidden_sizes=(), task="regression", num_classes=1), data)
    assert result.verdict is Verdict.OK
