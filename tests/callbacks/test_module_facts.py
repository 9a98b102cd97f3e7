"""Facts about a module and its optimisers."""

from types import SimpleNamespace

import pytest
import torch
from lightning.pytorch import Callback
from torch import nn
from torch.optim import lr_scheduler
from torchmetrics.classification import BinaryAccuracy, MulticlassAccuracy, MulticlassF1Score

from dlcore.callbacks import FineTuning
from dlcore.callbacks.module_facts import layers_in_training_mode, module_facts


def facts(model, *optimizers, batch_size=None, schedules=()):
    loader = SimpleNamespace(batch_size=batch_size)
    trainer = SimpleNamespace(optimizers=list(optimizers), train_dataloader=loader, lr_scheduler_configs=schedules)
    trainer.max_epochs, trainer.estimated_stepping_batches = 10, 1000
    return module_facts(trainer, model)


def test_a_plain_module_has_none():
    model = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
    assert facts(model, torch.optim.SGD(model.parameters(), lr=0.1)) == {"optimizer": "SGD", "lr": 0.1}
    assert facts(nn.Identity()) == {}
    # Manual optimisation may create its optimisers later.
    assert facts(model) == {}


def test_frozen_and_forgotten_parameters_are_named():
    model = nn.Sequential(*(nn.Linear(2, 2) for _ in range(4)))
    model[0].requires_grad_(False)
    found = facts(model, torch.optim.SGD(model[3].parameters(), lr=0.1))
    assert found["frozen"] == {"names": ["0.weight", "0.bias"], "count": 2, "values": 6}
    assert found["left_out"] == {"names": ["1.weight", "1.bias", "2.weight"], "count": 4, "values": 12}


def test_what_fine_tuning_freezes_is_no_fault(make_trainer):
    from test_fine_tuning import Plain, trained

    found = []

    class Facts(Callback):
        def on_train_epoch_start(self, trainer, pl_module):
            found.append(module_facts(trainer, pl_module))

    module = Plain()
    module.backbone[0][0].weight.requires_grad_(False)
    trained(make_trainer, FineTuning(freeze_epochs=1), Facts(), module=module, epochs=1)
    assert found[0]["frozen"]["names"] == ["backbone.0.0.weight"]


def test_settings_of_layers_and_optimisers():
    model = nn.Sequential(nn.Dropout(0.1), nn.Dropout2d(0.9), nn.BatchNorm1d(3), nn.Linear(3, 1))
    adam = torch.optim.AdamW(model.parameters(), lr=0.001, weight_decay=50)
    assert facts(model, adam, batch_size=2) == {
        "dropout": 0.9,
        "batch_norm": 2,
        "norm_momentum": 0.1,
        "optimizer": "AdamW",
        "lr": 0.001,
        "decay": pytest.approx(0.05),
        "momentum": 0.9,
    }
    groups = [{"params": model[2].parameters()}, {"params": model[3].parameters(), "weight_decay": 0.1}]
    sgd = torch.optim.SGD(groups, lr=0.1, momentum=0.9)
    found = facts(model, sgd)
    assert (found["decay"], found["momentum"]) == (pytest.approx(0.1), 0.9)
    # Adam's decay is scaled with the gradients; a rate may be a tensor.
    adam = torch.optim.Adam(model.parameters(), lr=torch.tensor(0.1), weight_decay=50, foreach=False)
    found = facts(model, adam)
    assert (found["lr"], found["momentum"]) == (pytest.approx(0.1), 0.9)
    assert "decay" not in found


def test_classes_of_metrics_and_the_narrowest_layer():
    layers = (nn.Linear(4, 8), nn.Linear(8, 1), nn.Linear(1, 3))
    model = nn.Sequential(*layers, MulticlassAccuracy(3), MulticlassF1Score(3))
    assert facts(model) == {"num_classes": 3, "narrow": {"name": "1", "units": 1}}
    assert facts(nn.Sequential(BinaryAccuracy())) == {"num_classes": 2}
    assert facts(nn.Sequential(MulticlassAccuracy(3), MulticlassAccuracy(5))) == {}


def test_the_rate_is_the_highest_that_a_schedule_reaches():
    sgd = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    torch.optim.lr_scheduler.OneCycleLR(sgd, max_lr=0.5, total_steps=10)
    assert facts(nn.Identity(), sgd)["lr"] == 0.5
    sgd = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    torch.optim.lr_scheduler.LinearLR(sgd, start_factor=0.01)
    assert facts(nn.Identity(), sgd)["lr"] == 0.1


def test_the_length_of_a_schedule():
    model = nn.Linear(2, 1)
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)

    def schedule(scheduler, interval):
        config = SimpleNamespace(scheduler=scheduler, interval=interval)
        return facts(model, sgd, schedules=[config]).get("schedule")

    cosine = schedule(lr_scheduler.CosineAnnealingLR(sgd, T_max=1000), "epoch")
    assert cosine == {"name": "CosineAnnealingLR", "interval": "epoch", "length": 1000, "steps": 1000, "epochs": 10}
    assert schedule(lr_scheduler.OneCycleLR(sgd, max_lr=1, total_steps=50), "step")["length"] == 50
    assert schedule(lr_scheduler.ExponentialLR(sgd, gamma=0.9), "epoch") is None


def test_layers_in_training_mode_are_named():
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Dropout(0.5))
    assert layers_in_training_mode(model) == ["1", "2"]
    assert layers_in_training_mode(model.eval()) == []
