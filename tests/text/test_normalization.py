"""What is the same gets one spelling; Chinese punctuation keeps its own."""

import pytest

from dlcore.text.documents import normalize


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("一\r\n二\r三\n", "一\n二\n三\n"),
        ("\u3000\u3000他说", "  他说"),
        ("ＡＢＣａｂｃＺｚ０１２９", "ABCabcZz0129"),
        ("，。！？：；“”（）《》、…—％＋", "，。！？：；“”（）《》、…—％＋"),  # what NFKC would turn into ASCII
        ("\ufeff开头，中\ufeff间", "开头，中间"),
        ("ﬁ ① ㎏ Å", "ﬁ ① ㎏ Å"),
        ("", ""),
    ],
)
def test_one_spelling(text, expected):
    assert normalize(text) == expected
    assert normalize(expected) == expected
