"""Messages in Chinese: all that the sources mark are translated, none is stale, the compiled catalogue is in step."""

import ast
import io
import re
from pathlib import Path

import pytest
from babel.messages.frontend import CommandLineInterface
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

import dlcore
from dlcore.cli.main import main
from dlcore.translation import N_, _, language, ngettext, unknown_language

FOLDER = Path(dlcore.__file__).parent / "locale" / "zh_CN" / "LC_MESSAGES"
ROOT = FOLDER.parents[3]
REMEDY = "run .ci/messages, translate what is new in dlcore/locale/zh_CN/LC_MESSAGES/dlcore.po, run it again"


@pytest.fixture(scope="module")
def catalogue():
    with (FOLDER / "dlcore.po").open("rb") as file:
        return read_po(file)


def placeholders(text):
    return sorted(re.findall(r"{[^{}]*}", text))


def texts(message):
    return [message.string] if isinstance(message.string, str) else list(message.string)


def test_every_message_of_the_sources_is_in_the_catalogue_and_no_other(catalogue, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    template = tmp_path / "dlcore.pot"
    CommandLineInterface().run(
        ["pybabel", "-q", "extract", "-F", "pyproject.toml", "-k", "N_", "-o", str(template), "."]
    )
    with template.open("rb") as file:
        marked = {message.id for message in read_po(file) if message.id}
    listed = {message.id for message in catalogue if message.id}
    assert marked - listed == set(), REMEDY
    assert listed - marked == set(), REMEDY


def test_every_message_is_translated_with_the_same_placeholders(catalogue):
    for message in catalogue:
        if message.id:
            english = message.id if isinstance(message.id, str) else message.id[-1]
            for text in texts(message):
                assert text, f"not translated: {english!r}"
                assert placeholders(text) == placeholders(english), english


def test_the_compiled_catalogue_is_in_step(catalogue):
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    assert compiled.getvalue() == (FOLDER / "dlcore.mo").read_bytes(), REMEDY


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"DLCORE_LANG": "zh_CN", "LANG": "en_US.UTF-8"}, "zh"),
        ({"DLCORE_LANG": "en", "LANG": "zh_CN.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}, "en"),
        ({"LC_MESSAGES": "zh_TW.UTF-8", "LANG": "en_US.UTF-8"}, "zh"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
    ],
)
def test_the_language_is_that_of_dlcore_lang_or_the_locale(variables, expected, monkeypatch):
    for name in ("DLCORE_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert language() == expected
    assert _("Results") == {"en": "Results", "zh": "结果"}[expected]


@pytest.mark.parametrize("chosen", ["en_US.UTF-8", "zh", "C.UTF-8", "POSIX", ""])
def test_a_language_that_is_spoken(chosen, monkeypatch):
    monkeypatch.setenv("DLCORE_LANG", chosen)
    assert unknown_language() == ""


def test_a_language_that_is_not_spoken_is_an_error(monkeypatch, capsys):
    monkeypatch.setenv("DLCORE_LANG", "fr")
    assert main([]) == 2
    assert "DLCORE_LANG: expected en or zh_CN, got 'fr'" in capsys.readouterr().err


@pytest.mark.parametrize("chosen", ["en", "zh_CN"])
def test_no_message_is_no_message(chosen, monkeypatch):
    monkeypatch.setenv("DLCORE_LANG", chosen)
    assert _("") == ""


def unmarked(path):
    """Sentences of a source that are neither marked for the catalogue nor an error's."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    known = set()
    for node in ast.walk(tree):
        marked = isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("_", "N_", "ngettext")
        if marked or isinstance(node, ast.Raise):
            known |= set(ast.walk(node))
        elif isinstance(node, ast.Expr):  # a docstring
            known.add(node.value)
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and node not in known]
    return [text for text in texts if isinstance(text, str) and re.search("[A-Za-z']+ [a-z']+ [a-z']+", text)]


@pytest.mark.parametrize("places", ["diagnosis/**/*.py", "tracking/run_page.py", "callbacks/run_events.py"])
def test_no_sentence_that_teaches_is_unmarked(places):
    found = {path.name: unmarked(path) for path in (ROOT / "dlcore").glob(places)}
    assert found
    assert {name: texts for name, texts in found.items() if texts} == {}


def test_a_message_that_is_in_no_catalogue_stays_as_it_is(monkeypatch):
    monkeypatch.setenv("DLCORE_LANG", "zh_CN")
    own = "a text of a user's own"
    assert _(own) == N_(own) == ngettext(own, own, 2) == own
