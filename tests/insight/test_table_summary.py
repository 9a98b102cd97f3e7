import math

import numpy as np
import pytest

from dlcore.data import Table
from dlcore.insight.table_columns import summarize_table

CSV = "age,town,vip,sick\n10,Bern,true,no\n20,上海,false,yes\n,上海,true,no\n30,,false,yes\n40,上海,true,no\n"


@pytest.fixture
def table(tmp_path):
    def make(text=CSV, **settings):
        path = tmp_path / "people.csv"
        path.write_text(text, encoding="utf-8")
        data = Table(str(path), **{"missing": "mean", "val_size": 0, "test_size": 0, **settings})
        data.facts()
        return summarize_table(data)

    return make


def test_each_column_as_it_stands_in_the_file(table):
    summary = table()
    age, town, vip = summary.columns
    assert summary.rows == 5
    assert (age.kind, age.missing, age.low, age.high, age.mean) == ("numbers", 1, 10, 40, 25)
    assert age.std == pytest.approx(math.sqrt(125))
    assert (town.kind, town.missing, town.categories) == ("categories", 1, [("上海", 3), ("Bern", 1)])
    assert math.isnan(town.mean)
    assert (vip.kind, vip.mean) == ("true/false", pytest.approx(0.6))
    assert (summary.target.name, summary.target.categories) == ("sick", [("no", 3), ("yes", 2)])


def test_rows_are_grouped_by_class(table):
    summary = table()
    assert summary.groups.tolist() == [0, 1, 0, 1, 0]
    assert summary.group_names == ["sick = no", "sick = yes"]
    assert summary.values[1].categories == ("Bern", "上海")
    assert summary.values[1].values[:3].tolist() == [0, 1, 1]
    assert np.isnan(summary.values[1].values[3])


def test_classes_that_are_numbers_keep_their_names(table):
    summary = table("x,y\n1,5\n2,9\n3,5\n4,9\n")
    assert summary.groups.tolist() == [0, 1, 0, 1]
    assert summary.group_names == ["y = 5", "y = 9"]


def test_rows_of_a_regression_are_grouped_by_thirds(table):
    summary = table("x,y\n" + "".join(f"{number},{number + 0.5}\n" for number in range(9)))
    assert summary.groups.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert [name.partition(":")[0] for name in summary.group_names] == ["y low", "y middle", "y high"]


def test_a_built_in_table():
    data = Table(builtin="breast_cancer")
    data.facts()
    summary = summarize_table(data)
    assert (summary.rows, len(summary.columns)) == (569, 30)
    assert summary.columns[0].mean == pytest.approx(14.127, abs=1e-3)
    assert sorted(np.bincount(summary.groups).tolist()) == [212, 357]
