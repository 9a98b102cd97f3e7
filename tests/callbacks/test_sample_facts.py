"""Facts about samples in memory."""

import pytest
import torch

from dlcore.callbacks.sample_facts import sample_facts
from dlcore.data.array_data import Split


def parts(inputs, targets, held_out=200):
    order = torch.arange(len(inputs))
    return {"train": Split(inputs, targets, order[held_out:]), "val": Split(inputs, targets, order[:held_out])}


def noise(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_classes_and_a_rule_that_a_linear_model_finds():
    inputs = noise(1000, 40)
    facts = sample_facts(parts(inputs, (inputs[:, 0] > 0).long()))
    assert {name: sum(counts) for name, counts in facts["classes"].items()} == {"train": 800, "val": 200}
    assert facts["linear"] > 0.9
    assert facts["distinct"] == facts["hashed"] == 800
    assert facts["copied"] == 0


def test_token_ids_are_words_not_numbers():
    """Whether word 7 occurs, at any place, decides the class."""
    tokens = torch.randint(2, 40, (1000, 12), dtype=torch.int16, generator=torch.Generator().manual_seed(0))
    facts = sample_facts(parts(tokens, (tokens == 7).any(1).long()))
    assert facts["linear"] > 0.95


def test_numbers():
    inputs = noise(1000, 40)
    targets = inputs[:, :2] * torch.tensor([1.0, 100.0])
    facts = sample_facts(parts(inputs, targets))
    assert facts["target_spreads"] == pytest.approx([1, 100], rel=0.1)
    assert facts["linear"] > 0.9
    assert "classes" not in facts


def test_pictures_that_are_copies():
    pictures = torch.randint(256, (100, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    facts = sample_facts(parts(pictures.repeat(10, 1, 1, 1), torch.zeros(1000, dtype=torch.long)))
    assert (facts["distinct"], facts["hashed"], facts["copied"]) == (100, 800, 1.0)


def test_training_samples_that_validate_on_purpose_are_no_copies():
    inputs, order = noise(100, 40), torch.arange(100)
    both = Split(inputs, torch.zeros(100, dtype=torch.long), order)
    assert "copied" not in sample_facts({"train": both, "val": both})


def test_large_pictures_are_averaged_and_few_numbers_repeat_by_nature():
    pictures = torch.randint(256, (300, 3, 100, 90), dtype=torch.uint8)
    facts = sample_facts(parts(pictures, torch.arange(300) % 2))
    assert "linear" in facts
    assert "distinct" not in sample_facts(parts(torch.ones(300, 3), torch.arange(300) % 2))


@pytest.mark.parametrize("given", [{}, {"train": [1, 2], "val": [3]}, {"train": None}])
def test_other_parts_have_none(given):
    assert sample_facts(given) == {}


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), 1e30])
def test_numbers_that_are_not_finite_cost_only_the_linear_model(odd):
    inputs = noise(1000, 40)
    inputs[::3] = odd
    facts = sample_facts(parts(inputs, (inputs[:, 0] > 0).long()))
    assert sum(facts["classes"]["train"]) == 800
    assert "linear" not in facts or odd == 1e30
    targets = inputs[:, 0].clone()
    assert "linear" not in sample_facts(parts(noise(1000, 40), targets)) or odd == 1e30


def test_samples_that_are_too_large_are_left_out(monkeypatch):
    monkeypatch.setattr("dlcore.callbacks.sample_facts._BYTES", 100)
    facts = sample_facts(parts(noise(300, 40), torch.arange(300) % 2))
    assert list(facts) == ["classes"]
