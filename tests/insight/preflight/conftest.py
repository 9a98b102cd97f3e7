"""Shared by the tests of the checks."""

from functools import partial

import pytest
import torch
from torch.optim import SGD

from dlcore.insight.preflight import CHECKS, CheckResult, one_batch
from dlcore.insight.preflight.case import Case
from dlcore.models import MLP


@pytest.fixture
def make_model():
    """A small network for `tiny_data`."""

    def make(hidden_sizes=(16,), task="multiclass", num_classes=3, lr=0.1, **settings):
        torch.manual_seed(0)
        settings.setdefault("optimizer", partial(SGD, lr=lr))
        return MLP(list(hidden_sizes), in_features=4, task=task, num_classes=num_classes, **settings)

    return make


@pytest.fixture
def look(tiny_data, make_trainer, make_model, monkeypatch):
    """Carry out one check on a small model and small data; give its result."""
    monkeypatch.setattr(one_batch, "_SECONDS", 100.0)  # a busy machine takes its steps all the same
    monkeypatch.setattr(one_batch, "_TRIAL_SECONDS", 30.0)

    def carry_out(name, model=None, data=None, trained=False, **trainer):
        data = tiny_data() if data is None else data
        case = Case(model or make_model(), data, make_trainer(**{"max_epochs": 50, **trainer}), trained)
        result = CheckResult(name)
        CHECKS[name](case, result)
        return result

    return carry_out
