import io
import sys

import pytest
from rich.cells import cell_len
from rich.text import Text

from dlcore.cli.terminal import open_console, print_columns, print_paragraph, shell_word


@pytest.fixture
def narrow(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    for name in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)


def test_meanings_are_aligned_and_wrapped_under_themselves(narrow, capsys):
    print_columns(open_console(), [("--a", "one two three four five 6 seven"), ("--long", "x")], column=14)
    assert capsys.readouterr().out == (
        "  --a         one two three four five 6\n"
        "              seven\n"
        "  --long      x\n"
    )  # fmt: skip


def test_the_meaning_of_a_long_name_is_below_it(narrow, capsys):
    print_columns(open_console(), [("--very_long_name", "meaning")], column=14)
    assert capsys.readouterr().out == "  --very_long_name\n              meaning\n"


def test_a_name_without_meaning_stands_alone(narrow, capsys):
    print_columns(open_console(), [("--a", "")], column=14)
    assert capsys.readouterr().out == "  --a\n"


def test_chinese_names_take_two_columns_a_character(narrow, capsys):
    print_columns(open_console(), [("明月", "几时有" * 10), ("ab", "x")], column=10)
    first, *others, last = capsys.readouterr().out.splitlines()
    assert first.startswith("  明月    几时有")
    assert last == "  ab      x"
    assert others
    assert all(cell_len(line) <= 40 for line in (first, *others))


def test_brackets_are_text_and_not_markup(narrow, capsys):
    print_paragraph(open_console(), "[bold] list[int] [/] :smile:")
    assert capsys.readouterr().out == "[bold] list[int] [/] :smile:\n"


def test_a_pipe_gets_no_colours_and_no_trailing_blanks(narrow, capsys):
    print_columns(open_console(), [(Text("--a", style="cyan"), "one two three four five six seven")], column=14)
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert all(line == line.rstrip() for line in out.splitlines())


def test_colours_can_be_forced_and_forbidden(narrow, capsys, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("FORCE_COLOR", "1")
    print_paragraph(open_console(), Text("a", style="cyan"))
    assert "\x1b[36m" in capsys.readouterr().out
    monkeypatch.setenv("NO_COLOR", "1")
    print_paragraph(open_console(), Text("a", style="cyan"))
    assert "\x1b[36m" not in capsys.readouterr().out


def test_lines_are_never_wider_than_is_good_to_read(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "300")
    print_paragraph(open_console(), "word " * 100)
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 110


def test_an_encoding_without_chinese_does_not_end_the_program(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    print_paragraph(open_console(), "moon 明月")
    sys.stdout.flush()
    assert raw.getvalue() == b"moon ??\n"


@pytest.mark.parametrize(
    ("word", "typed"),
    [("a/b-c.yaml", "a/b-c.yaml"), ("歌词.yaml", "歌词.yaml"), ("my file", "'my file'"), ("", "''"), ("$x", "'$x'")],
)
def test_a_word_is_quoted_only_if_a_shell_needs_it(word, typed):
    assert shell_word(word) == typed


def test_a_line_of_chinese_breaks_between_characters_and_keeps_its_signs(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "24")
    text = "损失曾升到 1.17e+06，是随机猜测时的 506,241 倍；标准差（很大）涨到 4 倍。"
    print_paragraph(open_console(), text)
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["损失曾升到 1.17e+06，是", "随机猜测时的 506,241", "倍；标准差（很大）涨到 4", "倍。"]
