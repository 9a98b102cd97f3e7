"""Write docs/textbook/ and docs/textbook.zh/ from the lessons: python docs/build_textbook.py [--pictures]."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

from dlcore.textbook.lessons import Chapter, read_chapters
from dlcore.translation import Language

DOCS = Path(__file__).parent
PICTURES = DOCS / "textbook" / "pictures"
FOLDERS: dict[Language, str] = {"en": "textbook", "zh": "textbook.zh"}
_LARGE = 120_000  # bytes of a picture, above which it is made smaller
_WORDS: dict[Language, tuple[str, ...]] = {
    "en": ("Known answer", "Look at", "Change next", "The textbook, lesson by lesson", "chapter", "lessons"),
    "zh": ("已知答案", "看什么", "接着改什么", "教材：一课一条命令", "章", "内容"),
}
_INTRODUCTION: dict[Language, str] = {
    "en": "Each lesson has a command that shows it. In the terminal: `python -m dlcore lessons`, `lessons 7` for one "
    "chapter, `lessons run 7` to carry out its commands. As notebooks: [networks](../notebooks/1_networks.ipynb), "
    "[FashionMNIST](../notebooks/2_fashion_mnist.ipynb), [images](../notebooks/3_images.ipynb), "
    "[text](../notebooks/4_text.ipynb).",
    "zh": "每一课都有一条展示它的命令。在终端里：`python -m dlcore lessons` 列出全部，`lessons 7` 看一章，"
    "`lessons run 7` 依次运行该章的命令。笔记本：[网络](../notebooks/1_networks.ipynb)、"
    "[FashionMNIST](../notebooks/2_fashion_mnist.ipynb)、[图像](../notebooks/3_images.ipynb)、"
    "[文本](../notebooks/4_text.ipynb)。",
}


def file_name(chapter: Chapter) -> str:
    """Return the page of a chapter, the same in both languages."""
    title = read_chapters("en")[chapter.number - 1].title
    return f"{chapter.number:02d}-{re.sub('[^a-z0-9]+', '-', title.lower()).strip('-')}.md"


def picture(chapter: Chapter, place: int) -> Path | None:
    """Return the picture of a lesson; None if its first command draws none without data.

    That of a command `why` needs a trained network, so it is not drawn again.
    """
    commands = chapter.lessons[place].commands
    words = commands[0].split()
    shown = words[0] == "show" and words[1] not in ("model", "data", "gradients") and "--data.batch_size" not in words
    explained = any(command.startswith("why ") for command in commands)
    return PICTURES / f"{chapter.number:02d}-{place + 1}.png" if shown or explained else None


def page(chapter: Chapter, language: Language) -> str:
    """Return the page of a chapter."""
    known, look, following, *_ = _WORDS[language]
    colon = "：" if language == "zh" else ": "
    lines = [f"# {chapter.number}. {chapter.title}", "", chapter.idea, ""]
    for place, lesson in enumerate(chapter.lessons):
        commands = "\n".join(f"python -m dlcore {command}" for command in lesson.commands)
        lines += [f"## {lesson.title}", "", "```bash", commands, "```", "", f"{known}{colon}{lesson.known}", ""]
        if drawn := picture(chapter, place):
            lines += [f"![{lesson.title}](../textbook/pictures/{drawn.name})", ""]
    lines += [f"**{look}{colon.strip()}** {chapter.look}", "", f"**{following}{colon.strip()}** {chapter.next}"]
    return "\n".join(lines) + "\n"


def index(language: Language) -> str:
    """Return the list of all chapters."""
    *_, title, chapter_word, lessons_word = _WORDS[language]
    rows = [
        f"| [{each.number}. {each.title}]({file_name(each)}) | {' · '.join(lesson.title for lesson in each.lessons)} |"
        for each in read_chapters(language)
    ]
    head = [f"# {title}", "", _INTRODUCTION[language], "", f"| {chapter_word} | {lessons_word} |", "|---|---|"]
    return "\n".join([*head, *rows]) + "\n"


def pages(language: Language) -> dict[Path, str]:
    """Return all pages of a language by file."""
    folder = DOCS / FOLDERS[language]
    found = {folder / file_name(chapter): page(chapter, language) for chapter in read_chapters(language)}
    return {folder / "index.md": index(language)} | found


def draw_pictures() -> None:
    """Draw each lesson's picture by its own command, and make it small."""
    from PIL import Image

    from dlcore.cli.main import main

    PICTURES.mkdir(parents=True, exist_ok=True)
    for chapter in read_chapters("en"):
        for place, lesson in enumerate(chapter.lessons):
            if (path := picture(chapter, place)) and lesson.commands[0].startswith("show "):
                path.unlink(missing_ok=True)
                main([*shlex.split(lesson.commands[0]), "--out", str(path)])
                if path.stat().st_size > _LARGE:
                    with Image.open(path) as drawn:
                        small = drawn.convert("RGB")
                    small.thumbnail((1200, 1600))
                    small.quantize(256, kmeans=2).save(path, optimize=True)


if __name__ == "__main__":
    for each in FOLDERS:
        for path, text in pages(each).items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if "--pictures" in sys.argv:
        draw_pictures()
