"""The same small network as a LightningModule, in the ways in which people write one."""

import torch
from lightning.pytorch import LightningModule
from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import ExponentialLR, OneCycleLR, StepLR
from torchmetrics import Accuracy, CatMetric, MaxMetric, MeanMetric, MetricCollection
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassAUROC,
    MulticlassConfusionMatrix,
    MulticlassF1Score,
)


class Plain(LightningModule):
    """The loss, and nothing else."""

    def __init__(self):
        super().__init__()
        self.network = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 4))

    def forward(self, inputs):
        return self.network(inputs)

    def training_step(self, batch, batch_idx):
        inputs, targets = batch
        return cross_entropy(self(inputs), targets)

    def validation_step(self, batch, batch_idx):
        inputs, targets = batch
        self.log("val_loss", cross_entropy(self(inputs), targets))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=0.01, fused=True)


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


class MetricUpdate(Plain):
    """A metric object, updated and logged."""

    def __init__(self):
        super().__init__()
        self.accuracy = Accuracy(task="multiclass", num_classes=4)
        self.mean = MeanMetric()

    def training_step(self, batch, batch_idx):
        inputs, targets = batch
        outputs = self(inputs)
        loss = cross_entropy(outputs, targets)
        self.accuracy.update(outputs, targets)
        self.mean.update(loss)
        self.log("train/loss", loss, on_step=True, on_epoch=True)
        self.log("train/accuracy", self.accuracy, on_step=False, on_epoch=True)
        self.log("train/mean", self.mean, on_step=False, on_epoch=True)
        return loss


class MetricForward(MetricUpdate):
    """A metric object, called for the batch's value and the epoch's."""

    def training_step(self, batch, batch_idx):
        inputs, targets = batch
        outputs = self(inputs)
        loss = cross_entropy(outputs, targets)
        self.accuracy(outputs, targets)
        self.log_dict({"acc": self.accuracy, "loss": loss}, on_step=True, on_epoch=True)
        return {"loss": loss, "outputs": outputs}


class Calls(MaxMetric):
    """Somebody's own metric, which counts its updates in an attribute that a reset clears."""

    calls = 0

    def update(self, value):
        super().update(value)
        self.calls += 1

    def reset(self):
        super().reset()
        self.calls = 0


class ValuesNobodyTakes(MetricUpdate):
    """Metrics of several kinds, called as statements; one value is taken, and one metric is hooked."""

    def __init__(self):
        super().__init__()
        self.hooked = []
        self.best, self.kept, self.f1, self.own = MaxMetric(), CatMetric(), MulticlassF1Score(4), Calls()
        self.f1.register_forward_hook(lambda metric, inputs, value: self.hooked.append(value))

    def training_step(self, batch, batch_idx):
        inputs, targets = batch
        outputs = self(inputs)
        loss = cross_entropy(outputs, targets)
        self.mean(loss)
        self.best(value=loss)
        self.f1(outputs, targets)
        self.kept.forward(loss)
        self.own(loss)
        self.log("calls", float(self.own.calls), on_step=True, on_epoch=True)
        if batch_idx % 3 == 1:
            self.log("taken", self.accuracy(outputs, targets), on_step=True, on_epoch=True)
        else:
            self.accuracy(outputs, targets)
        both = {"mean": self.mean, "best": self.best, "f1": self.f1}
        self.log_dict(both, on_step=True, on_epoch=True)
        self.log("accuracy", self.accuracy, on_step=False, on_epoch=True, prog_bar=True)
        return loss


class StopsAfterAMetric(MetricForward):
    """Ends the training from within a step whose metric's value is logged."""

    def training_step(self, batch, batch_idx):
        if self.current_epoch == 1 and batch_idx == 6:
            self.trainer.should_stop = True
        return super().training_step(batch, batch_idx)


class Collection(Plain):
    """A MetricCollection with a prefix."""

    def __init__(self):
        super().__init__()
        kinds = [MulticlassAccuracy(4), MulticlassF1Score(4), MulticlassAccuracy(4, average="micro")]
        named = dict(zip(["accuracy", "f1", "micro"], kinds, strict=True))
        self.metrics = MetricCollection({**named, "auroc": MulticlassAUROC(4)}, prefix="train/")
        self.confusion = MulticlassConfusionMatrix(4)
        self.matrices = []

    def training_step(self, batch, batch_idx):
        inputs, targets = batch
        outputs = self(inputs)
        self.metrics.update(outputs.softmax(1), targets)
        self.confusion.update(outputs, targets)
        self.log_dict(self.metrics, on_step=False, on_epoch=True)
        return cross_entropy(outputs, targets)

    def on_train_epoch_end(self):
        self.matrices.append(self.confusion.compute())
        self.confusion.reset()


class ReadsItsMetric(Plain):
    """Computes its metric at times within the epoch, reads a state of it, and changes its outputs in place."""

    def __init__(self):
        super().__init__()
        self.accuracy = MulticlassAccuracy(4)
        self.read = []

    def training_step(self, batch, batch_idx):
        inputs, targets = batch
        outputs = self(inputs)
        loss = cross_entropy(outputs, targets)
        scores = outputs.detach()
        self.accuracy.update(scores, targets)
        scores.zero_()
        if batch_idx % 5 == 3:
            self.read.append(self.accuracy.compute().item())
        if batch_idx % 7 == 3:
            self.read.append(self.accuracy.tp.tolist())
        if batch_idx == 9:
            self.accuracy.reset()
        if batch_idx % 4 == 1:
            self.log("so_far", float(self.trainer.callback_metrics.get("accuracy", 0.0)))
        self.log("accuracy", self.accuracy, on_step=False, on_epoch=True)
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
