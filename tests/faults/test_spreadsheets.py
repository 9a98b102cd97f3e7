"""What goes wrong in a user's spreadsheet: the right values, or one line that says where and what helps."""

from __future__ import annotations

import datetime
import zipfile

import openpyxl
import pytest

from dlcore.data import Table
from dlcore.errors import ArgumentError, DataError, UnknownNameError

HEADER = ["n", "x", "c", "y"]
ROWS = [[number % 7, 1.5 * number, "ab"[number % 2], "yn"[number % 2]] for number in range(40)]


def book(folder, rows, change=None):
    """A workbook with one sheet of these rows."""
    made = openpyxl.Workbook()
    for row in rows:
        made.active.append(row)
    if change is not None:
        change(made)
    made.save(folder / "t.xlsx")


def with_cell(row, column, value):
    rows = [list(each) for each in ROWS]
    rows[row][column] = value
    return [HEADER, *rows]


def merge(made):
    made.active.merge_cells("A1:B1")


def read(folder, **arguments):
    data = Table(str(folder / "t.xlsx"), **{"target": "y"} | arguments)
    data.setup("fit")
    return data


@pytest.fixture
def plain(tmp_path):
    """What is known of the table with nothing wrong."""
    (tmp_path / "plain").mkdir()
    book(tmp_path / "plain", [HEADER, *ROWS])
    return read(tmp_path / "plain")


def same(data, plain):
    """The inputs and targets are those of the table with nothing wrong."""
    for part in ("train", "val", "test"):
        ours, theirs = (each.parts[part].fetch(each.parts[part].indices) for each in (data, plain))
        assert all(one.equal(other) for one, other in zip(ours, theirs, strict=True))


@pytest.mark.parametrize(
    ("rows", "change", "said"),
    [
        pytest.param(
            [["Report of 2024"], [], [], HEADER, *ROWS],
            None,
            "expected the columns' names in the first row, got 1 for 4 columns. Remove titles and notes above",
            marks=pytest.mark.fault(
                "A title stands above the table", "“expected the columns' names in the first row …”"
            ),
        ),
        pytest.param(
            [["group", None, "c", "y"], HEADER, *ROWS],
            merge,
            "column 'group': expected numbers, as most of it is, got 'n' in row 1 (counted from 1, without the header)",
            marks=pytest.mark.fault(
                "Cells of the header are merged",
                "“column 'group': expected numbers, as most of it is, got 'n' in row 1 …”",
            ),
        ),
        pytest.param(
            [["n", None, *HEADER[1:]], *[[row[0], None, *row[1:]] for row in ROWS]],
            None,
            "column 'column_2': expected a value in each row, got none in 40 rows (rows 1, 2, 3, …). Ways: leave the "
            "column out (--data.ignore column_2)",
            marks=pytest.mark.fault(
                "A column of the table is empty", "“… got none in 40 rows … --data.ignore column_2”"
            ),
        ),
        pytest.param(
            with_cell(0, 1, "=A2*1.5"),
            None,
            "cell B2: expected a value, got a formula without one (=A2*1.5). Open the file in a spreadsheet program",
            marks=pytest.mark.fault("A formula has no stored value", "“cell B2: … got a formula without one (…) …”"),
        ),
        pytest.param(
            with_cell(5, 1, "#DIV/0!"),
            None,
            "column 'x': expected numbers, as most of it is, got '#DIV/0!' in row 6",
            marks=pytest.mark.fault("A cell holds the error #DIV/0!", "“… got '#DIV/0!' in row 6 … Correct it, …”"),
        ),
        pytest.param(
            with_cell(3, 3, "#N/A"),
            None,
            "target 'y': expected a value in each row, got none in 1 row (row 4). Ways: leave such rows out",
            marks=pytest.mark.fault("The target of a row is #N/A", "“… got none in 1 row (row 4). Ways: …”"),
        ),
    ],
)
def test_what_cannot_be_read_is_named_with_the_remedy(tmp_path, rows, change, said):
    book(tmp_path, rows, change)
    with pytest.raises(DataError) as caught:
        read(tmp_path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.fault("The target is not in the first row, which has other names", "the names that are there")
def test_a_target_below_the_first_row_is_answered_with_the_names(tmp_path):
    book(tmp_path, [["group", "b", "other", "d"], HEADER, *ROWS])
    with pytest.raises(UnknownNameError, match=r"data\.target\): 'y'\. There are: group, b, other, d"):
        read(tmp_path)


@pytest.mark.fault("Numbers are stored as text", "nothing: they are read as the numbers that they are")
def test_numbers_that_are_stored_as_text_are_the_same_numbers(tmp_path, plain):
    book(tmp_path, [HEADER, *[[str(row[0]), f" {row[1]} ", *row[2:]] for row in ROWS]])
    same(read(tmp_path), plain)


@pytest.mark.fault("Empty rows and columns are formatted far beyond the table", "nothing: they are not read")
def test_what_is_only_formatted_is_not_read(tmp_path, plain):
    def format_far(made):
        made.active.cell(row=3000, column=300).number_format = "0.00"

    book(tmp_path, [HEADER, *ROWS], format_far)
    same(read(tmp_path), plain)


@pytest.mark.fault(
    "Dates are text in some rows and dates in others", "“'1.1.2024' is read as 2024-01-01”; the same days"
)
def test_dates_as_text_are_the_days_that_they_name(tmp_path, capsys):
    days = [datetime.datetime(2024, 1, number % 28 + 1) for number in range(40)]
    (tmp_path / "plain").mkdir()
    header = ["n", "day", "c", "y"]
    book(tmp_path / "plain", [header, *[[row[0], day, *row[2:]] for row, day in zip(ROWS, days, strict=True)]])
    mixed = [f"{day.day}.{day.month}.{day.year}" if number % 2 == 0 else day for number, day in enumerate(days)]
    book(tmp_path, [header, *[[row[0], day, *row[2:]] for row, day in zip(ROWS, mixed, strict=True)]])
    same(read(tmp_path, day_first=True), read(tmp_path / "plain", day_first=True))


@pytest.mark.fault("There are several sheets, and the first has no table", "“…”, or the sheet of --data.sheet")
def test_another_sheet_is_chosen_by_name_or_place(tmp_path, plain):
    def add(made):
        made.active.title = "notes"
        sheet = made.create_sheet("data")
        for row in [HEADER, *ROWS]:
            sheet.append(row)

    book(tmp_path, [["Only notes here"]], add)
    with pytest.raises((DataError, ArgumentError)):
        read(tmp_path)
    same(read(tmp_path, sheet="data"), plain)
    same(read(tmp_path, sheet=-1), plain)
    with pytest.raises(UnknownNameError, match="'date'"):
        read(tmp_path, sheet="date")


@pytest.mark.fault("There are several sheets, and nobody chose one", "“the first of 3 sheets is read, 'data'; not …”")
def test_of_several_sheets_the_first_is_read_and_that_is_said(tmp_path, plain, capsys):
    def add(made):
        made.active.title = "data"
        for name in ("旧", "notes"):
            made.create_sheet(name)

    book(tmp_path, [HEADER, *ROWS], add)
    same(read(tmp_path), plain)
    assert "the first of 3 sheets is read, 'data'; not 旧, notes" in capsys.readouterr().out
    same(read(tmp_path, sheet="data"), plain)
    assert "sheets" not in capsys.readouterr().out


@pytest.mark.fault(
    "A small spreadsheet unpacks to more than 512 MB",
    "“expected a spreadsheet of at most 536,870,912 bytes when unpacked, got …”, before it is unpacked",
)
def test_a_spreadsheet_that_unpacks_to_too_much_is_refused_before(tmp_path, monkeypatch):
    from dlcore.data.tables import spreadsheet

    book(tmp_path, [HEADER, *ROWS])
    monkeypatch.setattr(spreadsheet, "_MOST_BYTES", 100_000)
    with zipfile.ZipFile(tmp_path / "t.xlsx", "a", zipfile.ZIP_DEFLATED) as file:
        file.writestr("xl/worksheets/sheet2.xml", b" " * 1_000_000)
    with pytest.raises(DataError, match="expected a spreadsheet of at most 100,000 bytes when unpacked, got 1,0"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        pytest.param(
            "t.xlsx",
            b"n,y\n1,0\n",
            r"expected a spreadsheet, got other content\..* rename it to t\.csv\.$",
            marks=pytest.mark.fault("A CSV file is named .xlsx", "“expected a spreadsheet, got other content. …”"),
        ),
        pytest.param(
            "t.xls",
            b"<html><table><tr><td>n</td></tr></table></html>",
            "expected a spreadsheet, got other content",
            marks=pytest.mark.fault("A web page is named .xls, as some programs export it", "the same"),
        ),
        pytest.param(
            "t.xls",
            None,
            r"expected a spreadsheet, got a packed file\..* rename it to t\.xlsx\.$",
            marks=pytest.mark.fault("An .xlsx file is named .xls", "“… rename it to t.xlsx.”"),
        ),
        pytest.param(
            "t.xlsx",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + "EncryptedPackage".encode("utf-16le"),
            r"expected a spreadsheet without a password, or t\.xls, got one with a password or an old one",
            marks=pytest.mark.fault(
                "A spreadsheet has a password, or is an .xls file named .xlsx",
                "“expected a spreadsheet without a password, or ….xls, got …”",
            ),
        ),
    ],
)
def test_a_file_that_is_no_such_spreadsheet_is_named(tmp_path, name, content, said):
    book(tmp_path, [HEADER, *ROWS])
    (tmp_path / name).write_bytes((tmp_path / "t.xlsx").read_bytes() if content is None else content)
    with pytest.raises(DataError, match=said):
        Table(str(tmp_path / name), target="y").facts()
