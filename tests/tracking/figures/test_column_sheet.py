import numpy as np
import pytest
from matplotlib.text import Text

from dlcore.errors import ArgumentError
from dlcore.tracking.figures.column_sheet import ColumnValues, column_sheet
from dlcore.tracking.figures.style import to_png

GROUPS = np.array([0, 0, 1, 1, -1])


def texts(figure):
    return {text.get_text() for text in figure.findobj(Text)} - {""}


def test_each_column_has_a_histogram_with_a_colour_a_group():
    columns = [
        ColumnValues("身高", np.array([1.0, 2.0, 2.0, np.nan, 3.0])),
        ColumnValues("town", np.array([0.0, 1.0, 1.0, 1.0, np.nan]), ("Bern", "上海")),
    ]
    figure = column_sheet(columns, GROUPS, ["sick = no", "sick = 是"], "people")
    assert {"身高", "town", "Bern", "上海", "sick = no", "sick = 是", "people", "1", "3"} <= texts(figure)
    heights = [patch.get_height() for patch in figure.axes[1].patches]
    assert heights == [1, 1, 2, 0]  # 上海, the most frequent, first: one of the first group, two of the second
    to_png(figure)


@pytest.mark.parametrize("values", [[np.nan] * 5, [7.0] * 5, [0.0, 1e300, -1e300, 2.0, 3.0]])
def test_odd_columns_are_drawn(values):
    figure = column_sheet([ColumnValues("x", np.array(values))], GROUPS, ["a", "b"], "t")
    to_png(figure)
    assert ("no value" in texts(figure)) == bool(np.isnan(values).all())


def test_many_columns_and_groups_stay_a_page():
    columns = [ColumnValues(f"column {number}", np.arange(5.0)) for number in range(50)]
    figure = column_sheet(columns, np.arange(5) * 3, [f"class {number}" for number in range(15)], "t")
    assert {"t, 40 of 50 columns", "10 others", "class 4"} <= texts(figure)
    assert "class 5" not in texts(figure)


def test_no_column_is_refused():
    with pytest.raises(ArgumentError, match="columns: expected at least one column"):
        column_sheet([], GROUPS, ["a"], "t")
