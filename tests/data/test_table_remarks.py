"""What is said about columns that can be read but may not be what was meant."""

import numpy as np
import pandas as pd
import pytest

from dlcore.data import Table
from dlcore.errors import DataError


@pytest.fixture
def said(csv_file, capsys):
    """What a table says, and its input columns."""

    def say(text, **settings):
        facts = Table(csv_file(text), val_size=0, test_size=0, **settings).facts()
        return capsys.readouterr().out, facts["columns"]

    return say


def sorted_by_class(rows=20):
    return pd.DataFrame({"x": np.arange(rows) % 7 / 2, "y": ["a"] * (rows // 2) + ["b"] * (rows // 2)})


def test_an_index_that_pandas_wrote_is_no_input(said, tmp_path):
    once = sorted_by_class().to_csv()
    (tmp_path / "once.csv").write_text(once)
    twice = pd.read_csv(tmp_path / "once.csv").to_csv()
    shuffled = sorted_by_class().sample(frac=0.5, random_state=0).to_csv()
    for text, indices in ((once, ["column_1"]), (twice, ["column_1", "Unnamed: 0"]), (shuffled, ["column_1"])):
        out, columns = said(text)
        assert columns == ["x"]
        for name in indices:
            assert f"column {name!r} numbers the rows and has no name, as pandas writes an index: it is left out" in out


def test_a_column_without_a_name_that_is_no_index_stays(said):
    assert said(",x,y\n" + "".join(f"{n % 5},{n % 3},{n % 2}\n" for n in range(20)))[1] == ["column_1", "x"]
    assert said(",y\n" + "".join(f"{n},{n / 3}\n" for n in range(20)))[1] == ["column_1"]  # there is nothing else
    assert said("".join(f"{n},{n % 3},{n % 2}\n" for n in range(20)))[1] == ["column_1", "column_2"]  # no header


def test_a_column_that_counts_the_rows_is_said(said):
    out, columns = said("id,x,y\n" + "".join(f"{n + 100},{n % 3},{n // 10}\n" for n in range(20)))
    assert "column 'id' numbers the rows: it reveals the target if the rows are sorted by it" in out
    assert "(--data.ignore id leaves it out)" in out
    assert columns == ["id", "x"]
    assert said("x,y\n" + "".join(f"{n % 7},{n % 2}\n" for n in range(20)))[0] == ""


def test_classes_that_differ_in_spelling_only(csv_file, said):
    rows = "".join(f"{n},{word}\n" for n, word in enumerate(["Yes", "no", "yes", "no", "new york"]))
    message = r"t\.csv: target 'y': expected one spelling of each class, got 'Yes' in row 1 and 'yes' in row 3\. "
    with pytest.raises(DataError, match=rf"{message}.*--data\.categorical y"):
        Table(csv_file("a,y\n" + rows, "t.csv")).facts()
    assert said("a,y\n" + rows, categorical="y")[1] == ["a"]
    with pytest.raises(DataError, match=r"'New  York' in row 2 and 'New York' in row 1\. Spell"):
        Table(csv_file("a,y\n1,New York\n2,New  York\n3,Rome\n")).facts()
    out, _ = said("c,y\n" + "".join(f"{word},{n % 2}\n" for n, word in enumerate(["Red", "red", "blue"] * 3)))
    assert "column 'c': 'Red' and 'red' differ in case or blanks only: they are categories of their own" in out


def test_dates_with_two_digits_of_a_year_are_said_to_be_categories(said):
    dates = "".join(f"1/{n % 9 + 1}/24 12:30,{n % 3},{n % 2}\n" for n in range(36))
    assert "column 'd' has dates, each a category of its own" in said("d,x,y\n" + dates)[0]
