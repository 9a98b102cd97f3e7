"""``neighbors``: similar words to a trained text model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dlcore.cli.flag_rows import flag_row
from dlcore.cli.own_options import option_row, read_options
from dlcore.cli.terminal import (
    new_table,
    open_console,
    print_columns,
    print_examples,
    print_heading,
    print_paragraph,
    print_usage,
)
from dlcore.config.catalogue import settings_info
from dlcore.config.request import Flag, Request, check_files
from dlcore.errors import ArgumentError, check_number

if TYPE_CHECKING:
    from rich.table import Table

SUMMARY = "Words that a trained text model takes for similar: the nearest by the cosine of their embeddings."
_COLUMN = 37
_SIDE_BY_SIDE = 4
_EXAMPLES = ("neighbors 明月", "neighbors 春风 秋风 --num 5", "neighbors 明月 --ckpt_path last -c rnn_lyrics")


@dataclass(frozen=True)
class Call:
    """Options of the command.

    Args:
        ckpt_path: The best or the last checkpoint of the newest run of a text model, a run's folder, or a file.
        num: Neighbours of each word.
    """

    ckpt_path: str = "best"
    num: int = 10


def run(argv: list[str]) -> int:
    """Show the neighbours of words."""
    arguments = settings_info("cli/neighbors.py", "Call").arguments
    if {"-h", "--help", "--help-all"} & set(argv):
        print_help()
        return 0
    given = read_options("neighbors", argv, arguments, {"k": "--num", "top_k": "--num", "n": "--num"}, takes_words=True)
    call = Call(**{name: given.get(name) for name in given.values})
    check_number("--num", call.num, at_least=1, whole=True)
    from dlcore.text.documents import normalize

    words = list(dict.fromkeys(map(normalize, given.words)))
    if not words:
        raise ArgumentError("neighbors", "one or more words", None, "For example: python -m dlcore neighbors 明月")
    check_files(Request("neighbors", flags=[Flag("ckpt_path", call.ckpt_path)]))
    from dlcore.runs.text_generation import load_text_model, neighbors

    found = neighbors(words, load_text_model(call.ckpt_path, given.run_name()), call.num)
    console = open_console()
    for first in range(0, len(words), _SIDE_BY_SIDE):
        if first:
            console.print()
        console.print(_table({word: found[word] for word in words[first : first + _SIDE_BY_SIDE]}))
    return 0


def _table(found: dict[str, list[tuple[str, float]]]) -> Table:
    table = new_table(*(head for word in found for head in (_shown(word), ">cosine")))
    for row in range(max(map(len, found.values()))):
        cells = [near[row] if row < len(near) else ("", None) for near in found.values()]
        table.add_row(*(cell for word, cosine in cells
                        for cell in (_shown(word), "" if cosine is None else f"{cosine:.3f}")))  # fmt: skip
    return table


def _shown(word: str) -> str:
    """Return a word with visible line breaks (⏎) and blanks (␣)."""
    return word.replace("\n", "⏎").replace(" ", "␣")


def print_help() -> None:
    """Print the short help."""
    console = open_console()
    print_usage(console, "neighbors WORD [WORD ...] [--option VALUE ...]")
    print_paragraph(console, SUMMARY)
    print_heading(console, "Options")
    rows = [
        option_row(argument, "best|last|FILE" if name == "ckpt_path" else None)
        for name, argument in settings_info("cli/neighbors.py", "Call").arguments.items()
    ]
    rows.insert(1, flag_row("-c", "RECIPE", "Look among the runs of this recipe only, for best and last."))
    print_columns(console, rows, column=_COLUMN)
    print_examples(console, _EXAMPLES)
