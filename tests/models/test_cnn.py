import copy

import pytest
import torch
from torch import nn

from dlcore.errors import ArgumentError, DlcoreError, FitError, UnknownNameError
from dlcore.insight import check_gradients
from dlcore.models import CNN
from dlcore.nn import block_settings, convolutional
from dlcore.runs import prepare

KNOWN = {"image_shape": [1, 8, 8], "num_classes": 3}
SMALL = {"channels": [4, 6], **KNOWN}


class Pictures(torch.utils.data.Dataset):
    """Eight by eight pixels: a bright spot anywhere, its class the colour's strength."""

    def __init__(self, count):
        generator = torch.Generator().manual_seed(0)
        self.targets = torch.arange(count) % 3
        self.inputs = torch.zeros(count, 1, 8, 8)
        places = torch.randint(0, 7, (count, 2), generator=generator)
        for number, (row, column) in enumerate(places.tolist()):
            self.inputs[number, 0, row : row + 2, column : column + 2] = self.targets[number] + 1.0

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, index):
        return self.inputs[index], self.targets[index]


def loader(count=96):
    return torch.utils.data.DataLoader(Pictures(count), batch_size=24)


def test_output_is_that_of_the_blocks_with_the_same_weights():
    model = CNN([4, 6], kernel_size=[5, 3], pool="average", activation="Tanh", hidden_sizes=[7], **KNOWN).eval()
    blocks = block_settings([4, 6], kernel_size=[5, 3], pool="average")
    network = convolutional((1, 8, 8), blocks, 3, hidden_sizes=[7], activation="Tanh").eval()
    network.load_state_dict(model.network.state_dict())
    pictures = torch.rand(5, 1, 8, 8)
    torch.testing.assert_close(model(pictures), network(pictures))
    assert model(pictures).shape == (5, 3)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 9, 8)])
def test_the_order_in_memory_changes_nothing_but_rounding(shape):
    settings = {"channels": [4, 6], "image_shape": list(shape), "num_classes": 3, "initializer": "kaiming_normal"}
    models = []
    for channels_last in (True, False):
        torch.manual_seed(0)
        models.append(CNN(channels_last=channels_last, **settings).double())
    first, second = models
    assert first.network.block_2.conv_1.weight.is_contiguous(memory_format=torch.channels_last)
    assert second.network.block_2.conv_1.weight.is_contiguous()
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other)
    pictures = torch.rand(6, *shape, dtype=torch.float64)
    torch.testing.assert_close(first(pictures), second(pictures))
    for model in models:
        model.task.loss(model(pictures), torch.arange(6) % 3).backward()
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)


@pytest.mark.outcome
@pytest.mark.parametrize("architecture", [None, "small_resnet(blocks=1, width=4)"])
def test_learns_what_lies_anywhere(architecture, make_trainer, memory_logger):
    torch.manual_seed(0)
    model = CNN(architecture=architecture, optimizer=lambda p: torch.optim.Adam(p, lr=0.02), **KNOWN)
    make_trainer(max_epochs=20, logger=memory_logger).fit(model, loader(), loader())
    assert memory_logger.column("val/accuracy")[-1][1] == 1.0


@pytest.mark.parametrize(("task", "outputs"), [("binary", 1), ("regression", 2)])
def test_each_task_has_its_outputs(task, outputs):
    model = CNN([4], task=task, image_shape=[1, 8, 8], num_classes=2)
    assert model(torch.zeros(2, 1, 8, 8)).shape == (2, outputs)


@pytest.mark.parametrize(
    "settings",
    [{"channels": [3, 4]}, {"channels": [3], "pool": "average", "head": "flatten", "activation": "Tanh"},
     {"architecture": "small_resnet(blocks=1, width=3)"}],
)  # fmt: skip
def test_gradients_agree_with_finite_differences(settings):
    torch.manual_seed(0)
    report = check_gradients(CNN(**settings, **KNOWN), torch.rand(4, 1, 8, 8), torch.arange(4) % 3, entries=4)
    assert report.agrees
    assert all(group.checked for group in report.groups if "short" not in group.name)


@pytest.mark.filterwarnings("ignore:initializer")
def test_arguments_reach_the_network():
    model = CNN(activation="leaky_relu(0.2)", initializer="constant(value=0.5)", dropout=0.1, channels=[4], **KNOWN)
    assert model.network.block_1.activation_1.negative_slope == 0.2
    assert model.network.block_1.conv_1.weight.unique().tolist() == [0.5]
    assert model.network.block_1.dropout.p == 0.1
    lenet = CNN(architecture="lenet5", activation="Tanh", dropout=0.1, image_shape=[1, 28, 28], num_classes=10)
    assert isinstance(lenet.network.block_1.activation_1, nn.Tanh)
    assert sum(parameter.numel() for parameter in lenet.parameters()) == 61_706


def test_dropout_acts_in_training_only():
    model = CNN(dropout=0.5, batch_norm=False, **SMALL)
    pictures = torch.ones(32, 1, 8, 8)
    assert len(model(pictures).unique(dim=0)) > 1
    torch.testing.assert_close(model.eval()(pictures), model(pictures)[:1].expand(32, 3))


def test_a_checkpoint_is_enough_to_make_the_model_again(make_trainer, tmp_path):
    model = CNN(kernel_size=[5, 3], pool=["average", "none"], optimizer=torch.optim.SGD, **SMALL)
    trainer = make_trainer()
    trainer.fit(model, loader(), loader())
    trainer.save_checkpoint(tmp_path / "model.ckpt")
    settings = torch.load(tmp_path / "model.ckpt", weights_only=True)["hyper_parameters"]
    assert settings["kernel_size"] == [5, 3]
    assert settings["image_shape"] == [1, 8, 8]
    loaded = CNN.load_from_checkpoint(tmp_path / "model.ckpt", weights_only=True).eval()
    pictures = torch.rand(5, 1, 8, 8)
    assert torch.equal(loaded(pictures), model.eval()(pictures))


def test_a_checkpoint_does_not_need_the_file_of_weights(tmp_path):
    settings = {"architecture": "squeezenet1_1", "image_shape": [3, 32, 32], "num_classes": 3}
    torch.save(CNN(**settings).network.state_dict(), tmp_path / "weights.pth")
    model = CNN(weights=str(tmp_path / "weights.pth"), **settings).eval()
    (tmp_path / "weights.pth").unlink()
    again = CNN(**model.hparams).eval()  # as load_from_checkpoint does
    again.load_state_dict(model.state_dict())
    pictures = torch.rand(2, 3, 32, 32)
    assert torch.equal(again(pictures), model(pictures))


def test_a_copy_keeps_the_order_in_memory():
    model = copy.deepcopy(CNN(**SMALL))
    assert model.network.block_2.conv_1.weight.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"image_shape": None}, "image_shape: expected channels, height and width of a picture, got nothing. Pass"),
        ({"image_shape": [28, 28]}, "image_shape: expected channels, height and width of a picture, got [28, 28]."),
        ({"image_shape": [1, 0, 8]}, "image_shape[1]: expected a whole number at least 1, got 0."),
        ({"num_classes": None}, "num_classes: expected the number of classes, got nothing."),
        ({"channels": []}, "channels: expected a list with the channels of each block"),
        ({"channels": [4] * 5}, "pool_size: expected at most 1 for the pooling of block_4, where"),
        ({"kernel_size": [3]}, "kernel_size: expected one value for all blocks, or 2"),
        ({"convolutions": 0}, "convolutions: expected a whole number at least 1, got 0."),
        ({"stride": 0}, "stride: expected a whole number at least 1, got 0."),
        ({"padding": -1}, "padding: expected a whole number at least 0, got -1."),
        ({"pool": "mean"}, "pool: expected max or average or none, got 'mean'."),
        ({"pool_size": 9}, "pool_size: expected at most 8 for the pooling of block_1, where"),
        ({"dropout": 1.0}, "dropout: expected a number at least 0 and below 1, got 1.0."),
        ({"head": "mean"}, "head: expected global_average or flatten, got 'mean'."),
        ({"hidden_sizes": [0]}, "hidden_sizes[0]: expected a whole number at least 1, got 0."),
        ({"weights": "x.pth"}, "weights: expected a file that can be read (No such file or directory), got 'x.pth'."),
        ({"l1": -1.0}, "l1: expected a number at least 0, got -1.0."),
        ({"warmup_steps": -1}, "warmup_steps: expected a whole number at least 0, got -1."),
        (
            {"architecture": "lenet5", "pool": "average"},
            "channels: expected its default with architecture 'lenet5', which has its own layers, got [4, 6]. Leave "
            "it out; where a recipe sets it: --model.channels [32,64,128] --model.pool max",
        ),
        (
            {"architecture": "lenet5", "channels": [32, 64, 128], "padding": 0, "batch_norm": False},
            "padding: expected its default with architecture 'lenet5', which has its own layers, got 0. Leave it "
            "out; where a recipe sets it: --model.padding null --model.batch_norm true",
        ),
        (
            {"architecture": "resnet18", "channels": [32, 64, 128], "weights": "x", "initializer": "normal"},
            "initializer: expected default, with weights to begin from, got 'normal'. Leave it out.",
        ),
    ],
)
def test_an_impossible_argument_is_named(arguments, message):
    with pytest.raises(ArgumentError) as caught:
        CNN(**{**SMALL, **arguments})
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"activation": "Relo"}, "Unknown activation: 'Relo'. Did you mean 'ReLU'?"),
        ({"initializer": "xavier"}, "Unknown initializer: 'xavier'. Did you mean 'xavier_"),
        ({"architecture": "lenet", "channels": [32, 64, 128]}, "Unknown architecture: 'lenet'. Did you mean 'lenet5'?"),
    ],
)
def test_an_unknown_name_gets_the_nearest(arguments, message):
    with pytest.raises(UnknownNameError) as caught:
        CNN(**{**SMALL, **arguments})
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("flags", "pools", "kernels"),
    [
        ((), ["MaxPool2d", "MaxPool2d", "MaxPool2d"], [3, 3, 3]),
        (("--model.pool=average", "--model.kernel_size=5"), ["AvgPool2d", "AvgPool2d", "AvgPool2d"], [5, 5, 5]),
        (("--model.pool=[max,none,average]", "--model.kernel_size=[7,5,3]"), ["MaxPool2d", "AvgPool2d"], [7, 5, 3]),
    ],
)
def test_flags_give_one_value_or_one_a_block(flags, pools, kernels, workplace):
    network = prepare("fit", "--model=CNN", *flags).model.network
    assert [type(block.pool).__name__ for block in network[:3] if hasattr(block, "pool")] == pools
    assert [block.conv_1.kernel_size[0] for block in network[:3]] == kernels


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--model.pool=mean", "model.pool: expected max or average or none or a list of max and average and none, got"),
        ("--model.kernel_size=big", "model.kernel_size: expected a whole number or a list of whole numbers"),
        ("--model.image_shape=[3,28,28]", "model.image_shape: expected (1, 28, 28), which FashionMNIST has, got [3"),
        ("--model.architecture=small_vg", "Unknown architecture: 'small_vg'. Did you mean 'small_vgg'?"),
        ("--model.chanels=[3]", "Unknown argument of CNN (in --model.chanels): 'chanels'. Did you mean 'channels'?"),
    ],
)
def test_a_wrong_flag_is_answered_in_one_line(flag, message, workplace):
    with pytest.raises(DlcoreError) as caught:
        prepare("fit", "--model=CNN", flag)
    assert str(caught.value).startswith(message)


def test_pictures_and_classes_come_from_the_data(workplace):
    model = prepare("fit", "--model=CNN", "--model.architecture=small_resnet").model
    assert list(model.hparams.image_shape) == [1, 28, 28]
    assert model.network.output.out_features == 10
    with pytest.raises(FitError, match="expected pictures, which this model is for, got rows of numbers"):
        prepare("fit", "--model=CNN", "--data=Table", "--data.builtin=breast_cancer")
