"""Text models: what they learned against counting, what they remember, what they copy, and healthy ones."""

import itertools
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


@pytest.fixture
def diagnosed(tmp_path):
    numbers = itertools.count()

    def find(steps=2000, cell="lstm", counts=(5.66, 4.6), memory=None, **curves):
        model = {"class_path": "dlcore.models.TextRNN", "init_args": {"vocab_size": 1503, "cell": cell, "dropout": 0.0}}
        model["init_args"] |= {"output_dropout": 0.0, "optimizer": {"class_path": "Adam", "init_args": {"lr": 0.004}}}
        data = {"class_path": "dlcore.data.ChineseCorpus", "init_args": {"sequence_length": 35}}
        config = {"model": model, "data": data, "trainer": {"gradient_clip_val": None}, "early_stopping": None}
        folder = write_run(tmp_path / str(next(numbers)), config, lr=[0.004], **curves)
        unigrams, pairs = counts
        events = [
            {"kind": "started", "step": 0, "unigram_entropy": unigrams, "bigram_loss": pairs},
            {"kind": "finished", "step": steps},
            *([{"kind": "text_memory", "step": steps, "lags": 64, "characters": 512, **memory}] if memory else []),
        ]
        text = "".join(json.dumps({"time": "", "epoch": 0.0, "text": "", **event}) + "\n" for event in events)
        (folder / "events.jsonl").write_text(text, encoding="utf-8")
        return diagnose(folder)

    return find


LEARNED = {"train_loss": [5.5, 4.6, 4.2, 4.0, 3.9, 3.85], "val_loss": [5.6, 4.8, 4.5, 4.42, 4.4, 4.4]}
USUAL = {"reach": 15, "growth": 3e-4, "copied": 6, "copied_held_out": 5}


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_a_usual_memory_is_healthy_and_counting_is_named(diagnosed, cell):
    found = diagnosed(cell=cell, memory=USUAL, **LEARNED)
    assert found.faults == ()
    assert "counting tokens alone gives 5.66, counting pairs 4.6" in found.summary
    assert "the best validation loss is 4.4: counting tokens alone gives 5.66, counting pairs 4.6" in found.healthy


def test_a_plain_rnn_whose_loss_reaches_three_tokens_back(diagnosed):
    short = USUAL | {"reach": 3}
    found = diagnosed(cell="rnn", memory=short, **LEARNED).first
    assert found.name == "vanishing_gradients_through_time"
    said = "the loss of a plain rnn reaches only 3 tokens back: 95% of the gradient lies within lag 3 of 64"
    assert found.text == said
    assert found.remedy == "--model.cell lstm"
    assert diagnosed(cell="rnn", memory=USUAL | {"reach": 4}, **LEARNED).first is None


def test_new_weights_and_gated_cells_are_not_accused_of_a_short_memory(diagnosed):
    short = USUAL | {"reach": 2}
    assert diagnosed(150, cell="rnn", memory=short, **LEARNED).first is None
    assert diagnosed(cell="lstm", memory=short, **LEARNED).first is None
    assert diagnosed(cell="rnn", memory=short | {"lags": 8}, **LEARNED).first is None
    assert diagnosed(cell="rnn", memory=short | {"reach": None}, **LEARNED).first is None


def test_a_short_memory_follows_from_a_network_that_has_learned_nothing(diagnosed):
    found = diagnosed(cell="rnn", memory=USUAL | {"reach": 0}, train_loss=[7.3, 7.0], val_loss=[7.3, 7.1])
    assert found.first.name == "text_not_learned"
    assert [each.name for each, _ in found.consequences] == ["vanishing_gradients_through_time"]


def test_a_gradient_that_grows_through_time(diagnosed):
    found = diagnosed(memory=USUAL | {"reach": 64, "growth": 350.0}, **LEARNED).first
    assert found.name == "exploding_gradients_through_time"
    assert found.text == (
        "the gradient of the loss grows through time: about 64 tokens back it is 350 times that at lag 0"
    )
    assert found.remedy == "--trainer.gradient_clip_val 1"
    found = diagnosed(memory=USUAL | {"reach": None, "growth": "inf"}, **LEARNED).first
    assert "about 64 tokens back it is not finite" in found.text
    assert diagnosed(memory=USUAL | {"reach": 50, "growth": 2.0}, **LEARNED).first is None


def test_samples_that_copy(diagnosed):
    found = diagnosed(memory=USUAL | {"copied": 40}, **LEARNED).first
    assert found.name == "copied_text"
    said = "the samples share a span of 40 characters with the training text, held-out text of equal length one of 5"
    assert found.text == said
    assert found.remedy == "--model.output_dropout 0.3 --early_stopping on"  # dropout needs more than one layer


def test_copies_as_long_as_those_of_held_out_text_are_none(diagnosed):
    for copied, usual, characters in ((16, 5, 512), (60, 50, 512), (40, 5, 90)):
        memory = USUAL | {"copied": copied, "copied_held_out": usual, "characters": characters}
        assert diagnosed(memory=memory, **LEARNED).first is None


def test_overfitting_explains_copies(diagnosed):
    rising = {"train_loss": [4.6, 3.5, 2.0, 1.0, 0.5, 0.2], "val_loss": [4.8, 4.4, 4.5, 4.8, 5.0, 5.2]}
    found = diagnosed(memory=USUAL | {"copied": 40}, **rising)
    assert [each.name for each in found.faults] == ["overfitting"]
    assert [each.name for each, _ in found.consequences] == ["copied_text"]


def test_a_validation_that_rises_by_a_tenth_of_a_nat_is_overfitting(diagnosed):
    rising = {"train_loss": [4.6, 4.2, 3.9, 3.6, 3.3, 3.0], "val_loss": [4.7, 4.45, 4.4, 4.5, 4.55, 4.6]}
    found = diagnosed(memory=USUAL, **rising).first
    assert found.name == "overfitting"
    assert "the validation loss has risen from 4.4 to 4.6 while the training loss fell to 3" in found.text
    flat = rising | {"val_loss": [4.7, 4.45, 4.4, 4.39, 4.4, 4.41]}
    assert diagnosed(memory=USUAL, **flat).first is None


def test_a_loss_that_stays_above_that_of_counting_pairs(diagnosed):
    above = {"train_loss": [5.4, 5.2, 5.1, 5.1, 5.1, 5.1], "val_loss": [5.4, 5.2, 5.1, 5.1, 5.1, 5.1]}
    found = diagnosed(memory=USUAL, **above).first
    assert (found.name, found.confidence) == ("text_not_learned", "likely")
    assert "the validation loss 5.1 stays above the 4.6 of a model that only counts pairs of words" in found.text
    found = diagnosed(13, memory=USUAL, train_loss=[6.4], val_loss=[5.61]).first
    said = "the loss 5.61 is above the 4.6 of a model that only counts pairs of words; 13 updates are too few"
    assert found.text == said
    # A run that overfits has learned more than pairs; one that ended while it improved, or was short, is not accused.
    memorised = above | {"train_loss": [5.4, 5.2, 5.0, 4.5, 4.0, 3.0]}
    assert diagnosed(memory=USUAL, **memorised).first is None
    falling = {name: [5.6, 5.5, 5.4, 5.3, 5.2, 5.1] for name in above}
    assert diagnosed(memory=USUAL, **falling).first is None
    assert diagnosed(memory=USUAL, **{name: losses[-2:] for name, losses in above.items()}).first is None
