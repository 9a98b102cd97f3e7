"""The textbook's chapters and lessons, as `lessons.yaml` has them, in English or Chinese."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from dlcore.config.strict_yaml import load
from dlcore.translation import Language


@dataclass(frozen=True)
class Lesson:
    """One lesson.

    Attributes:
        title: What it teaches.
        commands: Command lines that show it, without ``python -m dlcore``.
        known: The known answer.
    """

    title: str
    commands: tuple[str, ...]
    known: str


@dataclass(frozen=True)
class Chapter:
    """One chapter.

    Attributes:
        number: Its number, from 1.
        title: Its title.
        idea: What it teaches, in a few sentences.
        lessons: Its lessons in order.
        look: What to look at.
        next: What to change next.
    """

    number: int
    title: str
    idea: str
    lessons: tuple[Lesson, ...]
    look: str
    next: str


@cache
def read_chapters(language: Language = "en") -> tuple[Chapter, ...]:
    """Return all chapters in order.

    Args:
        language: English or simplified Chinese.
    """
    content = load((Path(__file__).parent / "lessons.yaml").read_text(encoding="utf-8"), "lessons.yaml")

    def text(value: dict[str, str]) -> str:
        # YAML joins lines by a space, which Chinese does not have.
        return (
            value[language]
            if language == "en"
            else re.sub(r"(?<=[\u3000-\uffef]) (?=[\u3000-\uffef])", "", value[language])
        )

    def lesson(each: dict[str, Any]) -> Lesson:
        return Lesson(text(each["title"]), tuple(each["commands"]), text(each["known"]))

    return tuple(
        Chapter(
            number,
            text(each["title"]),
            text(each["idea"]),
            tuple(map(lesson, each["lessons"])),
            text(each["look"]),
            text(each["next"]),
        )
        for number, each in enumerate(content, start=1)
    )
