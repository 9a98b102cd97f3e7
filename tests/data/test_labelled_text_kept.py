"""What a checkpoint keeps of labelled texts, and how other texts are read with it."""

import pytest
import torch
from labelled_rows import csv_of, read, rows, texts_of

from dlcore.data import LabelledText
from dlcore.errors import ArgumentError, DataError
from dlcore.text import UNKNOWN


def kept(path, **settings):
    return read(path, **settings).state_dict()


def later(path, state, stage="test", **settings):
    data = LabelledText(path, **{"text": "评论", "label": "情感", "level": "char", **settings})
    data.expect(None, state)
    data.setup(stage)
    data.test_dataloader()
    return data


def test_the_state_is_plain_and_other_texts_are_read_in_its_words(table, tmp_path):
    path = table(csv_of(rows()))
    torch.save(kept(path), tmp_path / "state")
    state = torch.load(tmp_path / "state", weights_only=True)
    data = later(table(["评论", "很好龘"], "新.csv"), state, "predict")
    assert data.facts()["class_names"] == ["好评", "差评"]
    split = data.parts["test"]
    vocabulary = data.tokenizer.vocabulary
    assert split.inputs.tolist() == [[vocabulary.id("很"), vocabulary.id("好"), UNKNOWN]]
    assert split.targets.tolist() == [-1]


def test_the_texts_of_the_training_are_parted_as_in_the_run(table):
    path = table(csv_of(rows()))
    first, state = read(path), kept(path)
    data = later(path, state)
    assert data.parts["test"].indices.equal(first.parts["test"].indices)
    assert data.parts["test"].inputs.equal(first.parts["test"].inputs)
    with pytest.raises(ArgumentError, match=r"split_seed: expected 0, as in the run of the checkpoint"):
        later(path, state, split_seed=1)
    with pytest.raises(DataError, match="expected the texts of the training, got texts that were changed"):
        later(table(csv_of(rows(30)), "mehr.csv"), state, "fit")


def test_other_words_are_refused_by_a_fit_and_change_nothing_later(table, capsys):
    path = table(csv_of(rows()))
    with pytest.raises(ArgumentError, match="min_freq: expected 2, as in the run of the checkpoint"):
        later(path, kept(path), "fit", min_freq=5)
    later(path, kept(path), min_freq=5)
    assert "min_freq 5 changes nothing" in capsys.readouterr().out


def test_a_rows_text_is_found_again(table):
    data = read(table(csv_of(rows())))
    split = data.parts["val"]
    shown = [data.text_of(row) for row in split.inputs[split.indices].long()]
    assert shown == texts_of(data, "val")
