import math

import pytest

from dlcore.errors import DataError
from dlcore.tracking.layer_table import COLUMNS, LayerTable, read_layers


def row(step, layer="linear_1", **cells):
    return {"step": step, "epoch": step / 10, "layer": layer, "kind": "Linear", "not_finite": 0, **cells}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "layers.csv"


def test_rows_come_back_as_they_were_written(path, tmp_path):
    LayerTable(path).write([row(0, weight_std=0.25), row(0, "隐藏层, 二", mean=-1e-9, not_finite=3)])
    found = read_layers(tmp_path)
    assert tuple(found) == COLUMNS
    assert (found["layer"], found["kind"]) == (["linear_1", "隐藏层, 二"], ["Linear", "Linear"])
    assert (found["step"], found["not_finite"]) == ([0, 0], [0, 3])
    assert found["weight_std"][0] == 0.25
    assert math.isnan(found["weight_std"][1])
    assert found["mean"][1] == -1e-9


def test_a_run_that_goes_on_loses_the_rows_beyond_its_checkpoint(path):
    LayerTable(path).write([row(0), row(10), row(20)])
    LayerTable(path, last_step=10).write([row(15)])
    assert read_layers(path)["step"] == [0, 10, 15]


@pytest.mark.fault(
    "SIGKILL while a look at the layers is written",
    "the half row is dropped",
)
def test_a_row_that_a_killed_process_left_half_written_is_dropped(path):
    LayerTable(path).write([row(0), row(10)])
    whole = path.read_text()
    path.write_text(whole + "20,2.0,linear")
    assert read_layers(path)["step"] == [0, 10]
    LayerTable(path).write([row(20)])
    assert read_layers(path)["step"] == [0, 10, 20]


def test_infinity_and_what_is_not_a_number_can_be_written(path):
    LayerTable(path).write([row(0, weight_std=math.inf, weight_norm=math.nan)])
    assert read_layers(path)["weight_std"] == [math.inf]
    assert math.isnan(read_layers(path)["weight_norm"][0])


HEADER = ",".join(COLUMNS)


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", f"{HEADER}\n1,2\n", f"{HEADER}\nx{',' * 17}\n"])
def test_another_table_is_refused(content, path):
    path.write_text(content)
    with pytest.raises(DataError, match=r"layers\.csv"):
        read_layers(path)


def test_a_table_that_is_not_there_is_named(path):
    with pytest.raises(DataError, match=r"layers\.csv: cannot be read"):
        read_layers(path)
