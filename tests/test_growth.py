"""What benchmarks/growth stands on: points that are kept, text of a size, memory and time of a family of processes."""

from __future__ import annotations

import importlib
import json
import sys
from argparse import Namespace
from pathlib import Path

import pytest


@pytest.fixture
def benchmark(monkeypatch):
    """A module of the benchmarks, by name."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1]))
    return lambda name: importlib.import_module(f"benchmarks.{name}")


def test_a_point_is_written_at_once_and_not_measured_again(benchmark, tmp_path):
    points, path, measured = benchmark("growth.points"), tmp_path / "growth.json", []

    def measure(size, arguments):
        measured.append(size)
        if size == 100 and len(measured) == 2:
            raise KeyboardInterrupt
        return {"seconds": size / 10}

    curve = points.Curve("corpus, words", lambda _: (10, 100), measure, "bytes")
    with pytest.raises(KeyboardInterrupt):
        points.collect([curve], path, Namespace(again=False))
    assert list(json.loads(path.read_text())["corpus, words"]) == ["10"]
    found = points.collect([curve], path, Namespace(again=False))
    assert measured == [10, 100, 100]
    assert [point["seconds"] for point in found["corpus, words"].values()] == [1.0, 10.0]
    points.collect([curve], path, Namespace(again=True))
    assert measured == [10, 100, 100, 10, 100]
    assert curve.question == "corpus"


def test_a_size_that_cannot_be_measured_leaves_no_point(benchmark, tmp_path):
    points, path = benchmark("growth.points"), tmp_path / "growth.json"
    curve = points.Curve("corpus, words", lambda _: (10, 100), lambda size, _: {"a": 1.0} if size == 10 else None, "")
    assert list(points.collect([curve], path, Namespace(again=False))["corpus, words"]) == ["10"]


def test_text_has_its_size_and_does_not_come_twice(benchmark, tmp_path):
    source, target = tmp_path / "source.txt", tmp_path / "target.txt"
    source.write_text("春风又绿江南岸，明月何时照我还。\n" * 50, encoding="utf-8")
    benchmark("growth.corpus").write_text([source], target, 10_000)
    content = target.read_bytes()
    lines = content.decode("utf-8").splitlines()
    assert len(content) == 10_000
    assert lines[:50] != lines[51:101]
    same = sum(a == b for a, b in zip("".join(lines[:50]), source.read_text("utf-8").replace("\n", ""), strict=False))
    assert 0.97 < same / 800 < 1.0


@pytest.mark.process
def test_processes_below_a_command_count(benchmark):
    family = benchmark("process_family")
    child = "import time; content = bytearray(200_000_000)\nwhile time.process_time() < 0.4: pass"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}]); print('said')"
    used = family.watched([sys.executable, "-c", code])
    assert used.said == "said\n"
    assert used.first < 100 < 200 < used.largest < used.own < 300
    assert 0.25 < used.cpu < 2
    with pytest.raises(SystemExit, match="ZeroDivisionError"):
        family.watched([sys.executable, "-c", "1 / 0"])
