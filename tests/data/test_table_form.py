"""The form of a CSV file: told where it can be told, asked for where not."""

import pytest

from dlcore.data.tables.cells import CellFormat, NumberFormat
from dlcore.data.tables.csv_file import detect_form, fingerprint, read_csv
from dlcore.errors import ArgumentError, DataError


@pytest.fixture
def form_of(tmp_path):
    def form(text, encoding="utf-8", separator="auto", header="auto", known=None, written_in=None):
        path = tmp_path / "表格.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode(written_in or encoding))
        return detect_form(path, encoding, separator, header, known)

    return form


@pytest.mark.parametrize(
    ("text", "separator", "names"),
    [
        ("a,b\n1,2\n", ",", ("a", "b")),
        ("a;b\n1.5;2.5\n3,5;4.5\n", ";", ("a", "b")),
        ("a\tb c\n1\t2\n", "\t", ("a", "b c")),
        ('"a,1";b\n1;2\n', ";", ("a,1", "b")),
        ("\n\na,b\n1,2\n", ",", ("a", "b")),
        ("身高,体重,类别\n170,60,甲\n", ",", ("身高", "体重", "类别")),
        (",b\n0,2\n", ",", ("column_1", "b")),
        ("6,148,72,1\n1,85,66,0\n", ",", ("column_1", "column_2", "column_3", "column_4")),
        ("5.1,3.5,setosa\n4.9,3.0,setosa\n", ",", ("column_1", "column_2", "column_3")),
        ("?,3.5,a\n4.9,3.0,b\n", ",", ("column_1", "column_2", "column_3")),
    ],
)
def test_separator_and_header_are_told(form_of, text, separator, names):
    form = form_of(text)
    assert (form.separator, form.names) == (separator, names)
    assert form.header is not names[-1].startswith("column_")


@pytest.mark.parametrize("text", ["a,b\nc,d\ne,f\n", "name,2019,2020\nx,1,2\n3,4,5\n", "2019,2020\n7,8\n"])
def test_a_header_that_cannot_be_told_is_asked_for(form_of, text):
    with pytest.raises(ArgumentError, match=r"^header: expected true or false, got 'auto'\. Whether the first line of"):
        form_of(text)
    assert form_of(text, header=True).names[0] in ("a", "name", "2019")
    assert form_of(text, header=False).names[0] == "column_1"


def test_a_header_is_told_by_the_names_that_it_must_have(form_of):
    assert form_of("a,b,2019\nx,y,3\n", known=("b", "a")).header
    assert not form_of("1,2\n3,4\n", known=("b", "a")).header


def test_a_separator_that_cannot_be_told_is_asked_for(form_of):
    with pytest.raises(ArgumentError, match="separator: expected one of the possible ones, ',' and ';', got 'auto'"):
        form_of("1,5;2,5\n1,5;2,5\n")
    assert len(form_of("1,5;2,5\n1,5;2,5\n", separator=";", header=False).names) == 2
    assert form_of("a|b\n1|2\n", separator="|").names == ("a", "b")
    assert form_of("a\tb\n1\t2\n", separator="tab").names == ("a", "b")
    with pytest.raises(ArgumentError, match="separator: expected auto, tab or one character, got '::'"):
        form_of("a::b\n", separator="::")


def test_a_comma_before_the_fraction(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a;b\n1,5;2,5\n3,5;4,5\n")
    form = detect_form(path, "utf-8", "auto", "auto", cells=CellFormat(NumberFormat(",")))
    assert form.header
    assert read_csv(path, form)["b"].tolist() == [2.5, 4.5]


@pytest.mark.parametrize("first", ["sep=;\r\n", '"sep=;"\n', "\ufeffsep=;\n"])
def test_the_line_by_which_excel_tells_the_separator(tmp_path, first):
    path = tmp_path / "t.csv"
    path.write_bytes((first + "a,1;b\n1,5;2\n3,5;4\n").encode())
    form = detect_form(path, "utf-8", "auto", "auto", cells=CellFormat(NumberFormat(",")))
    assert (form.separator, form.names, form.header) == (";", ("a,1", "b"), True)
    assert read_csv(path, form)["a,1"].tolist() == [1.5, 3.5]
    path.write_bytes((first + "a;b\n1;2\n3\n").encode())
    with pytest.raises(DataError, match=r"line 4: expected 2 values, .* got 1"):
        read_csv(path, detect_form(path, "utf-8", "auto", "auto"))


def test_a_header_is_told_over_numbers_of_any_way_of_writing(form_of):
    for text in ("Preis;Ort\n1.234,50 €;a\n2,00 €;b\n", "p;q\n1'270;a\nk.A.;b\n3;c\n"):
        assert form_of(text, separator=";").header


@pytest.mark.parametrize(
    ("text", "written_in", "given", "advice"),
    [
        ("Größe,x\n1,2\n", "cp1252", "utf-8", r"'Größe' \(--data\.encoding cp1252\)"),
        ("a,b\n1,12 €\n", "cp1252", "gbk", r"line 2: .*'€' \(--data\.encoding cp1252\)"),
        ("面积㐀,x\n1,2\n", "gb18030", "gbk", r"'面积㐀' \(--data\.encoding gb18030\)"),
        ("面积,x\n1,2\n", "gb18030", "utf-8", r"right: '面积' \(--data\.encoding gb18030\)"),
        ("面积,x\n1,2\n", "utf-8", "ascii", r"right: '面积' \(--data\.encoding utf-8\)\.$"),
        ("Größe,x\nÄpfel und Öl für Mäuse und Bären grüßen übermütig,2\n", "utf-8", "latin-1", "got UTF-8 \\('Größe'"),
        ("a,b\n1,2\n", "utf-8-sig", "cp1252", r"got UTF-8 .*\(--data\.encoding utf-8\)"),
    ],
)
def test_the_encodings_that_are_named_read_the_file(form_of, text, written_in, given, advice):
    with pytest.raises(DataError, match=advice):
        form_of(text, encoding=given, written_in=written_in)


def test_a_damaged_letter_is_named_with_its_line(form_of):
    content = "身高,体重\n身,1\n".encode() + b"\xff,2\n"
    with pytest.raises(DataError, match=r"line 3: .* UTF-8 except for some bytes: correct the line"):
        form_of(content)


def test_encodings(form_of):
    assert form_of("身高,体重\n1,2\n", written_in="utf-8-sig").names == ("身高", "体重")
    assert form_of("身高,体重\n1,2\n", encoding="gbk").names == ("身高", "体重")
    with pytest.raises(DataError, match=r"line 1: expected text in utf-8, .* '身高' \(--data\.encoding gb18030\)"):
        form_of("身高,体重\n1,2\n", written_in="gbk")
    with pytest.raises(DataError, match=r"got UTF-16. Give it: --data.encoding utf-16"):
        form_of("a,b\n1,2\n", written_in="utf-16")
    assert form_of("a,b\n1,2\n", encoding="utf-16").names == ("a", "b")
    with pytest.raises(ArgumentError, match="encoding: expected the name of an encoding"):
        form_of("a,b\n", encoding="utf-nine", written_in="utf-8")


def test_a_letter_cut_by_the_end_of_what_is_looked_at_is_no_mistake(form_of):
    text = "甲,乙\n" + "1,一\n" * 100_000
    assert len(text.encode()) > 1 << 18
    assert form_of(text).names == ("甲", "乙")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected rows of values, got an empty file"),
        (b"\n\n", "expected rows of values, got an empty file"),
        (b"a\n1\n", r"got a single one when cut at ','\. .*--data.separator SIGN"),
        (b"PK\x03\x04\0\0", "expected a CSV file, got a binary one"),
        (b"a,b,a\n1,2,3\n", "expected a name of its own for each column, got 'a' for columns 1, 3"),
    ],
)
def test_files_that_are_no_table(form_of, content, message):
    with pytest.raises(DataError, match=message):
        form_of(content)


@pytest.fixture
def table_of(tmp_path):
    def table(text, **options):
        path = tmp_path / "t.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_csv(path, detect_form(path, "utf-8", "auto", "auto"), **options)

    return table


@pytest.mark.parametrize(
    ("text", "line", "got"),
    [
        ("a,b\n1,2\n1,2,3\n", 3, 3),
        ("a,b\n1,2,3\n1,2,3\n", 2, 3),
        ("a,b,c\n1,2,3\n1,2\n1,2,3\n", 3, 2),
        ('a,b\n"x\ny",2\n1,2,3\n', 4, 3),
    ],
)
def test_lines_of_unequal_length_are_named(table_of, text, line, got):
    columns = len(text.split("\n")[0].split(","))
    with pytest.raises(DataError, match=rf"t\.csv, line {line}: expected {columns} values, .* got {got}"):
        table_of(text)


def test_a_last_value_that_is_missing_is_no_short_line(table_of):
    assert table_of("a,b\n1,\n1,2\n")["b"].isna().tolist() == [True, False]


def test_a_header_alone_has_no_rows(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n")
    with pytest.raises(DataError, match="expected rows below the header, got none"):
        read_csv(path, detect_form(path, "utf-8", "auto", True))


def test_bytes_that_are_no_text_are_found_far_below(table_of):
    with pytest.raises(DataError, match=r"line 100,002: .* '中' \(--data\.encoding gb18030\)"):
        table_of(b"a,b\n" + b"1,2\n" * 100_000 + "1,中\n".encode("gbk"))


def test_a_column_has_one_type_even_where_text_comes_late(table_of):
    column = table_of("a,b\n" + "1,2\n" * 300_000 + "1,x\n")["b"]
    assert {type(value) for value in column} == {str}


def test_text_stays_as_it_is_where_asked(table_of):
    assert table_of("zip,b\n01234,2\n", as_text=["zip"])["zip"].tolist() == ["01234"]


def test_a_fingerprint_follows_the_content(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n")
    first = fingerprint(path)
    assert fingerprint(path.rename(tmp_path / "u.csv")) == first
    (tmp_path / "u.csv").write_text("a,b\n1,3\n")
    assert fingerprint(tmp_path / "u.csv") != first
