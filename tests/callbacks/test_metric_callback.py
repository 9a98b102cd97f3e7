from types import SimpleNamespace

import pytest
from scripted_model import ScriptedModel

from dlcore.callbacks.metric_callback import MetricCallback, say


class Acts(MetricCallback):
    """Writes down when it acted, and which metrics were new."""

    def __init__(self):
        self.steps = []

    def on_metrics(self, trainer, model):
        self.steps.append((trainer.global_step, "val" if trainer.validating else "train"))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, [(7, "val"), (14, "val"), (21, "val")]),
        ({"num_sanity_val_steps": 0}, [(7, "val"), (14, "val"), (21, "val")]),
        ({"check_val_every_n_epoch": 2}, [(7, "train"), (14, "val"), (21, "train")]),
        ({"limit_val_batches": 0}, [(7, "train"), (14, "train"), (21, "train")]),
        ({"val_check_interval": 0.5}, [(3, "val"), (6, "val"), (10, "val"), (13, "val"), (17, "val"), (20, "val")]),
        ({"val_check_interval": 10, "check_val_every_n_epoch": None}, [(7, "train"), (10, "val"), (20, "val")]),
        ({"max_steps": 10}, [(7, "val")]),  # the second epoch is cut short: no metrics are those of an epoch
        ({"limit_train_batches": 2}, [(2, "val"), (4, "val"), (6, "val")]),
    ],
)
def test_acts_once_on_each_new_set_of_metrics(settings, expected, tiny_data, make_trainer):
    acts = Acts()
    make_trainer(max_epochs=3, callbacks=[acts], **settings).fit(ScriptedModel([1.0] * 3), tiny_data())
    assert acts.steps == expected


def test_does_not_act_outside_of_a_fit(tiny_data, make_trainer):
    acts = Acts()
    make_trainer(callbacks=[acts]).validate(ScriptedModel([1.0]), tiny_data(), verbose=False)
    assert acts.steps == []


@pytest.mark.parametrize("settings", [{}, {"limit_val_batches": 0}, {"check_val_every_n_epoch": 2}])
def test_a_run_resumed_at_the_end_of_an_epoch_does_not_act_on_it_again(settings, tiny_data, make_trainer, tmp_path):
    class Saves(Acts):
        def on_metrics(self, trainer, model):
            super().on_metrics(trainer, model)
            trainer.save_checkpoint(tmp_path / f"{trainer.global_step}.ckpt")

    def acts(until, ckpt_path=None):
        callback = Saves()
        trainer = make_trainer(max_epochs=until, callbacks=[callback], **settings)
        trainer.fit(ScriptedModel([1.0] * 4), tiny_data(), ckpt_path=ckpt_path, weights_only=True)
        return [step for step, _ in callback.steps]

    assert acts(2) == [7, 14]
    assert acts(4, tmp_path / "14.ckpt") == [21, 28]
    assert acts(4, tmp_path / "7.ckpt") == [14, 21, 28]


def test_only_the_first_process_speaks(capsys):
    say(SimpleNamespace(is_global_zero=True), "first", "second")
    say(SimpleNamespace(is_global_zero=False), "not heard")
    assert capsys.readouterr().out == "first\nsecond\n"
