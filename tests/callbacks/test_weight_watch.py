import pytest
import torch
from torch import nn

from dlcore.callbacks.weight_watch import WeightWatch


def step(model, inputs, lr=0.5, watch=None):
    """One step of plain gradient descent on the mean square, with a look at it."""
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    model(inputs).square().mean().backward()
    watch.before_step()
    for parameter in model.parameters():  # clipped
        if parameter.grad is not None:
            parameter.grad.mul_(0.5)
    optimizer.step()
    return watch.after_step()


@pytest.fixture
def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))


INPUTS = torch.tensor([[1.0, 2.0, 3.0], [-1.0, 0.5, 2.0]])


def test_a_step_is_measured_by_its_own_formulas(model):
    before = model[2].weight.detach().clone()
    rows, histograms = step(model, INPUTS, watch=WeightWatch(model))
    first, last = rows
    assert (first["layer"], first["kind"], last["layer"]) == ("0", "Linear", "2")
    clipped = model[2].weight.grad
    assert last["gradient_norm"].item() == pytest.approx(2 * clipped.norm().item())  # as it was before it was clipped
    assert last["update_ratio"].item() == pytest.approx((0.5 * clipped.norm() / before.norm()).item(), rel=1e-5)
    assert last["weight_norm"].item() == pytest.approx(model[2].weight.norm().item())
    assert last["weight_std"].item() == pytest.approx(model[2].weight.std(correction=0).item(), rel=1e-4)
    assert last["weight_max"].item() == pytest.approx(model[2].weight.abs().max().item())
    assert sorted(histograms) == [
        "biases/00_0", "biases/01_2", "gradients/00_0_biases", "gradients/00_0_weights", "gradients/01_2_biases",
        "gradients/01_2_weights", "updates/00_0_weights", "updates/01_2_weights", "weights/00_0", "weights/01_2",
    ]  # fmt: skip


def test_units_that_are_all_alike_have_no_spread(model):
    nn.init.constant_(model[0].weight, 0.3)
    rows, _ = WeightWatch(model).after_step()
    assert rows[0]["unit_spread"].item() == 0
    low, high = model[2].weight.aminmax(dim=0)
    assert rows[1]["unit_spread"].item() == (high - low).max().item()


def test_a_layer_of_one_unit_has_no_spread_to_speak_of():
    assert "unit_spread" not in WeightWatch(nn.Linear(3, 1)).after_step()[0][0]


def test_numbers_that_are_not_finite_are_counted(model):
    with torch.no_grad():
        model[0].weight[0, 0] = torch.nan
        model[0].weight[1, 1] = torch.inf
    rows, _ = WeightWatch(model).after_step()
    assert rows[0]["not_finite"].item() == 2
    assert rows[0]["weight_norm"].isnan()
    assert rows[1]["not_finite"].item() == 0


def test_what_is_not_wanted_is_left_out(model):
    rows, histograms = step(model, INPUTS, watch=WeightWatch(model, gradients=False, updates=False))
    assert {tag.partition("/")[0] for tag in histograms} == {"weights", "biases"}
    assert not {"gradient_norm", "update_ratio"} & set(rows[0])


def test_frozen_parameters_are_not_looked_at(model):
    model.requires_grad_(False)
    watch = WeightWatch(model)
    assert watch.after_step() == ([], {})
    assert not watch.has_weights


def test_what_is_trained_later_has_weights_but_no_updates_while_it_is_frozen(model):
    model[0].requires_grad_(False)
    watch = WeightWatch(model, later=model[0].parameters())
    rows, histograms = step(model, INPUTS, watch=watch)
    assert "update_ratio" not in rows[0]
    assert "update_ratio" in rows[-1]
    assert "weights/00_0" in histograms
    model[0].requires_grad_(True)
    assert "update_ratio" in step(model, INPUTS, watch=watch)[0][0]


def test_a_recurrent_layer_has_a_row_for_each_of_its_weights():
    layer = nn.ModuleDict({"rnn": nn.LSTM(3, 5)})
    rows, histograms = WeightWatch(layer).after_step()
    assert [row["layer"] for row in rows] == ["rnn.weight_ih_l0", "rnn.weight_hh_l0"]
    assert [row["kind"] for row in rows] == ["LSTM", "LSTM"]
    assert "biases/00_rnn.bias_ih_l0" in histograms


def test_gradients_of_a_step_that_computes_them_several_times_are_the_first(model):
    watch = WeightWatch(model)
    model(INPUTS).square().mean().backward()
    first = model[2].weight.grad.norm().item()
    watch.before_step()
    model[2].weight.grad.mul_(7)
    watch.before_step()
    rows, _ = watch.after_step()
    assert rows[1]["gradient_norm"].item() == pytest.approx(first)
