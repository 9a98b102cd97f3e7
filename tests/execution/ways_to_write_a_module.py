"""The same small network as a LightningModule, in the ways in which people write one."""

import torch
from small_network import Plain
from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import ExponentialLR, OneCycleLR, StepLR
from ways_to_use_metrics import (
    Collection,
    MetricForward,
    MetricUpdate,
    ReadsItsMetric,
    StopsAfterAMetric,
    ValuesNobodyTakes,
)


class LogsEverything(Plain):
    """Each way of logging a value."""

    def training_step(self, batch, batch_idx):
        loss = super().training_step(batch, batch_idx)
        self.log("loss", loss)
        self.log("both", loss, on_step=True, on_epoch=True, prog_bar=True)
        self.log("epoch", loss.detach().double(), on_step=False, on_epoch=True)
        self.log("sum", loss, on_epoch=True, reduce_fx="sum")
        self.log("max", loss, on_epoch=True, reduce_fx=torch.max)
        self.log("min", loss, on_step=False, on_epoch=True, reduce_fx="min")
        self.log("number", batch_idx * 0.5, on_step=True, on_epoch=True)
        self.log("one_element", loss.detach().reshape(1, 1), on_epoch=True)
        self.log("weighted", loss, on_epoch=True, batch_size=batch_idx + 1)
        if batch_idx % 3 == 1:
            self.log("sometimes", loss, on_step=True, on_epoch=True)
        self.log_dict({"a": loss * 2, "b": 1.0}, on_step=True, on_epoch=True)
        return loss


class OwnHooks(Plain):
    """Hooks of its own around each batch."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_end(self, outputs, batch, batch_idx):
        self.seen.append((batch_idx, outputs["loss"].item(), len(batch[0]), self.global_step))

    def on_before_optimizer_step(self, optimizer):
        norm = torch.stack([each.grad.norm() for each in self.parameters()]).sum()
        self.log("norm", norm, on_step=True, on_epoch=True)

    def on_after_backward(self):
        self.seen.append("backward")

    def on_before_zero_grad(self, optimizer):
        self.seen.append("zero")


class StepSchedule(Plain):
    """A schedule that takes a step for each batch, clipping by the module itself."""

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=0.05, momentum=0.9)
        schedule = OneCycleLR(optimizer, 0.2, total_steps=self.trainer.estimated_stepping_batches)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def configure_gradient_clipping(self, optimizer, gradient_clip_val=None, gradient_clip_algorithm=None):
        self.clip_gradients(optimizer, gradient_clip_val=0.3, gradient_clip_algorithm="norm")


class EpochSchedule(Plain):
    """A schedule that takes a step for each epoch, and one for every third batch."""

    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.parameters(), lr=0.01)
        every_third = {"scheduler": ExponentialLR(optimizer, 0.99), "interval": "step", "frequency": 3}
        return [optimizer], [StepLR(optimizer, 1, gamma=0.5), every_third]


class SkipsSteps(Plain):
    """`training_step` gives None at times."""

    def training_step(self, batch, batch_idx):
        return None if batch_idx % 4 == 2 else super().training_step(batch, batch_idx)


class StepWithoutIndex(Plain):
    """`training_step` takes the batch alone; dropout draws random numbers."""

    def training_step(self, batch):
        inputs, targets = batch
        return {"loss": cross_entropy(nn.functional.dropout(self(inputs), 0.3), targets)}


class LBFGS(Plain):
    """An optimiser that computes its loss several times."""

    def training_step(self, batch, batch_idx):
        loss = super().training_step(batch, batch_idx)
        self.log("loss", loss, on_epoch=True)
        return loss

    def configure_optimizers(self):
        return torch.optim.LBFGS(self.parameters(), lr=0.1, max_iter=4)


class OptimizerStep(Plain):
    """Decides itself how the optimiser steps."""

    def optimizer_step(self, epoch, batch_idx, optimizer, optimizer_closure=None):
        for group in optimizer.param_groups:
            group["lr"] = 0.001 * min(1, (self.trainer.global_step + 1) / 10)
        super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)


class Manual(Plain):
    """Manual optimisation with two optimisers."""

    def __init__(self):
        super().__init__()
        self.automatic_optimization = False

    def training_step(self, batch, batch_idx):
        for optimizer in self.optimizers():
            optimizer.zero_grad()
        loss = super().training_step(batch, batch_idx)
        self.manual_backward(loss)
        for optimizer in self.optimizers():
            optimizer.step()

    def configure_optimizers(self):
        return [torch.optim.SGD(layer.parameters(), lr=0.1) for layer in (self.network[0], self.network[2])]


class OwnLog(Plain):
    """A log of its own."""

    def log(self, name, value, **kwargs):
        super().log(f"mine/{name}", value, **kwargs)

    def training_step(self, batch, batch_idx):
        loss = super().training_step(batch, batch_idx)
        self.log("loss", loss, on_step=True, on_epoch=True)
        return loss


class Stops(Plain):
    """Ends the training from within a step."""

    def training_step(self, batch, batch_idx):
        loss = super().training_step(batch, batch_idx)
        self.log("loss", loss, on_step=True, on_epoch=True)
        if self.current_epoch == 1 and batch_idx == 6:
            self.trainer.should_stop = True
        return loss


FAST = [
    Plain, LogsEverything, MetricUpdate, MetricForward, Collection, ReadsItsMetric, OwnHooks, StepSchedule,
    EpochSchedule, SkipsSteps, StepWithoutIndex, LBFGS, OwnLog, Stops, ValuesNobodyTakes, StopsAfterAMetric,
]  # fmt: skip
ONE_BY_ONE = [OptimizerStep, Manual]
