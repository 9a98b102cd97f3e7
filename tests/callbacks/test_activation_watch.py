import pytest
import torch
from torch import nn

from dlcore.callbacks import activation_watch
from dlcore.callbacks.activation_watch import ActivationWatch, InputsWatch
from dlcore.errors import ArgumentError
from dlcore.nn import Binary, Multiclass


class Scores(nn.Sequential):
    """A network with a task, as a model has one."""

    def __init__(self, *layers, task=None):
        super().__init__(*layers)
        self.task = task


def watched(model, *batches, targets=None, pattern="hidden"):
    watch = ActivationWatch(model, pattern)
    watch.open()
    for number, batch in enumerate(batches):
        watch.start_batch(last=number == len(batches) - 1)
        model(batch)
        watch.end_batch((batch, targets[number] if targets else None))
    rows, histograms = watch.close()
    return {row["layer"]: row for row in rows}, histograms


def numbers(row, *names):
    return [row[name].item() for name in names]


def fixed_relu():
    """Two units: one gives the input where it is positive, the other nothing for inputs above -100."""
    layer = nn.Linear(1, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0], [1.0]]))
        layer.bias.copy_(torch.tensor([0.0, -100.0]))
    return nn.Sequential(layer, nn.ReLU())


def test_a_unit_is_dead_if_it_gives_the_same_for_all_samples_of_all_batches():
    rows, _ = watched(fixed_relu(), torch.tensor([[1.0], [2.0]]), torch.tensor([[3.0], [6.0]]))
    assert numbers(rows["1"], "mean", "dead", "maximum", "not_finite") == [12 / 8, 0.5, 6, 0]
    assert rows["1"]["std"].item() == pytest.approx((50 / 8 - 1.5**2) ** 0.5)
    rows, _ = watched(fixed_relu(), torch.tensor([[1.0], [2.0]]), torch.tensor([[3.0], [160.0]]))
    assert rows["1"]["dead"].item() == 0
    rows, _ = watched(fixed_relu(), torch.tensor([[-1.0], [-2.0]]))
    assert rows["1"]["dead"].item() == 1


def test_of_a_large_batch_the_first_samples_are_looked_at(monkeypatch):
    monkeypatch.setattr(activation_watch, "_MOST_SUMMED", 4)  # two samples of two units
    rows, _ = watched(fixed_relu(), torch.tensor([[1.0], [2.0], [160.0]]))
    assert numbers(rows["1"], "mean", "dead", "maximum") == [3 / 4, 0.5, 2]
    rows, _ = watched(fixed_relu(), torch.tensor([[float("inf")], [2.0], [160.0]]))
    assert rows["1"]["not_finite"].item() == 2


def test_saturated_values_are_counted():
    rows, _ = watched(nn.Sequential(nn.Sigmoid()), torch.tensor([[-7.0, 0.0], [7.0, 8.0]]))
    assert rows["0"]["saturated"].item() == 0.75
    assert "saturated" not in watched(fixed_relu(), torch.ones(2, 1))[0]["1"]


def test_a_channel_is_a_unit_of_pictures_and_a_feature_one_of_sequences():
    pictures = torch.randn(2, 3, 4, 4)
    pictures[:, 1] = -1
    assert watched(nn.Sequential(nn.ReLU()), pictures)[0]["0"]["dead"].item() == pytest.approx(1 / 3)
    sequences = torch.randn(2, 6, 4)
    sequences[..., 0] = -1
    assert watched(nn.Sequential(nn.ReLU()), sequences)[0]["0"]["dead"].item() == pytest.approx(1 / 4)


def test_the_networks_own_inputs_and_outputs_are_seen():
    model = Scores(nn.Identity(), task=Multiclass(3))
    batch = torch.tensor([[0.0, 5.0, 1.0], [0.0, 9.0, 1.0], [3.0, 0.0, 1.0], [0.0, 4.0, 1.0]])
    rows, _ = watched(model, batch, targets=[torch.tensor([0, 1, 2, 2])])
    assert list(rows) == ["inputs", "outputs"]
    assert numbers(rows["inputs"], "mean", "maximum") == pytest.approx([25 / 12, 9])
    assert numbers(rows["outputs"], "top_share", "top_target") == [0.75, 0.5]


def test_shares_of_a_binary_task_and_of_targets_that_are_probabilities():
    rows, _ = watched(Scores(nn.Identity(), task=Binary()), torch.tensor([[-1.0], [-2.0], [-1.0], [4.0]]), targets=[
        torch.tensor([1.0, 1.0, 0.0, 0.0])
    ])  # fmt: skip
    assert numbers(rows["outputs"], "top_share", "top_target") == [0.75, 0.5]
    mixed = torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]])
    rows, _ = watched(Scores(nn.Identity(), task=Multiclass(2)), torch.eye(2).repeat(2, 1), targets=[mixed])
    assert numbers(rows["outputs"], "top_share", "top_target") == [0.5, 0.75]


def test_a_layer_that_is_used_twice_is_two():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.relu = nn.ReLU(inplace=True)

        def forward(self, inputs):
            return self.relu(self.relu(inputs) - 5)

    rows, histograms = watched(Twice(), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    assert numbers(rows["relu"], "mean", "dead") == [2.5, 0]
    assert numbers(rows["relu:2"], "mean", "dead") == [0, 1]
    assert (histograms["relu"].read().maximum, histograms["relu:2"].read().maximum) == (4, 0)


def test_histograms_are_those_of_the_last_batch():
    _, histograms = watched(nn.Sequential(nn.ReLU()), torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 5.0]]))
    histogram = histograms["0"].read()
    assert (histogram.minimum, histogram.maximum, histogram.count) == (3, 5, 2)


def test_an_evaluation_in_between_is_not_seen():
    model = fixed_relu()
    watch = ActivationWatch(model)
    watch.open()
    watch.start_batch(last=True)
    model(torch.tensor([[1.0]]))
    model.eval()
    model(torch.tensor([[1000.0]]))
    rows, _ = watch.close()
    assert [row["maximum"].item() for row in rows] == [1, 1, 1]


def test_nothing_is_left_in_the_network():
    model = fixed_relu()
    watch = ActivationWatch(model)
    watch.open()
    assert watch.is_open
    watch.close()
    assert not watch.is_open
    assert not any(module._forward_hooks for module in model.modules())


def test_numbers_that_are_not_finite_are_counted():
    rows, _ = watched(nn.Sequential(nn.ReLU()), torch.tensor([[torch.nan, 1.0], [torch.inf, 2.0]]))
    assert rows["0"]["not_finite"].item() == 2


def test_without_activation_functions_the_recurrent_layers_are_watched():
    model = nn.ModuleDict({"rnn": nn.GRU(3, 5)})
    watch = ActivationWatch(model)
    watch.open()
    model["rnn"](torch.randn(4, 2, 3))
    assert [row["layer"] for row in watch.close()[0]] == ["rnn"]


def test_the_cell_state_of_an_lstm_has_a_row_also_after_a_resume():
    model = nn.ModuleDict({"rnn": nn.LSTM(3, 5, batch_first=True)})
    watch, cells = ActivationWatch(model), []
    watch.open()
    for _ in range(2):
        state, watch = watch.state_dict(), ActivationWatch(model)
        watch.load_state_dict(state, torch.device("cpu"))
        watch.start_batch(last=False)
        cells.append(model["rnn"](torch.randn(2, 4, 3))[1][1])
    seen, (output, cell) = torch.stack(cells), watch.close()[0]
    assert (output["layer"], cell["layer"], cell["kind"]) == ("rnn", "rnn:cell", "cell state")
    assert cell["mean"].item() == pytest.approx(seen.mean().item(), abs=1e-5)
    assert cell["maximum"].item() == pytest.approx(seen.abs().max().item())
    assert "dead" not in cell


def test_layers_are_chosen_by_a_pattern():
    model = nn.Sequential(nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 2))
    rows, _ = watched(model, torch.ones(2, 1), pattern="[02]")
    assert list(rows) == ["inputs", "0", "2", "outputs"]
    assert list(watched(model, torch.ones(2, 1), pattern="none")[0]) == ["inputs", "outputs"]
    with pytest.raises(ArgumentError, match=r"activations: expected hidden, none, or a pattern .* got 'conv_\*'"):
        ActivationWatch(model, "conv_*")


def test_of_a_batch_that_passes_several_times_the_first_time_counts():
    model, watch = Scores(nn.ReLU(), task=Multiclass(2)), ActivationWatch(nn.ReLU())
    watch = ActivationWatch(model)
    watch.open()
    watch.start_batch(last=True)
    for scale in (1, 10, 100):  # as L-BFGS does within a step
        model(scale * torch.tensor([[1.0, 3.0]]))
    watch.end_batch((None, torch.tensor([1])))
    rows, histograms = watch.close()
    assert [row["layer"] for row in rows] == ["inputs", "0", "outputs"]
    assert [row["maximum"].item() for row in rows] == [3, 3, 3]
    assert list(histograms) == ["0"]


def test_a_loss_is_no_output_of_a_layer():
    # Over several processes the wrapper calls the whole training step of a module, which gives its loss.
    class Step(nn.Module):
        def forward(self, batch):
            return batch.mean()

    rows, _ = watched(Step(), torch.ones(2, 3))
    assert "outputs" not in rows
    assert "inputs" in rows
    rows, _ = watched(nn.Sequential(nn.Linear(3, 2), Step()), torch.ones(2, 3), pattern="*")
    assert set(rows) == {"inputs", "0"}


class OwnForward(nn.Module):
    """It calls its forward directly, so that its hooks are not called."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 3)

    def forward(self, inputs):
        return self.layer(inputs)


def test_a_module_whose_hooks_are_not_called_gives_its_inputs_and_classes():
    model, batch = OwnForward(), (torch.randn(32, 2), torch.zeros(32, dtype=torch.long))
    watch = ActivationWatch(model)
    watch.open()
    watch.start_batch(last=True)
    model.forward(batch[0])
    watch.end_batch(batch)
    rows = {row["layer"]: row for row in watch.close()[0]}
    assert rows["inputs"]["mean"].item() == pytest.approx(batch[0].mean().item(), abs=1e-5)
    assert rows["outputs"]["top_target"] == 1
    validation = InputsWatch(model, "validation inputs")
    model.forward(batch[0])
    assert validation.close(batch)["mean"].item() == pytest.approx(batch[0].mean().item(), abs=1e-5)


def test_the_classes_of_a_module_without_a_task_and_outputs_that_are_all_alike():
    model, batch = nn.Linear(2, 3), (torch.randn(32, 2), torch.arange(32) % 2)
    for constant in (False, True):
        if constant:
            nn.init.zeros_(model.weight)
        watch = ActivationWatch(model)
        watch.open()
        watch.start_batch(last=True)
        model(batch[0])
        watch.end_batch(batch)
        row = watch.close()[0][-1]
        assert row["layer"] == "outputs"
        assert row["dead"].item() == constant
        assert row["top_target"].item() == 0.5
        assert not constant or row["top_share"].item() == 1
