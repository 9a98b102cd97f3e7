"""Fill the templates of ``templates.yaml``: the same sentences on every machine."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from dlcore.config import strict_yaml

_SLOT = re.compile(r"\{(\w+)\}")
_COUNTS = {"own": 8, "plain": 5, "mixed": 3}  # sentences of a template, of those for all topics: for each topic


class TopicSentence(NamedTuple):
    """A sentence.

    Attributes:
        text: The sentence.
        topic: What it is about.
        template: Number of its template; a template for all topics has one number.
    """

    text: str
    topic: str
    template: int


@cache
def topic_sentences() -> list[TopicSentence]:
    """Return all sentences, each once: of the topics' own templates, of plain and of mixed ones.

    Plain templates are the same for all topics. A mixed one mentions two topics and is about one of them, which only
    the order of its words tells: "not q but p", "rather P than Q", "p is like q".
    """
    path = Path(__file__).parent / "templates.yaml"
    read = strict_yaml.load(path.read_text(encoding="utf-8"), path.name)
    shared, topics = _lists(read["shared"]), {topic: _lists(own) for topic, own in read["topics"].items()}
    templates = [("own", text, [topic]) for topic, own in read["topics"].items() for text in own["templates"]]
    templates += [(kind, text, list(topics)) for kind in ("plain", "mixed") for text in read[kind]]
    draw = random.Random(0).random  # unlike `choice`, the same in every release of Python
    found: dict[str, TopicSentence] = {}
    for number, (kind, template, about) in enumerate(templates):
        for topic in about:
            others = [other for other in topics if other != topic]
            for _ in range(_COUNTS[kind]):
                other = topics[others[int(draw() * len(others))]]
                lists = {**shared, **topics[topic], "q": other["p"], "Q": other["P"]}
                text = _filled(template, lists, draw)
                found.setdefault(text, TopicSentence(text, topic, number))
    return list(found.values())


def _lists(section: Mapping[str, Any]) -> dict[str, list[str]]:
    return {name: text.split("、") for name, text in section.items() if isinstance(text, str)}


def _filled(template: str, lists: Mapping[str, list[str]], draw: Callable[[], float]) -> str:
    """Fill each slot with an entry of its list; a slot that occurs twice gets two different ones."""
    used: set[str] = set()

    def entry(slot: re.Match[str]) -> str:
        left = [text for text in lists[slot[1]] if text not in used]
        chosen = left[int(draw() * len(left))]
        used.add(chosen)
        return chosen

    return _SLOT.sub(entry, template)
