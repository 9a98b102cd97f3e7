"""Encoders against torch's own layers on packed sequences, and pooling against numbers worked out by hand."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from dlcore.errors import UnknownNameError
from dlcore.nn.text_encoders import ConvolutionEncoder, RecurrentEncoder, pool, within

LENGTHS = torch.tensor([3, 1, 5])
LAYERS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


@pytest.mark.parametrize("cell", LAYERS)
@pytest.mark.parametrize("num_layers", [1, 2])
def test_both_directions_are_those_of_torch_on_packed_sequences(cell, num_layers):
    torch.manual_seed(0)
    encoder = RecurrentEncoder(cell, 4, 6, num_layers, bidirectional=True)
    theirs = LAYERS[cell](4, 6, num_layers, batch_first=True, bidirectional=True)
    for number in range(num_layers):
        for ending, layers in (("", encoder.forwards), ("_reverse", encoder.backwards)):
            own = layers[number].layers[0]
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                getattr(theirs, f"{name}_l{number}{ending}").data = getattr(own, f"{name}_l0").data
    inputs = torch.randn(3, 5, 4)
    packed, end = theirs(pack_padded_sequence(inputs, LENGTHS, batch_first=True, enforce_sorted=False))
    expected, _ = pad_packed_sequence(packed, batch_first=True)
    states = encoder(inputs, LENGTHS)
    inside = within(LENGTHS, 5)
    torch.testing.assert_close(states[inside], expected[inside])
    hidden = end[0] if cell == "lstm" else end
    torch.testing.assert_close(encoder.last(states, LENGTHS), torch.cat([hidden[-2], hidden[-1]], dim=1))


def test_an_unknown_cell_is_refused():
    with pytest.raises(UnknownNameError, match="cell"):
        RecurrentEncoder("lstn", 4, 6)


def test_a_kernel_sees_its_neighbours_and_zeros_beyond_the_end():
    encoder = ConvolutionEncoder(1, 1, (1, 2, 3))
    for convolution in encoder.convolutions:
        nn.init.ones_(convolution.weight)
        nn.init.zeros_(convolution.bias)
    inputs = torch.tensor([[[1.0], [2.0], [4.0], [100.0]]])
    sums = encoder(inputs, torch.tensor([3]))[0, :3]
    assert sums.tolist() == [[1, 3, 3], [2, 6, 7], [4, 4, 6]]


def test_pooling_leaves_the_padding_out():
    features = torch.tensor([[[-1.0], [-3.0], [50.0]], [[1.0], [2.0], [6.0]]])
    lengths = torch.tensor([2, 3])
    assert pool(features, lengths, "max").tolist() == [[-1], [6]]
    assert pool(features, lengths, "mean").tolist() == [[-2], [3]]
