"""A command can be prepared, to look at what it would run with."""

import pytest

from dlcore.errors import FitError
from dlcore.runs import prepare


def test_makes_everything_and_runs_nothing(workplace, small):
    command = prepare("fit", *small)
    assert (command.folder, command.trainer.global_step) == (None, 0)
    assert command.model.hparams["in_features"] == 784
    assert not (workplace / "lightning_logs").exists()


def test_bad_input_is_found_as_in_a_run(workplace):
    with pytest.raises(FitError, match=r"model\.task: expected multiclass"):
        prepare("fit", "--model.task", "regression")
