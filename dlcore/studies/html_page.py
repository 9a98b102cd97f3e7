"""A self-contained HTML page: style and pictures are embedded, nothing is loaded."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape

_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.55 system-ui, -apple-system, "Segoe UI", "Noto Sans", "Noto Sans CJK SC", "PingFang SC",
  "Microsoft YaHei", sans-serif; color: #222; background: #fff; margin: 0 auto; max-width: 74rem;
  padding: 2.5rem 1.5rem; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .4rem; } h2 { font-size: 1.2rem; margin: 2.6rem 0 .7rem; }
h2.study { font-size: 1.55rem; margin-top: 4rem; padding-top: 1.6rem; border-top: 1px solid #ccc; }
h3 { font-size: 1.05rem; margin: 1.8rem 0 .5rem; }
p { max-width: 46rem; } .quiet { color: #666; } code { background: #f4f4f4; padding: .1em .35em; border-radius: 4px; }
a { color: #0072b2; text-decoration: none; } a:hover { text-decoration: underline; }
img { max-width: 100%; height: auto; display: block; margin: 1rem 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .45rem 1rem .45rem 0; border-bottom: 1px solid #e4e4e4; vertical-align: top; }
th { font-weight: 600; color: #555; font-size: .87rem; } td.number { white-space: nowrap; }
tr.first td { border-top: 2px solid #bbb; }
.claim { border-left: 5px solid #999; padding: .15rem 0 .15rem 1.1rem; margin: 1.1rem 0; }
.claim p { margin: .25rem 0; } .claim .says { font-size: 1.1rem; }
.verdict { font-weight: 700; letter-spacing: .04em; font-size: .87rem; }
.CONFIRMED { border-color: #009e73; } .CONFIRMED .verdict { color: #00785a; }
.CONTRADICTED { border-color: #d55e00; } .CONTRADICTED .verdict { color: #b34d00; }
.INCONCLUSIVE { border-color: #e69f00; } .INCONCLUSIVE .verdict { color: #8a6000; }
.SKIPPED .verdict { color: #666; } .failed { border-color: #d55e00; }
@media print { body { padding: 0; } }
"""


def page(title: str, parts: Iterable[str]) -> str:
    """Return a whole page.

    Args:
        title: Title of the browser tab.
        parts: Its content, as HTML.
    """
    head = [
        "<!DOCTYPE html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<style>{_STYLE}</style></head><body>",
    ]
    return "\n".join([*head, *parts, "</body></html>", ""])


def html_table(heads: Sequence[str], rows: Iterable[Sequence[str]], numbers: bool = False) -> str:
    """Return a table of text; a wide one scrolls.

    Args:
        heads: Heads of its columns.
        rows: Its cells.
        numbers: Whether all cells but a row's first one are numbers, which do not wrap.
    """
    kind = ' class="number"' if numbers else ""
    body = "".join(
        "<tr>" + "".join(f"<td{kind if place else ''}>{escape(text)}</td>" for place, text in enumerate(row)) + "</tr>"
        for row in rows
    )
    return framed_table(heads, body)


def framed_table(heads: Sequence[str], body: str) -> str:
    """Return a table whose rows are HTML already."""
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def html_picture(content: bytes, text: str) -> str:
    """Return an embedded picture.

    Args:
        content: Content of a PNG file.
        text: Its alternative text.
    """
    data = base64.b64encode(content).decode()
    return f'<img alt="{escape(text)}" src="data:image/png;base64,{data}">'
