"""The baseline of benchmarks/kneser_ney.py: true distributions, equal to the definition written out."""

from __future__ import annotations

import importlib.util
import math
import random
import re
import subprocess
import sys
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "kneser_ney.py"
LYRICS = Path(__file__).parents[1] / "dlcore" / "data" / "lyrics"


@pytest.fixture(scope="module")
def kneser_ney() -> ModuleType:
    spec = importlib.util.spec_from_file_location("kneser_ney", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["kneser_ney"] = module
    spec.loader.exec_module(module)
    return module


def songs() -> list[str]:
    return [
        song for path in sorted(LYRICS.glob("0[1-3]*.txt")) for song in path.read_text("utf-8").strip().split("\n\n")
    ]


class ByDefinition:
    """Modified Kneser-Ney with dictionaries and recursion, a symbol at a time."""

    def __init__(self, documents: list[str], order: int) -> None:
        self.order = order
        self.known = [*sorted(set("".join(documents))), "END"]
        occurrences: Counter[tuple[str, ...]] = Counter()
        before: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
        for document in documents:
            symbols = ["BEGIN", *document, "END"]
            for place in range(1, len(symbols)):
                for n in range(1, min(order, place + 1) + 1):
                    ngram = tuple(symbols[place - n + 1 : place + 1])
                    occurrences[ngram] += 1
                    if place - n >= 0:
                        before[ngram].add(symbols[place - n])
        self.counts: list[dict[tuple[str, ...], int]] = []
        for n in range(1, order + 1):
            ngrams = {ngram: count for ngram, count in occurrences.items() if len(ngram) == n}
            own = n == order
            self.counts.append({g: c if own or g[0] == "BEGIN" else len(before[g]) for g, c in ngrams.items()})
        self.discounts = [self.discounts_of(list(counts.values())) for counts in self.counts]

    @staticmethod
    def discounts_of(counts: list[int]) -> list[float]:
        n1, n2, n3, n4 = (counts.count(value) for value in (1, 2, 3, 4))
        y = n1 / (n1 + 2 * n2)
        return [0, 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3]

    def following(self, context: tuple[str, ...]) -> list[tuple[str, int]]:
        counts = self.counts[len(context)]
        return [(symbol, counts[*context, symbol]) for symbol in self.known if (*context, symbol) in counts]

    def distribution(self, history: str) -> list[float]:
        symbols = ("BEGIN", *history)

        @cache
        def table(length: int) -> list[float]:
            lower = table(length - 1) if length else [1 / (len(self.known) + 1)] * (len(self.known) + 1)
            context = symbols[len(symbols) - length :]
            following = self.following(context)
            total = sum(count for _, count in following)
            if not total:
                return lower
            discounts = self.discounts[length]
            freed = sum(discounts[min(count, 3)] for _, count in following)
            counts = dict(following)
            kept = [counts.get(s, 0) - discounts[min(counts.get(s, 0), 3)] for s in [*self.known, "UNKNOWN"]]
            return [(value + freed * low) / total for value, low in zip(kept, lower, strict=True)]

        return table(min(self.order - 1, len(symbols)))


def histories(documents: list[str]) -> list[str]:
    rng = random.Random(0)
    pieces = [rng.choice(documents)[: rng.randrange(40)] for _ in range(12)]
    return ["", "\n", "☃", "雨☃", "锅" * 9, *pieces]


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_probabilities_of_all_next_symbols_sum_to_one(kneser_ney: ModuleType, order: int) -> None:
    documents = songs()
    alphabet = kneser_ney.Alphabet(documents)
    model = kneser_ney.KneserNey(kneser_ney.Counts(documents, alphabet, order), order)
    for history in histories(documents):
        assert model.distribution(history).sum() == pytest.approx(1, abs=1e-12), history
        assert model.distribution(history).min() > 0


@pytest.mark.parametrize("order", [1, 2, 4])
def test_the_model_is_its_definition(kneser_ney: ModuleType, order: int) -> None:
    documents = songs()
    alphabet = kneser_ney.Alphabet(documents)
    counts = kneser_ney.Counts(documents, alphabet, 5)  # more than the model takes
    model = kneser_ney.KneserNey(counts, order)
    defined = ByDefinition(documents, order)
    assert alphabet.chars == defined.known[:-1]
    for history in histories(documents):
        np.testing.assert_allclose(model.distribution(history), defined.distribution(history), rtol=1e-10)


def test_bits_are_those_of_the_distributions_with_one_end_a_document(kneser_ney: ModuleType) -> None:
    documents = songs()
    training, held_out = kneser_ney.hold_out(documents)
    assert held_out == [documents[19], documents[39], documents[59]]
    assert len(training) == len(documents) - 3
    alphabet = kneser_ney.Alphabet(training)
    model = kneser_ney.KneserNey(kneser_ney.Counts(training, alphabet, 3), 3)
    bits = model.bits([held_out[0][:30], held_out[1][:4]])
    expected = []
    for document in (held_out[0][:30], held_out[1][:4]):
        numbers = [alphabet.number.get(char, alphabet.unknown) for char in document] + [alphabet.end]
        expected += [-math.log2(model.distribution(document[:i])[number]) for i, number in enumerate(numbers)]
    np.testing.assert_allclose(bits, expected, rtol=1e-10)


def test_documents_are_parted_by_blank_lines(kneser_ney: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes("\ufeff春\r\n夏\r\n\r\n\u3000\r\n秋\n\n\n冬\n".encode())
    assert kneser_ney.read_documents(path) == ["春\n夏", "秋", "冬"]


@pytest.mark.process
def test_the_script_prints_its_figures(tmp_path: Path) -> None:
    text = tmp_path / "lyrics.txt"
    text.write_text("\n\n".join(songs()), encoding="utf-8")
    command = [sys.executable, str(SCRIPT), str(text), "--orders", "1", "3", "--samples", str(text)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[2:4]] == ["1", "3"]
    assert float(lines[3].split()[1]) < float(lines[2].split()[1])
    assert lines[4].strip().startswith("samples")
    assert lines[5].strip().startswith("held out")
    without = subprocess.run([*command[:5], "--without_titles"], capture_output=True, encoding="utf-8", timeout=60)
    assert characters_of(without.stdout) < characters_of(done.stdout)


def characters_of(printed: str) -> int:
    """How many characters the script says it counted."""
    found = re.search(r"([\d,]+) characters", printed)
    assert found is not None
    return int(found[1].replace(",", ""))
