"""What a step needs lies on the GPU: shown on one that torch imagines, where tensors have a device and no numbers.

It refuses, as a real one does, to compute with a tensor that has stayed in main memory. Gradients and recurrent layers
cannot be imagined.
"""

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torchmetrics import Metric

from dlcore.data import FashionMNIST, ImageFolder
from dlcore.models import CNN, MLP

pytestmark = pytest.mark.skipif(torch.version.cuda is None, reason="this build of torch knows no GPU")

PENALTY = {"l1": 0.1, "l2": 0.1, "l2_form": "norms"}
PICTURE = {"image_shape": [1, 28, 28], "num_classes": 3}


@pytest.fixture
def gpu():
    return FakeTensorMode()


def brought(gpu, tensor):
    imagined = gpu.from_tensor(tensor.detach())
    with gpu:
        return imagined.to("cuda")


def bring(gpu, model):
    """What `model.to("cuda")` does: parameters and buffers go, and what metrics have added up; nothing else."""
    for module in model.modules():
        for name, parameter in module._parameters.items():
            if parameter is not None:
                value = brought(gpu, parameter)
                with gpu:
                    module._parameters[name] = nn.Parameter(value)
        for name, buffer in module._buffers.items():
            module._buffers[name] = buffer if buffer is None else brought(gpu, buffer)
        if isinstance(module, Metric):
            for states in (vars(module), module._defaults):
                tensors = {name: states[name] for name in module._defaults if isinstance(states[name], torch.Tensor)}
                states.update({name: gpu.from_tensor(state) for name, state in tensors.items()})
            with gpu:
                module.to("cuda")
    return model


def classes(count, samples=5):
    return torch.randint(count, (samples,), device="cuda")


@pytest.mark.parametrize(
    ("make", "targets"),
    [
        (lambda: MLP([8], in_features=784, num_classes=3, batch_norm=True, dropout=0.2, **PENALTY), lambda: classes(3)),
        (lambda: MLP([8], in_features=784, task="binary"), lambda: classes(2)),
        (lambda: MLP([8], in_features=784, task="regression"), lambda: torch.rand(5, 1, device="cuda")),
        (lambda: CNN([4, 8], dropout=0.2, **PICTURE), lambda: classes(3)),
        (lambda: CNN(architecture="lenet5", **PICTURE), lambda: classes(3)),
        (lambda: CNN(architecture="small_resnet(blocks=1, width=4)", **PICTURE), lambda: classes(3)),
    ],
    ids=["multiclass", "binary", "regression", "blocks", "lenet5", "resnet"],
)
def test_loss_penalty_metrics_and_answers(make, targets, gpu):
    model = bring(gpu, make())
    with gpu:
        inputs = torch.rand(5, 1, 28, 28, device="cuda")
        loss = model.loss((inputs, targets()), model.train_metrics)
        states = [state for metric in model.train_metrics.values() for state in metric.metric_state.values()]
        found = [loss, *states, model.task.predict(model(inputs))]
        if model.penalty:
            found.append(model.penalty(model.penalty.select(model.named_parameters())))
        assert {value.device.type for value in found} == {"cuda"}


DRAWN = {"flip": 0.5, "shift": 0.1, "erase": 0.5}


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: FashionMNIST(offline_sample=True, **DRAWN), (28, 28)),
        pytest.param(
            lambda: ImageFolder(
                builtin="circles", size=16, crop=0.8, rotate=20, color=0.2, mixup=0.2, cutmix=1.0, **DRAWN
            ),
            (3, 16, 16),
            marks=pytest.mark.process,  # one decodes the drawn pictures, where they are not cached yet
        ),
    ],
    ids=["FashionMNIST", "ImageFolder"],
)
def test_scaling_and_augmentation(make, shape, gpu):
    data = make()
    data.setup("fit")
    with gpu:
        pictures = torch.randint(256, (6, *shape), dtype=torch.uint8, device="cuda")
        inputs, targets = data.augment(pictures, classes(2, 6), classes(100, 6), 0)
        found = inputs, targets, data.transform(pictures)
        assert {value.device.type for value in found} == {"cuda"}
