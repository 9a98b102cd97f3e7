"""Networks by name, with their known numbers of parameters."""

import pytest
import torch
from torch import nn
from torchvision import models

from dlcore.errors import ArgumentError, UnknownNameError
from dlcore.nn import ResidualBlock, architecture_names, make_architecture, residual_network


def parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    ("text", "image_shape", "count"),
    [
        # LeCun et al. 1998 with full connections and pooling that learns nothing: 156 + 2,416 + 48,120 + 10,164 + 850.
        ("lenet5", (1, 32, 32), 61_706),
        ("lenet5", (1, 28, 28), 61_706),
        # He et al. 2015, table 6: ResNet-20 0.27M, ResNet-32 0.46M, ResNet-44 0.66M, ResNet-56 0.85M.
        ("small_resnet", (3, 32, 32), 269_722),
        ("small_resnet(blocks=5)", (3, 32, 32), 464_154),
        ("small_resnet(blocks=7)", (3, 32, 32), 658_586),
        ("small_resnet(blocks=9)", (3, 32, 32), 853_018),
        # 288 + 9,216 + 18,432 + 36,864 + 73,728 + 147,456 weights, twice 2·(32 + 64 + 128) scales and offsets, 1,290.
        ("small_vgg", (1, 28, 28), 288_170),
    ],
)
def test_has_the_known_number_of_parameters(text, image_shape, count):
    network = make_architecture(text, image_shape, 10)
    assert parameters(network) == count
    assert network.eval()(torch.zeros(2, *image_shape)).shape == (2, 10)


def test_lenet5_gets_the_papers_feature_maps():
    network = make_architecture("lenet5", (1, 32, 32), 10, activation="Tanh")
    picture = torch.zeros(1, 1, 32, 32)
    shapes = []
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.AvgPool2d):
            layer.register_forward_hook(lambda layer, args, output: shapes.append(tuple(output.shape[1:])))
    network(picture)
    assert shapes == [(6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 5, 5)]
    assert isinstance(network.block_1.activation_1, nn.Tanh)


def test_a_residual_block_that_says_nothing_passes_its_input_on():
    block = ResidualBlock(2, 2).eval()
    nn.init.zeros_(block.batch_norm_2.weight)
    picture = torch.rand(1, 2, 5, 5)
    assert torch.equal(block(picture), picture)


def test_a_residual_block_that_grows_takes_every_second_pixel_and_adds_empty_channels():
    block = ResidualBlock(2, 4, stride=2).eval()
    nn.init.zeros_(block.batch_norm_2.weight)
    picture = torch.rand(1, 2, 5, 5)
    answer = block(picture)
    assert answer.shape == (1, 4, 3, 3)
    assert torch.equal(answer[:, 1:3], picture[:, :, ::2, ::2])
    assert not answer[:, [0, 3]].any()


def test_arguments_in_brackets_and_settings_reach_the_network():
    network = make_architecture("small_resnet(1, width=8)", (3, 20, 30), 4, activation="GELU", dropout=0.5)
    assert parameters(network) == parameters(residual_network(3, 4, blocks=1, width=8))
    assert network(torch.zeros(2, 3, 20, 30)).shape == (2, 4)
    assert isinstance(network.activation, nn.GELU)
    assert network.dropout.p == 0.5
    assert make_architecture("small_vgg(width=8)", (1, 28, 28), 10).block_1.conv_1.out_channels == 8


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "squeezenet1_1", "vgg11", "shufflenet_v2_x0_5"])
def test_torchvisions_networks_are_fitted_to_channels_and_classes(name):
    network = make_architecture(name, (1, 64, 48), 7)
    assert network.eval()(torch.zeros(2, 1, 64, 48)).shape == (2, 7)


@pytest.mark.parametrize(("name", "size"), [("googlenet", 64), ("inception_v3", 96)])
def test_networks_with_outputs_at_their_side_give_one(name, size):
    network = make_architecture(name, (3, size, size), 4)
    assert torch.is_tensor(network(torch.rand(2, 3, size, size)))


def test_a_file_gives_all_weights_but_those_of_other_classes(tmp_path):
    original = models.resnet18(weights=None)
    torch.save(original.state_dict(), tmp_path / "weights.pth")
    network = make_architecture("resnet18", (3, 64, 64), 5, weights=str(tmp_path / "weights.pth")).eval()
    original.fc = network.fc
    pictures = torch.rand(2, 3, 64, 64)
    assert network.fc.out_features == 5
    assert torch.equal(network(pictures), original.eval()(pictures))


def test_a_grey_picture_gives_what_it_gave_in_three_equal_colours(tmp_path):
    original = models.resnet18(weights=None, num_classes=6)
    torch.save(original.state_dict(), tmp_path / "weights.pth")
    network = make_architecture("resnet18", (1, 64, 64), 6, weights=str(tmp_path / "weights.pth")).eval()
    grey = torch.rand(2, 1, 64, 64)
    torch.testing.assert_close(network(grey), original.eval()(grey.expand(2, 3, 64, 64)), rtol=1e-4, atol=1e-4)


class NotPlain:
    pass


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "weights: expected a file that can be read (No such file or directory), got "),
        (b"no weights", "weights: expected a file with a state dict: names and tensors, got "),
        (b"", "weights: expected a file with a state dict: names and tensors, got "),
        ([1, 2], "weights: expected a file with a state dict: names and tensors, got "),
        ({"module": NotPlain()}, "weights: expected a file with a state dict: names and tensors, got "),
        ({"x": torch.zeros(2)}, "weights: expected a file with weights of resnet18, whose conv1.weight has shape "),
    ],
)
def test_a_file_without_such_weights_is_named(content, message, tmp_path):
    path = tmp_path / "weights.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(ArgumentError) as caught:
        make_architecture("resnet18", (3, 64, 64), 5, weights=str(path))
    assert str(caught.value).startswith(message)


def test_weights_of_another_network_are_refused(tmp_path):
    torch.save(models.resnet34(weights=None).state_dict(), tmp_path / "weights.pth")
    with pytest.raises(ArgumentError, match=r"weights of resnet18, which has no layer1\.2"):
        make_architecture("resnet18", (3, 64, 64), 5, weights=str(tmp_path / "weights.pth"))


def test_the_names_are_dlcores_then_torchvisions():
    names = architecture_names()
    assert names[:3] == ["lenet5", "small_vgg", "small_resnet"]
    assert {"resnet18", "vgg16", "convnext_tiny"} <= set(names)
    assert not any(name.startswith(("fcn", "quantized", "r3d", "fasterrcnn")) for name in names)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"text": "small_vgg(width=0)"}, "architecture.width: expected a whole number at least 1, got 0."),
        ({"text": "small_resnet(blocks=1.5)"}, "architecture.blocks: expected a whole number at least 1, got 1.5."),
        ({"text": "lenet5(width=3)"}, "architecture: expected lenet5 without arguments, got 'lenet5(width=3)'."),
        ({"text": "lenet5", "weights": "x.pth"}, "weights: expected a file that can be read (No such file"),
        ({"text": "resnet18", "dropout": 0.5}, "dropout: expected its default, 0.0: resnet18 has its own, got 0.5."),
        ({"text": "resnet18", "activation": "Tanh"}, "activation: expected its default, ReLU: resnet18 has its own"),
        ({"text": "lenet5", "image_shape": (1, 12, 12)}, "kernel_size: expected at most 4 for conv_1 of block_2, "),
        ({"text": "vgg11", "image_shape": (3, 16, 16)}, "image_shape: expected pictures of a size that vgg11 takes ("),
        ({"text": "vit_b_16"}, "image_shape: expected pictures of a size that vit_b_16 takes ("),
    ],
)
def test_what_does_not_go_with_a_network_is_named(arguments, message):
    with pytest.raises(ArgumentError) as caught:
        make_architecture(**{"image_shape": (3, 64, 64), "out_features": 10, **arguments})
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("small_resnt", "Unknown architecture: 'small_resnt'. Did you mean 'small_resnet'?"),
        ("resnet19", "Unknown architecture: 'resnet19'. Did you mean 'resnet1"),
        ("small_vgg(widht=3)", "Unknown argument of small_vgg (in architecture): 'widht'. Did you mean 'width'?"),
    ],
)
def test_an_unknown_name_gets_the_nearest(text, message):
    with pytest.raises(UnknownNameError) as caught:
        make_architecture(text, (3, 64, 64), 10)
    assert str(caught.value).startswith(message)
