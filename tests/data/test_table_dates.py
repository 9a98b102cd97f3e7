"""Dates in tables: days since 1970, in any form that is clear; one that is not is an error."""

import math

import numpy as np
import openpyxl
import pandas as pd
import pytest
import torch

from dlcore.data import Table
from dlcore.data.tables.dates import date_text, days_of, order_of
from dlcore.errors import ArgumentError, DataError

MAY = 19844  # days from 1970-01-01 to 2024-05-01


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("2024-05-01", MAY),
        ("2024/5/1", MAY),
        ("2024.05.01", MAY),
        ("2024年5月1日", MAY),
        ("2024年5月1号", MAY),
        ("01.05.2024", MAY),
        ("1/5/2024", MAY),
        ("2024-05-01 12:00", MAY + 0.5),
        ("2024-05-01T18:00:00.000", MAY + 0.75),
        ("2024-05-01T06:00:00+08:00", MAY + 0.25),
        ("2024年5月1日 6时00分", MAY + 0.25),
        ("1970-01-01", 0),
        ("1969-12-31", -1),
        ("2024-02-29", 19782),
    ],
)
def test_forms_of_dates(text, days):
    assert days_of(text) == days


@pytest.mark.parametrize(
    "text", ["2023-02-29", "2024-13-01", "2024-05-01 25:00", "1.5.24", "2024-05/01", "20240501", "5月1日"]
)
def test_what_is_no_date(text):
    assert math.isnan(days_of(text))


def test_the_order_of_day_and_month():
    assert days_of("5/1/2024", day_first=False) == MAY
    assert days_of("01.05.2024", day_first=False) == MAY  # with dots, the day is first
    assert order_of(["01/02/2024", "13/02/2024"]) is True
    assert order_of(["01/02/2024", "02/13/2024"]) is False
    assert order_of(["01/02/2024"]) is None
    assert date_text(MAY) == "2024-05-01"
    assert date_text(MAY + 0.5729166667) == "2024-05-01 13:45"


def rows(form, count=40):
    """A date for each row, from 2024-05-01 on, in a form of strftime; and a class."""
    days = pd.date_range("2024-05-01", periods=count)
    return "日期,量,类\n" + "".join(f"{day.strftime(form)},{n % 5},{n % 2}\n" for n, day in enumerate(days))


def read(path, **settings):
    data = Table(path, **{"val_size": 0, "test_size": 0, "standardize": False, **settings})
    data.setup("fit")
    return data


def inputs(data):
    part = data.parts["train"]
    return data.transform(part.inputs[part.indices])


@pytest.mark.parametrize(
    "form", ["%Y-%m-%d", "%Y/%m/%d", "%Y年%m月%d日", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y-%m-%d 00:00:00"]
)
def test_dates_of_any_form_are_days_since_the_first(csv_file, form, capsys):
    data = read(csv_file(rows(form)))
    assert inputs(data)[:, 0].tolist() == list(range(40))
    assert data.facts()["in_features"] == 2
    said = capsys.readouterr().out
    assert "column '日期' has dates, 2024-05-01 to 2024-06-09: read as days" in said
    assert ("is read as 2024-05-01" in said) == (not form.startswith("%Y"))


def test_typed_dates_are_those_of_text(csv_file, tmp_path):
    days = pd.date_range("2024-05-01", periods=40)
    table = pd.DataFrame({"日期": days, "量": np.arange(40) % 5, "类": np.arange(40) % 2})
    table.to_excel(tmp_path / "t.xlsx", index=False)
    expected = read(csv_file(rows("%Y-%m-%d")), dates="cycles")
    assert inputs(read(str(tmp_path / "t.xlsx"), dates="cycles")).equal(inputs(expected))
    pytest.importorskip("pyarrow")
    for number, typed in enumerate((days, days.date, days.tz_localize("Asia/Shanghai"))):
        table.assign(日期=typed).to_parquet(tmp_path / f"{number}.parquet")
        assert inputs(read(str(tmp_path / f"{number}.parquet"), dates="cycles")).equal(inputs(expected))


def test_dates_are_standardised_like_numbers(csv_file):
    found = inputs(read(csv_file(rows("%Y-%m-%d")), standardize=True))[:, 0]
    expected = (torch.arange(40.0) - 19.5) / (torch.arange(40.0) - 19.5).pow(2).mean().sqrt()
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("standardize", [True, False])
def test_cycles_are_the_place_in_week_and_year(csv_file, standardize):
    data = read(csv_file(rows("%Y-%m-%d", 800)), dates="cycles", standardize=standardize)
    found = inputs(data)
    assert data.facts()["in_features"] == found.shape[1] == 6
    week, year = found[:, 1:3], found[:, 3:5]
    torch.testing.assert_close(week[:-7], week[7:], atol=1e-4, rtol=0)
    torch.testing.assert_close(week.square().sum(1), torch.ones(800))
    torch.testing.assert_close(year[:-365], year[365:], atol=0.02, rtol=0)
    assert (week[0] - week[3]).norm() > 1.5  # nearly opposite
    days = torch.arange(800, dtype=torch.float64) + MAY
    torch.testing.assert_close(found[:, 3].double(), (2 * math.pi * days / 365.2425).sin(), atol=1e-4, rtol=0)


def test_times_have_a_daily_cycle(csv_file):
    hours = pd.date_range("2024-05-01", periods=48, freq="3h")
    text = "t,y\n" + "".join(f"{hour:%Y-%m-%d %H:%M},{n % 2}\n" for n, hour in enumerate(hours))
    found = inputs(read(csv_file(text), dates="cycles"))
    assert found.shape[1] == 7
    torch.testing.assert_close(found[:3, 5], torch.tensor([0, 0.5**0.5, 1]), atol=1e-3, rtol=0)


def test_an_open_order_is_an_error_that_names_the_flag(csv_file):
    text = "d,y\n" + "".join(f"{n % 12 + 1:02}/0{n % 9 + 1}/2024,{n % 2}\n" for n in range(40))
    with pytest.raises(
        DataError,
        match=r"column 'd': expected dates whose day and month can be told apart, got '\d\d/0\d/2024' in row .*"
        r"Choose 2024-\d\d-\d\d \(--data\.day_first true\) or 2024-\d\d-\d\d \(--data\.day_first false\)",
    ):
        read(csv_file(text))
    first, second = (inputs(read(csv_file(text), day_first=order))[:, 0] for order in (True, False))
    assert not first.equal(second)
    with pytest.raises(ArgumentError, match="day_first: expected True or False or 'auto', got 'perhaps'"):
        read(csv_file(text), day_first="perhaps")


def test_dates_that_do_not_exist_and_words_are_named(csv_file):
    text = rows("%Y-%m-%d")
    with pytest.raises(DataError, match=r"column '日期': expected dates, as most of it is, got '2024-02-30' in row 3"):
        read(csv_file(text.replace("2024-05-03", "2024-02-30")))
    with pytest.raises(DataError, match=r"got '待定' in row 3 .*\(--data\.na_values 待定\)"):
        read(csv_file(text.replace("2024-05-03", "待定")))
    kept = read(csv_file(text.replace("2024-05-03", "待定")), na_values="待定", missing="mean")
    assert inputs(kept)[2, 0] == pytest.approx(778 / 39, abs=1e-3)


def test_new_rows_are_read_in_the_order_of_the_training(csv_file):
    learned = read(csv_file(rows("%m/%d/%Y")))

    def later(text):
        new = Table(csv_file(text, "新.csv"))
        new.stage = "predict"
        new.expect(None, learned.state_dict())
        return new.load()["test"].inputs

    assert later("日期,量\n05/02/2024,1\n2024年5月3日,1\n")[:, 0].tolist() == [1, 2]
    with pytest.raises(DataError, match=r"column '日期': expected dates, got '13/05/2024' in row 1"):
        later("日期,量\n13/05/2024,1\n")
    with pytest.raises(DataError, match=r"column '日期': expected dates, got '5' in row 1"):
        later("日期,量\n5,1\n")


def test_a_target_of_dates_is_refused_and_dates_may_be_categories(csv_file):
    with pytest.raises(DataError, match="target '日期': expected numbers or classes, got dates"):
        read(csv_file(rows("%Y-%m-%d")), target="日期")
    text = "d,y\n" + "".join(f"2024-05-0{n % 3 + 1},{n % 2}\n" for n in range(30))
    assert read(csv_file(text), categorical="d").facts()["in_features"] == 3


def test_the_encoding_of_dates_is_kept(csv_file, tmp_path):
    data = read(csv_file(rows("%d/%m/%Y")), dates="cycles")
    torch.save(data.state_dict(), tmp_path / "state")
    again = Table(csv_file(rows("%d/%m/%Y")))
    again.expect(None, torch.load(tmp_path / "state", weights_only=True))
    assert again.facts()["in_features"] == 6
    assert again.schema.state() == data.schema.state()


def test_a_time_of_excel_keeps_its_day(tmp_path):
    made = openpyxl.Workbook()
    for row in [["t", "y"], *([pd.Timestamp("2024-05-01 12:00").to_pydatetime(), n % 2] for n in range(5))]:
        made.active.append(row)
    made.save(tmp_path / "t.xlsx")
    data = read(str(tmp_path / "t.xlsx"))
    assert data.schema.encoding.columns["t"].first == MAY + 0.5
