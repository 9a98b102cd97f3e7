"""A model whose metrics are given beforehand: what a callback makes of them is known."""

import functools

import torch

from dlcore.models import MLP


class ScriptedModel(MLP):
    """Trains on `tiny_data`, and says of its validation in each epoch what it was told to say.

    Args:
        values: ``val/loss`` of each epoch; where an epoch validates several times, a list. ``val/accuracy`` too.
        lr: Learning rate.
    """

    def __init__(self, values, lr=0.1):
        torch.manual_seed(1)
        optimizer = functools.partial(torch.optim.SGD, lr=lr)
        super().__init__([8], in_features=4, num_classes=3, optimizer=optimizer)
        self.values, self.said, self.rates = values, 0, []

    def on_train_epoch_start(self):
        self.said = 0

    def on_validation_epoch_end(self):
        if not self.trainer.sanity_checking:
            value = self.values[self.trainer.current_epoch]
            self.said += 1
            value = value[self.said - 1] if isinstance(value, list) else value
            self.log_dict({**self._training_metrics(), "val/loss": value, "val/accuracy": value})

    def training_step(self, batch, batch_idx):
        self.rates.append(self.optimizers().param_groups[0]["lr"])
        return super().training_step(batch, batch_idx)
