"""Numbers as people write them: the right number, or an error that names file, row, column and a flag that helps."""

import pytest
from table_samples import samples

from dlcore.data import Table
from dlcore.data.tables.cells import NumberFormat
from dlcore.errors import ArgumentError, DataError

POINT, COMMA = NumberFormat(), NumberFormat(",")


@pytest.mark.parametrize(
    ("written", "text", "number"),
    [
        (POINT, "-2.5", -2.5),
        (POINT, "−5", -5),  # the minus of typography
        (POINT, ".5e3", 500),
        (POINT, "1'234’567.5", None),
        (POINT, "1'234'567.5", 1234567.5),
        (POINT, "1\u202f270", 1270),
        (POINT, "1 27", None),
        (POINT, "1,270", None),  # a decimal comma, or thousands
        (POINT, "(1'270)", -1270),
        (POINT, "5-", None),  # a school mark, or minus 5
        (POINT, "37 %", 37),
        (POINT, "-$5.50", -5.5),
        (POINT, "5 €", 5),
        (POINT, "$5€", None),
        (POINT, "1_10", None),
        (POINT, "inf", None),
        (POINT, "１２", 12),
        (COMMA, "1.234,5", 1234.5),
        (COMMA, "1.234", 1234),
        (COMMA, "1.234.567", 1234567),
        (COMMA, "1.5", None),
        (COMMA, "12.34,5", None),
        (COMMA, "1,234.5", None),
        (NumberFormat(".", ","), "1,234.5", 1234.5),
        (NumberFormat(".", ","), "12,34.5", None),
        (NumberFormat(",", "none"), "1.234", None),
    ],
)
def test_a_number_is_read_strictly(written, text, number):
    found = written.parse(text)
    assert (None if found is None else found[0]) == number


def table(csv_file, cells, name="t.csv", **settings):
    """A table whose first column has these cells."""
    text = "a;b;y\n" + "".join(f"{cell};{number % 3};{number % 2}\n" for number, cell in enumerate(cells))
    settings = {"val_size": 0, "test_size": 0, "standardize": False, "separator": ";", **settings}
    return Table(csv_file(text, name), **settings)


def values(data):
    data.setup("fit")
    return samples(data, "train")[0][:, 0].tolist()


@pytest.mark.parametrize(
    ("cells", "settings", "numbers", "said"),
    [
        (["1.234,5", "2,5", "7"], {"decimal": ","}, [1234.5, 2.5, 7], "'1.234,5' is read as 1234.5"),
        (["1.234", "2.000", "7"], {"decimal": ","}, [1234, 2000, 7], "'1.234' is read as 1234"),
        (["1,270", "980", "12,000"], {"thousands": ","}, [1270, 980, 12000], ""),
        (["1'270", "980", "12'000.5"], {}, [1270, 980, 12000.5], "1'270 is read as 1270"),
        (["37%", "5 %", "0%"], {}, [37, 5, 0], "'0%' is read as 0"),
        (["€ 3", "-€4", "5 €"], {}, [3, -4, 5], "read as"),
        (["(3)", "4", "5"], {}, [-3, 4, 5], "'(3)' is read as -3"),
        (["1", "k.A.", "3"], {"na_values": "k.A.", "missing": "mean"}, [1, 2, 3], ""),
        (["1", "-", "k.A.", "4"], {"na_values": ["-", "k.A."], "missing": "drop"}, [1, 4], "2 of 4 rows"),
        (["1", "-999", "3"], {"na_values": "-999", "missing": "mean"}, [1, 2, 3], ""),
    ],
)
def test_columns_of_written_numbers(csv_file, capsys, cells, settings, numbers, said):
    assert values(table(csv_file, cells, **settings)) == numbers
    assert said in capsys.readouterr().out.replace('"', "")  # of a text with an apostrophe


@pytest.mark.parametrize(
    ("cells", "settings", "message"),
    [
        (["0,5", "1,5", "k.A."], {}, r"numbers or names, got '0,5' in row 1 .*as 0\.5 \(--data\.decimal ,\)"),
        (["0,5", "1,5", "2,5", "k.A."], {"decimal": ","}, r"got 'k\.A\.' in row 4 .*\(--data\.na_values k\.A\.\)"),
        (["1", "2", "3", "-", "n.a."], {}, r"got '-' in row 4 .*\(--data\.na_values '\[\"-\", \"n\.a\.\"\]'\)"),
        (["1,270", "980"], {}, r"as 1270 \(--data\.thousands ,\) or as 1\.27 \(--data\.decimal ,\)"),
        (["1,27", "980"], {}, r"'1,27' as 1\.27 \(--data\.decimal ,\)\. Correct"),
        (["1,234.5", "2,000.5"], {}, r"as 1234\.5 \(--data\.thousands ,\)\. "),
        (["1,234.5", "2,000.5"], {"decimal": ","}, r"\(--data\.decimal \. --data\.thousands ,\)"),
        (["1.5", "2.25"], {"decimal": ","}, r"got '1\.5' in row 1 .*as 1\.5 \(--data\.decimal \.\)"),
        (["1.234", "2,5", "1.5"], {"decimal": ","}, r"expected numbers, as most of it is, got '1\.5' in row 3"),
        (["5%", "7%", "0.3"], {}, r"expected numbers with '%', as most of it is, got '0\.3' in row 3"),
        (["5", "7", "$3"], {}, r"expected numbers without a unit, as most of it is, got '\$3' in row 3"),
        (["1", "2", "5-"], {}, r"expected numbers, as most of it is, got '5-' in row 3"),
        ([*map(str, range(11)), *["none"] * 30], {}, r"got 'none' in row 12 .*\(30 such rows\)"),
        (["1e999", "1", "x", "2"], {}, r"expected finite numbers, as most of it is, got '1e999' in row 1"),
    ],
)
def test_what_cannot_be_told_is_an_error_with_a_flag_that_helps(csv_file, cells, settings, message):
    with pytest.raises(DataError, match=rf"t\.csv: column 'a': .*{message}"):
        table(csv_file, cells, **settings).facts()


def test_decimal_commas_of_a_target_are_no_classes(csv_file):
    path = csv_file("a;y\n" + "".join(f"{n};{n},5\n" for n in range(30)))
    with pytest.raises(DataError, match=r"column 'y': expected numbers or names, got '0,5' .*--data\.decimal ,"):
        Table(path).facts()
    assert Table(path, decimal=",").facts()["tasks"] == ["regression"]


def test_underscores_make_no_number(csv_file):
    data = table(csv_file, ["1_10", "11_0", "1_10", "11_0"])
    assert data.facts()["in_features"] == 3
    data.setup("fit")
    assert samples(data, "train")[0][:, :2].tolist() == [[0, 1], [1, 0], [0, 1], [1, 0]]


def test_numbers_that_are_asked_for_as_names_stay_names(csv_file):
    assert table(csv_file, ["0,5", "1,5", "0,5"], categorical="a").facts()["in_features"] == 3


def test_new_rows_have_the_unit_of_the_training(csv_file):
    data = table(csv_file, ["10%", "20%", "30%"])
    data.setup("fit")
    new = table(csv_file, ["0.1", "0.2"], "new.csv")
    new.expect(None, data.state_dict())
    with pytest.raises(DataError, match=r"numbers with '%', as in the training, got 0\.1 in row 1"):
        new.load()
    new = table(csv_file, ["15%"], "new.csv")
    new.expect(None, data.state_dict())
    new.setup("test")
    new.test_dataloader()
    assert samples(new, "test")[0][:, 0].tolist() == [15]


def test_signs_for_one_thing_are_not_taken_for_two(csv_file):
    with pytest.raises(ArgumentError, match=r"thousands: expected a sign other than decimal, got '\.'"):
        table(csv_file, ["1"], thousands=".")
    with pytest.raises(ArgumentError, match="thousands: expected 'auto' or 'none' or"):
        table(csv_file, ["1"], thousands="'")
