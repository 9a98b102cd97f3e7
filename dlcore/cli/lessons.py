"""``lessons``: the textbook chapter by chapter, with the command that shows each lesson."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from rich.text import Text

from dlcore.cli.terminal import HEADING, NAME, QUIET, open_console, print_columns, print_paragraph
from dlcore.errors import ArgumentError, UnknownNameError
from dlcore.textbook.lessons import Chapter, read_chapters
from dlcore.translation import _, language

_HELP = """Usage: python -m dlcore lessons [run] [CHAPTER] [--quick]

The textbook as a list: chapter, lesson, the command that shows it, the known answer.

  lessons                 All chapters and lessons.
  lessons 7               One chapter: its idea, commands, known answers.
  lessons run 7           Carry out the commands of a chapter, one after the other.
  lessons run 9 --quick   Studies with fewer epochs.

Chinese: DLCORE_LANG=zh_CN, or a Chinese locale."""


def run(argv: list[str]) -> int:
    """Run ``lessons …``.

    Args:
        argv: The words after ``lessons``.

    Returns:
        0; for ``lessons run`` the number of commands that failed, at most 1.

    Raises:
        ArgumentError: The chapter is no number of one.
        UnknownNameError: There is no such option.
    """
    if {"-h", "--help", "help"} & set(argv):
        print(_HELP)
        return 0
    options = [word for word in argv if word.startswith("-")]
    words = [word for word in argv if not word.startswith("-")]
    if unknown := next((word for word in options if word != "--quick"), None):
        raise UnknownNameError("option of `lessons`", unknown.lstrip("-"), ["quick"])
    carry_out = words[:1] == ["run"]
    words = words[carry_out:]
    chapters = read_chapters(language())
    if not words and not carry_out:
        _print_all(chapters)
        return 0
    chapter = _chapter(words, chapters)
    if carry_out:
        return _carry_out(chapter, quick="--quick" in options)
    _print_chapter(chapter)
    return 0


def _chapter(words: Sequence[str], chapters: Sequence[Chapter]) -> Chapter:
    expected = f"a chapter's number, 1 to {len(chapters)}"
    if len(words) != 1 or not words[0].isdecimal() or not 1 <= int(words[0]) <= len(chapters):
        raise ArgumentError("lessons", expected, " ".join(words) or None, "See: python -m dlcore lessons")
    return chapters[int(words[0]) - 1]


def _print_all(chapters: Sequence[Chapter]) -> None:
    console = open_console()
    print_paragraph(
        console, _("The textbook, lesson by lesson: each command shows its lesson, with tables and a picture.")
    )
    for chapter in chapters:
        console.print()
        console.print(Text(f"{chapter.number}  {chapter.title}", style=HEADING))
        for lesson in chapter.lessons:
            print_paragraph(console, lesson.title, indent=3)
            for command in lesson.commands[:1]:
                console.print(Text(f"     python -m dlcore {command}", style=NAME), soft_wrap=True)
    console.print()
    more = _("One chapter: python -m dlcore lessons 7. Carry out its commands: lessons run 7 (--quick: short studies).")
    print_paragraph(console, Text(more, style=QUIET))


def _print_chapter(chapter: Chapter) -> None:
    console = open_console()
    console.print(Text(f"{chapter.number}  {chapter.title}", style=HEADING))
    print_paragraph(console, chapter.idea)
    for lesson in chapter.lessons:
        console.print()
        console.print(Text(lesson.title, style=HEADING))
        for command in lesson.commands:
            console.print(Text(f"  python -m dlcore {command}", style=NAME), soft_wrap=True)
        print_columns(console, [(Text(_("known answer"), style=QUIET), lesson.known)], column=18)
    console.print()
    rows = [(Text(_("look at"), style=QUIET), chapter.look), (Text(_("change next"), style=QUIET), chapter.next)]
    print_columns(console, rows, column=18)


def _carry_out(chapter: Chapter, quick: bool) -> int:
    """Run the commands of a chapter in this process; go on after one that fails, and say so at the end."""
    from dlcore.cli.main import main

    failed = []
    done: set[str] = set()
    for lesson in chapter.lessons:
        for command in lesson.commands:
            if command in done:
                continue
            done.add(command)
            words = shlex.split(command)
            words += ["--quick"] * (quick and words[0] == "study")
            print(f"\n$ python -m dlcore {command}{' --quick' * (words[-1] == '--quick')}", flush=True)
            code = main(words)
            if code >= 128:  # a signal ends the whole
                return code
            failed += [command] * bool(code)
    for command in failed:
        print(_("failed: {command}").format(command=f"python -m dlcore {command}"))
    return int(bool(failed))
