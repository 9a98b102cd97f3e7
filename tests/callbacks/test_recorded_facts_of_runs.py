"""Facts that a run records for its diagnosis: of its samples, and of layers that validate in training mode."""

import json

import pytest
import torch
from scripted_model import ScriptedModel

from dlcore.callbacks.run_events import RunEvents
from dlcore.tracking import RunLogger
from dlcore.tracking.timeline import read_events


class Drops(ScriptedModel):
    """It validates in training mode."""

    def __init__(self, values):
        super().__init__(values)
        self.drop = torch.nn.Dropout(0.5)

    def on_validation_start(self):
        self.train()


@pytest.mark.parametrize(("kind", "told"), [(Drops, ["drop"]), (ScriptedModel, None)])
def test_layers_that_are_in_training_mode_while_the_model_validates(
    kind, told, tiny_data, make_trainer, tmp_path, capsys
):
    logger = RunLogger(tmp_path, "mine")
    make_trainer(callbacks=[RunEvents()], logger=logger, max_epochs=2).fit(kind([0.9, 0.8]), tiny_data(size=20))
    events = [event for event in read_events(tmp_path) if event["kind"] == "training_mode"]
    assert [event["layers"] for event in events] == [told] * (told is not None)
    assert ("Validation runs with drop in training mode" in capsys.readouterr().out) is (told is not None)


def test_facts_of_the_samples_are_in_the_folder(tiny_data, make_trainer, tmp_path):
    trainer = make_trainer(callbacks=[RunEvents()], logger=RunLogger(tmp_path, "mine"), max_epochs=2)
    trainer.fit(ScriptedModel([0.9, 0.8]), tiny_data(size=20))
    facts = json.loads((tmp_path / "samples.json").read_text())
    assert sum(facts["classes"]["train"]) == 20
    assert facts["linear"] > 0
