"""Tables of other formats than CSV: the same table gives the same inputs, and what is not what it says is refused."""

import datetime as dt
import zipfile

import numpy as np
import openpyxl
import pandas as pd
import pytest
import torch

from dlcore.data import LabelledText, Table
from dlcore.data.tables import spreadsheet
from dlcore.errors import ArgumentError, DataError, UnknownNameError

ROWS = 40


def frame():
    """Whole and other numbers, names, true and false, a number with holes, a postcode, and a class."""
    numbers = np.arange(ROWS)
    return pd.DataFrame(
        {
            "年龄": 20 + numbers * 7 % 45,
            "收入": numbers * 37 % 101 / 8,
            "城市": [["北京", "上海", "广州"][n % 3] for n in numbers],
            "会员": numbers % 2 == 0,
            "次数": [None if n % 9 == 4 else n % 6 for n in numbers],
            "邮编": 100000 + numbers % 4,
            "流失": [["是", "否"][int(n % 4 == 0)] for n in numbers],
        }
    )


def written(table, folder, ending, name="表"):
    path = folder / f"{name}.{ending}"
    if ending == "csv":
        table.to_csv(path, index=False)
    elif ending == "parquet":
        pytest.importorskip("pyarrow")
        table.assign(**{"次数": table["次数"].astype("Int64")} if "次数" in table else {}).to_parquet(path, index=False)
    else:
        table.to_excel(path, index=False, sheet_name="数据")
    return str(path)


def book(folder, rows, name="表.xlsx", title="数据"):
    made = openpyxl.Workbook()
    made.active.title = title
    for row in rows:
        made.active.append(row)
    made.save(folder / name)
    return str(folder / name)


def read(path, **settings):
    data = Table(path, **{"missing": "mean", "categorical": "邮编", **settings})
    data.setup("fit")
    return data


@pytest.mark.parametrize("ending", ["xlsx", "parquet"])
def test_the_same_table_gives_the_same_inputs_targets_and_parts(tmp_path, ending):
    expected, found = (read(written(frame(), tmp_path, each)) for each in ("csv", ending))
    assert found.facts() == {**expected.facts(), "source": found.source}
    for name, part in expected.parts.items():
        other = found.parts[name]
        torch.testing.assert_close(other.inputs, part.inputs, rtol=0, atol=0, equal_nan=True)
        assert other.targets.equal(part.targets)
        assert other.indices.equal(part.indices)
    kept, theirs = ({**data.state_dict()["table"], "path": "", "fingerprint": ""} for data in (expected, found))
    assert kept == theirs


@pytest.mark.parametrize("ending", ["csv", "xlsx", "parquet"])
@pytest.mark.parametrize("later", ["csv", "xlsx", "parquet"])
def test_new_rows_may_have_another_format(tmp_path, ending, later):
    learned = read(written(frame(), tmp_path, ending))
    new = Table(written(frame().iloc[:5, :-1], tmp_path, later, "新"), missing="mean")
    new.stage = "predict"
    new.expect(None, learned.state_dict())
    torch.testing.assert_close(new.load()["test"].inputs, learned.parts["test"].inputs[:5], rtol=0, atol=0)


def test_a_sheet_is_chosen_by_name_or_place(tmp_path):
    path = tmp_path / "two.xlsx"
    with pd.ExcelWriter(path) as writer:
        pd.DataFrame({"other": [1, 2], "x": [3, 4]}).to_excel(writer, sheet_name="2024", index=False)
        frame().to_excel(writer, sheet_name="客户", index=False)
    assert Table(str(path), val_size=0, test_size=0).facts()["columns"] == ["other"]
    for sheet in ("客户", 1, -1):
        assert read(str(path), sheet=sheet).facts()["target_name"] == "流失"
    assert Table(str(path), sheet=2024, val_size=0, test_size=0).facts()["columns"] == ["other"]
    with pytest.raises(UnknownNameError, match=r"sheet \(in data\.sheet\): '客'.*客户"):
        read(str(path), sheet="客")
    with pytest.raises(ArgumentError, match="sheet: expected a place from -2 to 1, or a name, got 2"):
        read(str(path), sheet=2)


def test_text_in_cells_is_read_by_the_rules_of_csv(tmp_path):
    rows = [[n if n % 3 else f"1'{n:03}", ["是", "否"][n % 2]] for n in range(20)]
    found = Table(book(tmp_path, [["金额", "类"], *rows]), val_size=0, test_size=0, standardize=False)
    found.setup("fit")
    assert found.parts["train"].inputs[:5, 0].tolist() == [1000, 1, 2, 1003, 4]
    rows[0][0] = "1,000"
    with pytest.raises(DataError, match=r"column '金额': expected numbers.* got '1,000' in row 1 .*--data\.decimal ,"):
        Table(book(tmp_path, [["金额", "类"], *rows])).facts()
    # With a decimal comma, a number is not mistaken for the text of a thousand.
    commas = Table(book(tmp_path, [["a", "y"], ["2,5", 0], [1.234, 1], [3, 0]]), decimal=",", val_size=0, test_size=0,
                   standardize=False)  # fmt: skip
    commas.setup("fit")
    assert commas.parts["train"].inputs[:, 0].tolist() == pytest.approx([2.5, 1.234, 3])


def test_errors_and_marks_in_cells(tmp_path):
    rows = [[n, n % 2] for n in range(20)]
    rows[3][0] = "#N/A"
    rows[4][0] = -999
    data = Table(book(tmp_path, [["a", "y"], *rows]), missing="drop", na_values="-999", val_size=0, test_size=0)
    data.setup("fit")
    assert len(data.parts["train"]) == 18
    rows[5][0] = "#DIV/0!"
    with pytest.raises(DataError, match=r"column 'a': expected numbers.*got '#DIV/0!' in row 6"):
        Table(book(tmp_path, [["a", "y"], *rows])).facts()


def test_a_formula_is_its_value_and_without_one_an_error(tmp_path):
    path = book(tmp_path, [["a", "y"], *([n, n % 2] for n in range(9)), ["=1+1", 1]])
    with pytest.raises(DataError, match=r"cell A11: expected a value, got a formula without one \(=1\+1\)\. Open"):
        Table(path).facts()
    with_value = tmp_path / "saved.xlsx"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(with_value, "w") as new:
        for entry in old.namelist():
            new.writestr(entry, old.read(entry).replace(b"<f>1+1</f><v />", b"<f>1+1</f><v>2</v>"))
    data = Table(str(with_value), val_size=0, test_size=0, standardize=False)
    data.setup("fit")
    assert data.parts["train"].inputs[-1].item() == 2


def test_headers_of_sheets(tmp_path):
    rows = [[n, n % 3, n % 2] for n in range(10)]
    assert Table(book(tmp_path, rows)).facts()["columns"] == ["column_1", "column_2"]
    assert Table(book(tmp_path, [["a", None, "y"], *rows])).facts()["columns"] == ["a", "column_2"]
    with pytest.raises(DataError, match="expected the columns' names in the first row, got 1 for 3 columns"):
        Table(book(tmp_path, [["2024 年报表"], ["a", "b", "y"], *rows]), header=True).facts()
    with pytest.raises(DataError, match="a name of its own for each column, got 'a' for columns 1, 2"):
        Table(book(tmp_path, [["a", "a", "y"], *rows])).facts()
    blank = [[], ["a", "b", "y"], *rows[:5], [None, None], *rows[5:], []]
    data = Table(book(tmp_path, blank), val_size=0, test_size=0)
    data.setup("fit")
    assert len(data.parts["train"]) == 10


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.xlsx", b"", r"expected a spreadsheet, got an empty file\. Save it as CSV"),
        ("t.xlsx", b"a,y\n1,0\n", r"expected a spreadsheet, got other content.*rename it to t\.csv"),
        ("t.xls", b"<html><table>", r"expected a spreadsheet, got other content"),
        ("t.xlsx", b"PK\x03\x04 and no more", r"t\.xlsx: is damaged \(BadZipFile"),
        ("t.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "expected a spreadsheet without a password"),
        ("t.parquet", b"", "expected a Parquet file, got an empty file"),
        ("t.parquet", b"a,y\n1,0\n", r"expected a Parquet file, got other content.*rename it to t\.csv"),
        ("t.csv", b"PAR1 \0", r"expected a CSV file, got a Parquet file\. Rename it to t\.parquet"),
        (
            "t.csv",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
            r"got a spreadsheet\. Rename it to t\.xls,",
        ),
    ],
)
def test_a_file_that_is_not_what_its_name_says(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        Table(str(tmp_path / name)).facts()


def test_a_spreadsheet_by_the_name_of_csv(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes((tmp_path / book(tmp_path, [["a", "y"], [1, 0], [2, 1]])).read_bytes())
    with pytest.raises(DataError, match=r"expected a CSV file, got a spreadsheet\. Rename it to t\.xlsx"):
        Table(str(path)).facts()


def test_what_is_not_installed_is_said(tmp_path, monkeypatch):
    path = book(tmp_path, [["a", "y"], [1, 0], [2, 1]])
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"the package openpyxl.*pip install openpyxl \(or 'dlcore\[excel\]'\)"):
        Table(path).facts()
    (tmp_path / "t.parquet").write_bytes(b"PAR1PAR1")
    with pytest.raises(DataError, match=r"the package pyarrow.*pip install pyarrow \(or 'dlcore\[parquet\]'\)"):
        Table(str(tmp_path / "t.parquet")).facts()


def test_a_spreadsheet_that_unpacks_to_gigabytes_is_not_unpacked(tmp_path, monkeypatch):
    path = book(tmp_path, [["a", "y"], [1, 0], [2, 1]])
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as file:
        file.writestr("xl/media/x", bytes(1 << 24))
    monkeypatch.setattr(spreadsheet, "_MOST_BYTES", 1 << 23)
    with pytest.raises(DataError, match=r"expected a spreadsheet of at most 8,388,608 bytes when unpacked, got 16,"):
        Table(path).facts()


def test_a_spreadsheet_that_promises_more_cells_than_a_sheet_has(tmp_path, monkeypatch):
    path = book(tmp_path, [["a", "y"], [1, 0], [2, 1]])
    far = tmp_path / "far.xlsx"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(far, "w") as new:
        for entry in old.namelist():
            content = old.read(entry)
            for cell in (b'r="3"', b'"A3"', b'"B3"'):
                content = content.replace(cell, cell.replace(b"3", b"3000000000"))
            new.writestr(entry, content)
    monkeypatch.setattr(spreadsheet, "_MOST_ROWS", 1000)
    with pytest.raises(DataError, match="expected at most 1,000 rows"):
        Table(str(far)).facts()


def test_columns_of_parquet(tmp_path):
    pytest.importorskip("pyarrow")
    days = pd.date_range("2024-01-01", periods=ROWS, tz="Asia/Shanghai")
    table = frame().assign(
        城市=frame()["城市"].astype("category"),
        收入=frame()["收入"].astype("float32"),
        会员=frame()["会员"].astype("boolean"),
    )
    table.loc[3, "会员"] = None
    table.assign(列表=[[1, 2]] * ROWS, 日=days).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"column '列表': expected .* got nested values, list<.*--data\.ignore 列表"):
        read(str(tmp_path / "t.parquet"))
    found = read(str(tmp_path / "t.parquet"), ignore=["列表", "日"], target="流失")
    assert found.facts()["columns"] == ["年龄", "收入", "城市", "会员", "次数", "邮编"]
    assert found.facts()["in_features"] == 1 + 1 + 3 + 1 + 1 + 4


def test_an_index_in_parquet_is_left_out(tmp_path, capsys):
    pytest.importorskip("pyarrow")
    frame().sample(frac=1, random_state=0).to_parquet(tmp_path / "t.parquet")
    assert "年龄" in read(str(tmp_path / "t.parquet"), target="流失").facts()["columns"]
    assert "__index_level_0__" not in read(str(tmp_path / "t.parquet"), target="流失").facts()["columns"]
    assert "numbers the rows and has no name" in capsys.readouterr().out


def test_a_damaged_parquet_file(tmp_path):
    pytest.importorskip("pyarrow")
    whole = (tmp_path / written(frame(), tmp_path, "parquet")).read_bytes()
    for content in (b"PAR1", whole[:200], whole[:-300] + bytes(300), whole[:50] + b"\xff" * 100 + whole[150:]):
        (tmp_path / "t.parquet").write_bytes(content)
        with pytest.raises(DataError, match=r"t\.parquet: cannot be read as Parquet"):
            read(str(tmp_path / "t.parquet"))


def test_texts_and_labels_of_a_spreadsheet(tmp_path):
    texts = [[f"{'好坏'[n % 2]}东西{n}", ["好评", "差评"][n % 2]] for n in range(20)] + [
        ["null", "好评"],
        [2024, "差评"],
    ]
    data = LabelledText(book(tmp_path, [["评论", "情感"], *texts]), text="评论", label="情感", level="char")
    data.setup("fit")
    assert data.facts()["class_names"] == ["好评", "差评"]
    assert sum(len(part) for part in data.parts.values()) == 22


def test_dates_in_cells_are_text_where_the_column_is_mixed(tmp_path):
    rows = [[dt.datetime(2024, 5, 1 + n % 9), n % 2] for n in range(20)]
    rows[0][0] = "待定"
    with pytest.raises(DataError, match=r"column 'd': expected dates, as most of it is, got '待定' in row 1"):
        Table(book(tmp_path, [["d", "y"], *rows])).facts()


def test_whole_numbers_with_holes_are_whole_as_names(tmp_path):
    pytest.importorskip("pyarrow")
    codes = pd.array([None if n == 5 else 100 + n % 3 for n in range(ROWS)], dtype="Int64")
    pd.DataFrame({"邮编": codes, "类": np.arange(ROWS) % 2}).to_parquet(tmp_path / "t.parquet")
    assert read(str(tmp_path / "t.parquet")).schema.encoding.columns["邮编"].categories == ["100", "101", "102"]
