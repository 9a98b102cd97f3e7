"""An LSTM's cell state that grows: from a forget gate that stays open to the finding."""

import pytest
import torch
from made_up_runs import write_run
from torch import nn

from dlcore.callbacks.activation_watch import ActivationWatch
from dlcore.diagnosis import diagnose
from dlcore.tracking.layer_table import FILE, LayerTable

CONFIG = {
    "model": {"class_path": "dlcore.models.TextRNN", "init_args": {"vocab_size": 1503, "cell": "lstm"}},
    "trainer": {"max_epochs": 4},
}
CURVES = {"train_loss": [6.0, 5.0, 4.0, 3.0], "val_loss": [6.0, 5.0, 4.2, 3.5]}


@pytest.mark.parametrize(("bias", "named"), [(10.0, True), (0.0, False)])
def test_a_forget_gate_that_stays_open_while_the_state_is_carried(bias, named, tmp_path):
    torch.manual_seed(0)
    model = nn.ModuleDict({"lstm": nn.LSTM(8, 16, batch_first=True)})
    lstm, state = model["lstm"], None
    with torch.no_grad():
        lstm.bias_ih_l0[16:32] = bias  # of the gates input, forget, cell, output
        lstm.bias_ih_l0[32:48] = 1.0  # the cell gate leans to one side
    watch = ActivationWatch(model)
    watch.open()
    for _ in range(30):
        watch.start_batch(last=False)
        with torch.no_grad():
            _, state = lstm(torch.randn(4, 40, 8), state)
    folder = write_run(tmp_path, CONFIG, **CURVES)
    rows = [
        {name: float(each) if isinstance(each, torch.Tensor) else each for name, each in row.items()}
        for row in watch.close()[0]
    ]
    LayerTable(folder / FILE).write([{"step": 40, "epoch": 4.0, **row} for row in rows])
    found = diagnose(folder)
    assert [each.name for each in found.faults] == ["exploding_cell_state"] * named
    if named:
        assert "the cell state of lstm has grown to" in found.first.text
        assert found.first.flags == ("--model.cell gru",)


@pytest.mark.parametrize(("size", "named"), [(20.0, False), (500.0, True), (float("nan"), False)])
def test_a_state_of_some_size_is_usual(size, named, tmp_path):
    folder = write_run(tmp_path, CONFIG, **CURVES)
    row = {"layer": "lstm:cell", "kind": "cell state", "mean": 0.0, "std": size, "maximum": 3 * size}
    LayerTable(folder / FILE).write([{"step": 40, "epoch": 4.0, **row}])
    assert [each.name for each in diagnose(folder).faults] == ["exploding_cell_state"] * named
