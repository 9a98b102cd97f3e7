"""FineTuning before a fit: the layers of a network, when each comes free, and wrong arguments."""

import pytest
from torch import nn

from dlcore.callbacks import FineTuning
from dlcore.errors import ArgumentError
from dlcore.models import CNN

# dlcore's CNN


@pytest.mark.parametrize(
    ("settings", "layers"),
    [
        ({"channels": [4, 8], "convolutions": 2, "hidden_sizes": [6]}, 5),
        ({"architecture": "small_resnet(blocks=1, width=4)"}, 4),
        ({"architecture": "resnet18"}, 9),
    ],
)
def test_the_layers_of_the_cnn_are_all_but_its_output(settings, layers):
    model = CNN(image_shape=[1, 32, 32], num_classes=3, **settings)
    plan = FineTuning(freeze_epochs=1, layers_per_epoch=1).plan(model)
    assert len(plan) == layers
    assert [each.epoch for each in plan] == list(range(layers, 0, -1))
    held = sum(each.numel() for each in model.parameters()) - sum(each.numel() for each in model.head.parameters())
    assert sum(each.size for each in plan) == held


# Errors


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"freeze_epochs": -1}, "freeze_epochs: expected a whole number at least 0, got -1."),
        ({"lr_factor": 0.0}, "lr_factor: expected a number above 0, got 0.0."),
        ({"layer_decay": 1.5}, "layer_decay: expected a number above 0 and at most 1, got 1.5."),
        ({"layers_per_epoch": 1, "freeze_epochs": None}, "layers_per_epoch: expected freeze_epochs of at least 1 with"),
    ],
)
def test_values_out_of_range_are_named(settings, message):
    with pytest.raises(ArgumentError) as caught:
        FineTuning(**settings)
    assert str(caught.value).startswith(message)


def test_a_network_of_which_nothing_would_learn_is_an_error():
    class Whole(nn.Module):
        def __init__(self):
            super().__init__()
            self.backbone = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2))

    with pytest.raises(ArgumentError, match=r"head: expected a layer that learns while backbone is frozen"):
        FineTuning().plan(Whole())
    plan = FineTuning(head="backbone.1").plan(Whole())
    assert [each.group.name for each in plan] == ["0"]
