import pytest

from dlcore.tracking.run_page import escaped, table


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("train/loss_step is NaN", "train/loss_step is NaN"),  # within a word an underscore is only that
        ("_a_ b_", r"\_a\_ b\_"),
        ("a | b", r"a \| b"),
        ("*x* `y` [z](w) <b>", r"\*x\* \`y\` \[z\](w) \<b\>"),
        ("明月|何时，照我还", r"明月\|何时，照我还"),
        ("two\nlines  here", "two lines here"),
        ("# no heading", r"\# no heading"),
        ("- no list", r"\- no list"),
        ("3. no list", r"3\. no list"),
        ("3.5 is a number, -1 too", "3.5 is a number, -1 too"),
        ("-1", "-1"),
        ("~/photos", "~/photos"),
        ("~~gone~~", r"\~~gone\~~"),
        ("C:\\x", r"C:\\x"),
    ],
)
def test_signs_mean_nothing(text, expected):
    assert escaped(text) == expected


def test_a_table_has_a_head_a_rule_and_rows():
    assert table(["a", "b|c"], [["x", "1"], ["明|月", ""]]) == [
        r"| a | b\|c |",
        "| --- | ---: |",
        "| x | 1 |",
        r"| 明\|月 |  |",
    ]
