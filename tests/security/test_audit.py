"""The audit of dependencies: what is withdrawn is found anywhere; where no registry tells of faults, it says so."""

import importlib.util
import io
import json
import re
import urllib.error
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def audit():
    path = ROOT / ".ci" / "audit.py"
    specification = importlib.util.spec_from_file_location("audit", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_this_installation_holds_nothing_withdrawn(audit):
    assert audit.withdrawn(audit.installed()) == []


@pytest.mark.parametrize(
    ("name", "version"),
    [("lightning", "2.6.2"), ("lightning", "2.6.3"), ("torch", "2.9.1"), ("torch", "2.5.0+cpu")],
)  # fmt: skip
@pytest.mark.fault(
    "a release is installed that was withdrawn or has a known hole", "audit: NAME VERSION: why; exit code 1"
)
def test_withdrawn_releases_are_found_without_a_network(name, version, audit, monkeypatch, capsys):
    monkeypatch.setattr(audit, "installed", lambda: {name: version})
    monkeypatch.setattr(audit, "registry", lambda: "https://127.0.0.1:1")
    assert audit.main() == 1
    assert capsys.readouterr().out.startswith(f"{name} {version}: ")


@pytest.mark.parametrize(("name", "version"), [("lightning", "2.6.6"), ("torch", "2.15.0+cpu"), ("torch", "2.10.0rc1")])
def test_other_releases_are_fine(name, version, audit):
    assert audit.withdrawn({name: version}) == []


def test_pyproject_lets_nobody_install_them():
    text = (ROOT / "pyproject.toml").read_text()
    assert '"lightning==2.6.*,!=2.6.2,!=2.6.3"' in text
    minor = int(re.search(r'"torch>=2\.(\d+)"', text)[1])
    assert minor >= 10


@pytest.mark.fault(
    "no registry answers the audit", "audit: NOT DONE: the registry tells nothing of vulnerabilities; exit code 0"
)
def test_where_nobody_answers_it_says_so(audit, monkeypatch, capsys):
    monkeypatch.setattr(audit, "installed", lambda: {"pillow": "13.0.0"})
    monkeypatch.setattr(audit, "registry", lambda: "http://127.0.0.1:1")
    assert audit.main() == 0
    assert "audit: NOT DONE" in capsys.readouterr().out


@pytest.mark.process
@pytest.mark.fault(
    "a registry knows a fault of an installed release", "audit: NAME VERSION: CVE-…; mended in …; exit code 1"
)
def test_a_known_fault_fails_unless_it_is_accepted(audit, monkeypatch, capsys):
    fault = {"id": "PYSEC-1", "aliases": ["CVE-1"], "fixed_in": ["9.1"], "withdrawn": None}
    pages = {"pillow": [fault, {"id": "OLD", "withdrawn": "2026-01-01T00:00:00Z"}], "numpy": []}

    def answer(page, timeout):
        name = page.split("/")[-3]
        if name not in pages:
            raise urllib.error.URLError("no such page")
        return io.BytesIO(json.dumps({"vulnerabilities": pages[name]}).encode())

    monkeypatch.setattr(audit.urllib.request, "urlopen", answer)
    monkeypatch.setattr(audit, "installed", lambda: {"pillow": "9.0", "numpy": "2.4", "other": "1"})
    assert audit.main() == 1
    said = capsys.readouterr().out
    assert said.startswith("pillow 9.0: PYSEC-1, CVE-1; mended in 9.1\n")
    assert "OLD" not in said
    assert "2 of 3 packages looked up, 1 faults" in said
    monkeypatch.setattr(audit, "ACCEPTED", {"CVE-1": "dlcore never opens such a file"})
    assert audit.main() == 0
