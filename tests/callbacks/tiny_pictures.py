"""Coloured pictures of 6 × 8 pixels that train in milliseconds, and a small convolutional network for them."""

import functools

import torch
from torch import nn

from dlcore.callbacks import logged_figures
from dlcore.data.array_data import ArrayData, Split
from dlcore.models import Model
from dlcore.nn import make_task

NAMES = ["圆形", "square", "triangle"]


class TinyPictures(ArrayData):
    """Class k has its k-th channel bright. 48 train, 20 validate, 20 test.

    Args:
        classes: 3, or 2.
        channels: Channels of a picture.
        named: Whether the classes have names.
        normalized: Whether the network gets (x - 0.5) / 0.25 and the facts say so.
    """

    def __init__(self, classes=3, channels=3, named=True, normalized=False):
        super().__init__(16, eval_batch_size=8, drop_last=False)
        self.classes, self.channels, self.named, self.normalized = classes, channels, named, normalized
        self.order_seed = 5

    def load(self):
        generator = torch.Generator().manual_seed(0)
        targets = torch.randint(self.classes, (88,), generator=generator)
        pictures = torch.randint(0, 100, (88, self.channels, 6, 8), generator=generator, dtype=torch.uint8)
        pictures[torch.arange(88), targets % self.channels] += 100
        return {
            name: Split(pictures, targets, indices)
            for name, indices in zip(("train", "val", "test"), torch.arange(88).split([48, 20, 20]), strict=True)
        }

    def transform(self, inputs):
        shares = inputs.float() / 255
        return (shares - 0.5) / 0.25 if self.normalized else shares

    def facts(self):
        named = {"class_names": NAMES[: self.classes]} if self.named else {}
        normalization = {"mean": [0.5] * self.channels, "std": [0.25] * self.channels}
        scaled = {"normalization": normalization} if self.normalized else {}
        shape = (self.channels, 6, 8)
        return {"image_shape": shape, "in_features": 48 * self.channels, "num_classes": self.classes, **named, **scaled}


class TinyCNN(Model):
    """conv_1, relu (in place), conv_2, mean, output."""

    def __init__(self, channels=3, classes=3, task="multiclass", lr=0.1):
        torch.manual_seed(1)
        super().__init__(make_task(task, classes), functools.partial(torch.optim.SGD, lr=lr), None)
        layers = {
            "conv_1": nn.Conv2d(channels, 4, 3, padding=1),
            "norm": nn.BatchNorm2d(4),
            "relu": nn.ReLU(inplace=True),
            "conv_2": nn.Conv2d(4, 20, 3),
            "drop": nn.Dropout(0.5),
            "mean": nn.AdaptiveAvgPool2d(1),
            "flat": nn.Flatten(),
            "output": nn.Linear(20, self.task.out_features),
        }
        self.network = nn.Sequential()
        for name, layer in layers.items():
            self.network.add_module(name, layer)

    def forward(self, inputs):
        return self.network(inputs)


class FigureKeeper:
    """Takes the place of RunLogger's figures: draws them at once and keeps them."""

    def __init__(self, monkeypatch):
        self.drawn = {}
        monkeypatch.setattr(logged_figures, "run_loggers", lambda trainer: [self])
        self.log_dir = "nowhere"

    def log_figure(self, tag, draw, step, path=None):
        self.drawn.setdefault(tag, []).append((step, draw(), path and path.name, draw))


def texts(figure):
    from matplotlib.text import Text

    return {text.get_text() for text in figure.findobj(Text)} - {""}
