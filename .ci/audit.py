"""Looks up the installed packages in the registry's list of known vulnerabilities.

The registry is the one that pip uses (``pip config get global.index-url``, ``PIP_INDEX_URL``), else the public one. Its
JSON pages name the vulnerabilities of a release. Where no such page answers, as on a machine that reaches only a mirror
of the packages, this says so, and all that it checks is the list below.

    python .ci/audit.py

Exit code: 1 where an installed release has a known vulnerability that is not in `ACCEPTED`, else 0.
"""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import distributions
from typing import Any
from urllib.parse import urlsplit

PUBLIC = "https://pypi.org"
# Vulnerabilities that do not touch dlcore: their name, and why.
ACCEPTED: dict[str, str] = {}
# Releases that must never be installed, whatever the registry says: the package, a test of its release, why.
WITHDRAWN = {
    "lightning": (lambda release: release in ((2, 6, 2), (2, 6, 3)), "2.6.2 and 2.6.3 were withdrawn as compromised"),
    "pytorch-lightning": (lambda release: release in ((2, 6, 2), (2, 6, 3)), "2.6.2 and 2.6.3 were withdrawn"),
    "torch": (lambda release: release < (2, 10), "CVE-2025-32434, CVE-2026-24747: weights_only=True had holes"),
}  # fmt: skip
PROBES = ("pillow", "numpy", "torch")
_SECONDS = 20


def installed() -> dict[str, str]:
    """The installed packages and their versions, but for what is installed from a folder."""
    found = {}
    for each in distributions():
        if each.read_text("direct_url.json") is None:
            found[each.metadata["Name"].lower().replace("_", "-")] = each.version
    return found


def release(version: str) -> tuple[int, ...]:
    """The numbers of a version: ``2.15.0+cpu`` is (2, 15, 0)."""
    numbers = []
    for part in version.partition("+")[0].split("."):
        digits = "".join(letter for letter in part if letter.isdigit())
        if not part[:1].isdigit():
            break
        numbers.append(int(digits))
    return tuple(numbers)


def withdrawn(packages: dict[str, str]) -> list[str]:
    """Lines about installed releases that must not be."""
    return [
        f"{name} {packages[name]}: {why}"
        for name, (is_bad, why) in WITHDRAWN.items()
        if name in packages and is_bad(release(packages[name]))
    ]


def registry() -> str:
    """Address of the registry, without the path of its index."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    for line in said.splitlines():
        name, _, value = line.partition("=")
        parts = urlsplit(value.strip("'\""))
        if name.endswith(".index-url") and parts.scheme in ("http", "https"):
            return f"{parts.scheme}://{parts.netloc}"
    return PUBLIC


def known(name: str, version: str, address: str) -> list[dict[str, Any]] | None:
    """The vulnerabilities that the registry knows of a release; None where it does not say."""
    page = f"{address}/pypi/{name}/{version.partition('+')[0]}/json"
    try:
        with urllib.request.urlopen(page, timeout=_SECONDS) as answer:
            content = json.load(answer)
    except (OSError, ValueError, urllib.error.URLError):
        return None
    found = content.get("vulnerabilities") if isinstance(content, dict) else None
    return found if isinstance(found, list) else None


def lines_of(name: str, version: str, vulnerabilities: Iterable[dict[str, Any]]) -> list[str]:
    """Lines about those that count: not withdrawn, and not accepted."""
    lines = []
    for each in vulnerabilities:
        names = [str(each.get("id")), *map(str, each.get("aliases") or ())]
        if each.get("withdrawn") or any(known_as in ACCEPTED for known_as in names):
            continue
        mended = ", ".join(map(str, each.get("fixed_in") or ())) or "no release yet"
        lines.append(f"{name} {version}: {', '.join(names)}; mended in {mended}")
    return lines


def main() -> int:
    """Print what was found."""
    packages = installed()
    lines = withdrawn(packages)
    address = registry()
    # One package first: a registry that tells nothing of it is not asked for all.
    first = next((name for name in PROBES if name in packages), None)
    asked = packages if first and known(first, packages[first], address) is not None else {}
    with ThreadPoolExecutor(8) as pool:
        answers = zip(asked, pool.map(lambda name: known(name, packages[name], address), asked), strict=True)
    told = {name: answer for name, answer in answers if answer is not None}
    for name, vulnerabilities in told.items():
        lines += lines_of(name, packages[name], vulnerabilities)
    print(*lines, sep="\n", end="\n" * bool(lines))
    if told:
        print(f"audit: {len(told)} of {len(packages)} packages looked up, {len(lines)} faults")
    else:
        print(
            "audit: NOT DONE: the registry tells nothing of vulnerabilities (only withdrawn releases were looked for)"
        )
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
