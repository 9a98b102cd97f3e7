"""Convolution and pooling against numbers that can be counted by hand, and networks made of them."""

import pytest
import torch
from torch import nn

from dlcore.errors import ArgumentError
from dlcore.nn import block_settings, convolutional
from dlcore.nn.convolution import feature_map_sizes


def network(image_shape=(1, 28, 28), channels=(4,), out_features=3, *, blocks=None, **settings):
    return convolutional(image_shape, block_settings(list(channels), **(blocks or {})), out_features, **settings)


def block_with_kernels(kernels, **settings):
    """The first block, without batch norm and activation, with these kernels (K, C, F, F) and biases of zero."""
    kernels = torch.tensor(kernels)
    count, depth, size, _ = kernels.shape
    settings = {"kernel_size": size, "padding": 0, "pool": "none"} | settings
    made = network((depth, 6, 6), [count], blocks=settings, batch_norm=False, activation="identity").block_1
    with torch.no_grad():
        made.conv_1.weight.copy_(kernels)
        made.conv_1.bias.zero_()
    return made


STEP = torch.tensor([[0.0, 0.0, 0.0, 9.0, 9.0, 9.0]] * 6)[None, None]  # dark on the left, light on the right
SOBEL = [[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]


def test_an_edge_kernel_answers_where_the_edge_is():
    # Over the step: 1·9 + 2·9 + 1·9 = 36 in the two places whose window holds it; torch does not turn the kernel round.
    assert block_with_kernels([[SOBEL]])(STEP).tolist() == [[[[0.0, 36.0, 36.0, 0.0]] * 4]]
    lying = torch.tensor(SOBEL).T.tolist()
    assert not block_with_kernels([[lying]])(STEP).any()


def test_padding_sees_the_border_as_an_edge_to_black():
    answer = block_with_kernels([[SOBEL]], padding=1)(STEP)[0, 0]
    assert answer.shape == (6, 6)
    assert answer[2].tolist() == [0.0, 0.0, 36.0, 36.0, 0.0, -36.0]
    assert answer[0].tolist() == [0.0, 0.0, 27.0, 27.0, 0.0, -27.0]  # the row above is black


def test_stride_takes_every_second_place():
    assert block_with_kernels([[SOBEL]], stride=2)(STEP).tolist() == [[[[0.0, 36.0]] * 2]]


def test_channels_are_added_up_and_each_kernel_makes_a_map_of_its_own():
    picture = torch.cat([STEP, 2 * STEP, torch.ones_like(STEP)], dim=1)
    nothing, middle = [[0.0] * 3] * 3, [[0.0] * 3, [0.0, 5.0, 0.0], [0.0] * 3]
    answer = block_with_kernels([[SOBEL, SOBEL, nothing], [nothing, nothing, middle]])(picture)
    assert answer.shape == (1, 2, 4, 4)
    assert answer[0, 0, 0].tolist() == [0.0, 108.0, 108.0, 0.0]
    assert answer[0, 1].unique().tolist() == [5.0]


@pytest.mark.parametrize(
    ("pool", "expected"), [("max", [[6.0, 8.0], [14.0, 16.0]]), ("average", [[3.5, 5.5], [11.5, 13.5]])]
)
def test_pooling_by_hand(pool, expected):
    picture = torch.arange(1.0, 17.0).reshape(1, 1, 4, 4)
    made = network((1, 4, 4), [1], blocks={"pool": pool}).block_1
    assert made.pool(picture)[0, 0].tolist() == expected


def test_with_global_average_pooling_the_answer_does_not_depend_on_the_place():
    torch.manual_seed(0)
    anywhere = network((1, 32, 32), [4, 8], blocks={"pool": "none"}, batch_norm=False).eval()
    dependent = network((1, 32, 32), [4, 8], blocks={"pool": "none"}, batch_norm=False, head="flatten").eval()
    shape = torch.rand(1, 1, 8, 8)
    pictures = torch.zeros(3, 1, 32, 32)
    for number, (top, left) in enumerate([(4, 4), (17, 9), (11, 20)]):
        pictures[number, :, top : top + 8, left : left + 8] = shape
    answers = anywhere(pictures)
    torch.testing.assert_close(answers, answers[:1].expand_as(answers))
    assert not torch.allclose(dependent(pictures)[0], dependent(pictures)[1], atol=1e-3)


def test_equals_a_sequential_written_by_hand_with_the_same_weights():
    made = network((3, 16, 12), [4, 6], 5, blocks={"convolutions": [2, 1], "pool": ["max", "average"]},
                   head="flatten", hidden_sizes=[7], activation="Tanh")  # fmt: skip
    by_hand = nn.Sequential(
        *(nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.Tanh()),
        *(nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.Tanh(), nn.MaxPool2d(2)),
        *(nn.Conv2d(4, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6), nn.Tanh(), nn.AvgPool2d(2)),
        *(nn.Flatten(), nn.Linear(6 * 4 * 3, 7, bias=False), nn.BatchNorm1d(7), nn.Tanh(), nn.Linear(7, 5)),
    )
    for own, copy in zip(made.parameters(), by_hand.parameters(), strict=True):
        copy.data.copy_(own.data)
    pictures = torch.rand(4, 3, 16, 12)
    assert torch.equal(made(pictures), by_hand(pictures))


def test_names_its_layers_and_keeps_their_order():
    made = network(channels=[4, 8], blocks={"pool": ["max", "none"]}, dropout=0.1)
    names = [name for name, module in made.named_modules() if not any(True for _ in module.children())]
    assert names == [
        *("block_1.conv_1", "block_1.batch_norm_1", "block_1.activation_1", "block_1.pool", "block_1.dropout"),
        *("block_2.conv_1", "block_2.batch_norm_1", "block_2.activation_1", "block_2.dropout"),
        *("global_average", "flatten", "output"),
    ]
    assert made.block_1.conv_1.bias is None
    assert network(batch_norm=False).block_1.conv_1.bias is not None


def test_the_stride_is_that_of_a_blocks_first_convolution():
    made = network(blocks={"convolutions": 3, "stride": 2})
    assert [made.block_1.get_submodule(f"conv_{n}").stride[0] for n in (1, 2, 3)] == [2, 1, 1]


def test_sizes_that_are_foretold_are_measured():
    settings = {"kernel_size": [5, 3], "stride": [2, 1], "padding": [0, 1], "convolutions": [1, 2], "pool_size": [3, 2]}
    blocks = block_settings([2, 3], **settings)
    foretold = feature_map_sizes((1, 37, 30), blocks)
    measured = [(37, 30)]
    made = convolutional((1, 37, 30), blocks, 2)
    for layer in made.modules():
        if isinstance(layer, nn.Conv2d | nn.MaxPool2d):
            layer.register_forward_hook(lambda layer, args, output: measured.append(tuple(output.shape[2:])))
    made.eval()(torch.zeros(1, 1, 37, 30))
    assert foretold == measured == [(37, 30), (17, 13), (5, 4), (5, 4), (5, 4), (2, 2)]


def test_one_value_is_for_all_blocks_and_a_list_has_one_a_block():
    first, second = block_settings([2, 3], kernel_size=[5, 4], pool=["none", "average"])
    assert (first.kernel_size, first.padding, first.pool, first.stride) == (5, 2, "none", 1)
    assert (second.kernel_size, second.padding, second.pool, second.channels) == (4, 1, "average", 3)


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ({"channels": []}, "channels: expected a list with the channels of each block, as in [32, 64], got []."),
        ({"channels": 8}, "channels: expected a list with the channels of each block, as in [32, 64], got 8."),
        ({"channels": [4, 0]}, "channels[1]: expected a whole number at least 1, got 0."),
        (
            {"kernel_size": [3]},
            "kernel_size: expected one value for all blocks, or 2, one a block of channels, got [3].",
        ),
        ({"kernel_size": [3, 0]}, "kernel_size[1]: expected a whole number at least 1, got 0."),
        ({"kernel_size": 2.5}, "kernel_size: expected a whole number at least 1, got 2.5."),
        ({"kernel_size": "3"}, "kernel_size: expected a whole number at least 1, got '3'."),
        ({"convolutions": 0}, "convolutions: expected a whole number at least 1, got 0."),
        ({"stride": [1, -1]}, "stride[1]: expected a whole number at least 1, got -1."),
        ({"padding": -1}, "padding: expected a whole number at least 0, got -1."),
        ({"pool": "mean"}, "pool: expected max or average or none, got 'mean'."),
        ({"pool": ["max", "min"]}, "pool[1]: expected max or average or none, got 'min'."),
        ({"pool_size": True}, "pool_size: expected a whole number at least 1, got True."),
    ],
)
def test_an_impossible_block_is_named(blocks, message):
    with pytest.raises(ArgumentError) as caught:
        block_settings(**{"channels": [4, 8], **blocks})
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"head": "max"}, "head: expected global_average or flatten, got 'max'."),
        ({"dropout": 1.0}, "dropout: expected a number at least 0 and below 1, got 1.0."),
        (
            {"channels": [4] * 4, "image_shape": (1, 9, 13)},
            "pool_size: expected at most 1 for the pooling of block_4, where the picture has become 1 × 1 (sizes so "
            "far: 9 × 13 → 9 × 13 → 4 × 6 → 4 × 6 → 2 × 3 → 2 × 3 → 1 × 1 → 1 × 1), got 2. Use fewer blocks",
        ),
        (
            {"image_shape": (1, 5, 40), "blocks": {"kernel_size": 9, "padding": 1}},
            "kernel_size: expected at most 7 for conv_1 of block_1, where the picture has become 5 × 40 and is padded "
            "by 1 (sizes so far: 5 × 40), got 9.",
        ),
    ],
)
def test_an_impossible_network_is_named(settings, message):
    with pytest.raises(ArgumentError) as caught:
        network(**settings)
    assert str(caught.value).startswith(message)
