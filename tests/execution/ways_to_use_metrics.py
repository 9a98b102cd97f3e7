"""The small network with torchmetrics objects, in the ways in which people use them."""

from small_network import Plain
from torch.nn.functional import cross_entropy
from torchmetrics import Accuracy, CatMetric, MaxMetric, MeanMetric, MetricCollection
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassAUROC,
    MulticlassConfusionMatrix,
    MulticlassF1Score,
)


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
