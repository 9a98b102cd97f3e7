"""Strict YAML for recipes: plain values, unique keys, common ways to write numbers, errors in one line."""

from __future__ import annotations

import re
from typing import Any

import yaml

from dlcore.errors import ConfigError

# The parser's messages, and their usual cause. The first entry that matches is added.
_HINTS = (
    (r"^mapping values are not allowed", "a value with ': ' in it needs quotes, and a key below another is indented"),
    (r"^found character '\\t'", "indent with spaces, not with a tab"),
    (r"cannot start any token", "a value that starts with this character needs quotes"),
    (r"^could not find expected ':'", "each line of a section is `key: value`"),
    (r"expected <block end>, but found", "its indentation does not match the lines above"),
    (r"^found unexpected end of stream", "a quotation mark is never closed"),
    (r"^expected ',' or '[]}]'", "a bracket is never closed"),
    (r"but found another document", "a recipe is one document: remove the line `---` and what does not belong to it"),
)
# A recipe has a hundred values, a study some thousands. Far more would take minutes and gigabytes in plain Python.
MAX_CHARACTERS, MAX_VALUES, MAX_DEPTH = 2_000_000, 20_000, 100
# Problems that the parser detects after the place where they began; report where they began.
_CONTEXTS_TO_REPORT = ("while scanning a simple key", "while scanning a quoted scalar")


def load(text: str, name: str) -> Any:
    """Read one YAML document strictly.

    Returns:
        Dictionaries, lists, text, numbers, booleans and None; None for an empty document. ``1e-3`` is a number (in
        YAML 1.1 it is text), a date is text, ``.nan`` and ``.inf`` are numbers.
    """
    if len(text) > MAX_CHARACTERS:
        raise ConfigError(f"{name}: expected at most {MAX_CHARACTERS:,} characters of YAML, got {len(text):,}.")
    try:
        loader = _StrictLoader(text)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        where = f"{name}:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"
        raise ConfigError(f"{where}: a character that text cannot hold (U+{error.character:04X})") from error
    except yaml.MarkedYAMLError as error:
        raise ConfigError(_one_line(error, name)) from error
    except (ValueError, RecursionError) as error:  # an integer of 5,000 digits; brackets 101 deep
        raise ConfigError(f"{name}: {error}") from error


def _resolvers() -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    """Return PyYAML's rules for telling numbers from text, without dates and with every common form of a float.

    PyYAML requires a dot and a sign in the exponent, so ``lr: 1e-3`` would be text. Lightning's command line reads it
    as a number, and so does this loader.
    """
    dropped = ("tag:yaml.org,2002:float", "tag:yaml.org,2002:timestamp")
    rules = {
        first: [(tag, pattern) for tag, pattern in entries if tag not in dropped]
        for first, entries in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    number = re.compile(
        r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[0-9][0-9_]*[eE][-+]?[0-9]+|\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?"
        r"|\.(?:inf|Inf|INF))$|\.(?:nan|NaN|NAN)$"
    )
    for first in "-+.0123456789":
        rules.setdefault(first, []).append((dropped[0], number))
    return rules


class _StrictLoader(yaml.SafeLoader):
    """PyYAML's safe loader that also rejects tags and repeated keys."""

    yaml_implicit_resolvers = _resolvers()

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth, self._nodes = 0, 0
        self._sizes: dict[int, int] = {}  # number of values in each node, including those that aliases repeat

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        untyped: Any = self
        event = untyped.peek_event()
        tag = getattr(event, "tag", None)
        if tag is not None:
            short = tag.replace("tag:yaml.org,2002:", "!!")
            raise yaml.constructor.ConstructorError(
                None, None, f"the tag {short} is refused: a recipe holds plain values only", event.start_mark
            )
        self._depth, self._nodes = self._depth + 1, self._nodes + 1
        if self._depth > MAX_DEPTH:
            raise ValueError(f"line {event.start_mark.line + 1}: sections within sections, more than {MAX_DEPTH} deep")
        node = super().compose_node(parent, index)
        self._depth -= 1
        if node is not None and id(node) not in self._sizes:
            inner = node.value if isinstance(node, yaml.SequenceNode) else ()
            inner = [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else inner
            self._sizes[id(node)] = size = 1 + sum(self._sizes.get(id(part), 1) for part in inner)
            if max(size, self._nodes) > MAX_VALUES:
                problem = f"more than {MAX_VALUES:,} values, counting those that aliases (*name) repeat"
                raise yaml.constructor.ConstructorError(None, None, problem, event.start_mark)
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        # Construct deeply, so that a value that contains itself (`a: &x [*x]`) is rejected.
        return super().construct_object(node, deep=True)

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        # Check here, not where dictionaries are constructed: there, the keys merged by `<<` are included.
        mapping = super().compose_mapping_node(anchor)
        first: dict[tuple[str, str], yaml.Node] = {}
        for key, _ in mapping.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key must be one word", key.start_mark)
            earlier = first.setdefault((key.tag, key.value), key)
            if earlier is not key:
                lines = f"line {earlier.start_mark.line + 1} and line {key.start_mark.line + 1}"
                problem = f"the key {key.value!r} is given twice, in {lines}: keep one of the two"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
        return mapping


def _one_line(error: yaml.MarkedYAMLError, name: str) -> str:
    began = error.context in _CONTEXTS_TO_REPORT and error.context_mark
    mark = error.context_mark if began else error.problem_mark or error.context_mark
    where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
    problem = " ".join((error.problem or "not YAML").split())
    if problem.startswith("but "):
        problem = f"{error.context}, {problem}"
    hint = next((hint for pattern, hint in _HINTS if re.search(pattern, problem)), "")
    return f"{where}: {problem}{' (' * bool(hint)}{hint}{')' * bool(hint)}"
