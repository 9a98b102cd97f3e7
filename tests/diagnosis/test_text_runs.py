"""Text models that learned no more than counting gives: found by ln V and the words' entropy."""

import json
import math

import pytest
from made_up_runs import write_run

from dlcore.diagnosis.diagnosis import diagnose


@pytest.fixture
def first_fault(tmp_path):
    def find(steps, max_steps=None, entropy=4.44, **curves):
        model = {"class_path": "dlcore.models.TextRNN", "init_args": {"vocab_size": 1503}}
        folder = write_run(tmp_path, {"model": model, "trainer": {"max_steps": max_steps}}, lr=[0.004], **curves)
        events = [{"kind": "started", "step": 0, "unigram_entropy": entropy}, {"kind": "finished", "step": steps}]
        text = "".join(json.dumps({"time": "", "epoch": 0.0, "text": "", **event}) + "\n" for event in events)
        (folder / "events.jsonl").write_text(text, encoding="utf-8")
        return diagnose(folder).first

    return find


def test_worse_than_counting_after_too_few_updates(first_fault):
    found = first_fault(12, 12, train_loss=[4.70], val_loss=[4.75])
    assert found.name == "text_not_learned"
    assert "the loss 4.7 is above the 4.44 of a model that only counts" in found.text
    assert "; 12 updates are too few" in found.text
    assert found.remedy == "--trainer.max_steps -1"


def test_guessing(first_fault):
    found = first_fault(14, train_loss=[math.log(1503)])
    assert f"the loss 7.32 is that of guessing (ln V = {math.log(1503):.2f})" in found.text
    assert "14 updates are too few" in found.text
    found = first_fault(5000, train_loss=[math.log(1503)])
    assert "few" not in found.text


def test_an_end_before_the_loss_was_measured(first_fault):
    assert "the run ended before its loss was measured; 12 updates are too few" in first_fault(12).text


def test_a_model_that_has_learned_is_left_alone(first_fault):
    assert first_fault(3000, train_loss=[4.6, 4.2], val_loss=[4.6, 4.5]) is None
    assert first_fault(3000, entropy=math.nan, train_loss=[4.7], val_loss=[4.7]) is None
