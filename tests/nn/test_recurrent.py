"""Recurrent layers: the lesson's shapes and formula, and dropout that drops what it says."""

import pytest
import torch
from torch import nn

from dlcore.errors import UnknownNameError
from dlcore.nn import LockedDropout, Recurrent, drop_words, dropped_weights


@pytest.mark.parametrize(("time", "batch"), [(1, 1), (8, 16)])
def test_the_lessons_shapes(time, batch):
    # The lesson counts (sequence, batch, input), as torch does by default.
    torch.manual_seed(0)
    lesson = nn.RNN(128, 256)
    outputs, hidden = lesson(words := torch.randn(time, batch, 128))
    assert outputs.shape == (time, batch, 256)
    assert hidden.shape == (1, batch, 256)
    own = Recurrent("rnn", 128, 256)
    own.layers[0].load_state_dict(lesson.state_dict())
    found, (state,) = own(words.transpose(0, 1))
    assert found.shape == (batch, time, 256)
    torch.testing.assert_close(found.transpose(0, 1), outputs)
    torch.testing.assert_close(state, hidden)


def test_the_formula_by_hand():
    torch.manual_seed(0)
    network = Recurrent("rnn", 3, 2)
    words = torch.randn(1, 4, 3)
    outputs, (state,) = network(words)
    w, u, b, c = network.layers[0].parameters()
    hidden = torch.zeros(2)
    for step in range(4):
        hidden = torch.tanh(w @ words[0, step] + b + u @ hidden + c)
        torch.testing.assert_close(outputs[0, step], hidden)
    torch.testing.assert_close(state[0, 0], hidden)


@pytest.mark.parametrize(("cell", "parts"), [("rnn", 1), ("gru", 1), ("lstm", 2)])
def test_two_pieces_are_one_long_pass(cell, parts):
    torch.manual_seed(0)
    network = Recurrent(cell, 3, 5, num_layers=2)
    inputs = torch.randn(2, 7, 3)
    whole, end = network(inputs)
    first, state = network(inputs[:, :3])
    second, last = network(inputs[:, 3:], state)
    torch.testing.assert_close(torch.cat([first, second], dim=1), whole)
    assert [part.shape for part in last] == [(2, 2, 5)] * parts
    torch.testing.assert_close(last, end)


def test_layers_are_those_of_torchs_own_stack():
    torch.manual_seed(0)
    stack = nn.LSTM(3, 5, num_layers=2, batch_first=True)
    network = Recurrent("lstm", 3, 5, num_layers=2)
    for own, parameter in zip(network.parameters(), stack.parameters(), strict=True):
        own.data.copy_(parameter)
    inputs = torch.randn(2, 7, 3)
    expected, (h, c) = stack(inputs)
    found, state = network(inputs)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(state, (h, c))


def test_an_unknown_cell_is_named():
    with pytest.raises(UnknownNameError, match="Did you mean 'lstm'"):
        Recurrent("lstn", 3, 2)


def test_locked_dropout_drops_the_same_at_all_times_and_other_things_in_each_sequence():
    torch.manual_seed(0)
    dropout = LockedDropout(0.25)
    dropped = dropout(torch.ones(50, 9, 200))
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))
    assert not torch.equal(dropped[0], dropped[1])
    assert sorted(dropped.unique().tolist()) == [0.0, pytest.approx(4 / 3)]
    assert (dropped == 0).float().mean().item() == pytest.approx(0.25, abs=0.02)
    sequences = torch.randn(2, 3, 4)
    assert dropout.eval()(sequences) is sequences


def test_a_dropped_word_is_dropped_wherever_it_stands():
    torch.manual_seed(0)
    tokens = torch.arange(100).repeat(2, 3)
    dropped = drop_words(torch.ones(2, 300, 4), tokens, vocab_size=100, p=0.5)
    by_word = dropped.view(2, 3, 100, 4)
    assert torch.equal(by_word, by_word[:1, :1, :, :1].expand_as(by_word))
    assert set(dropped.unique().tolist()) == {0.0, 2.0}


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_weight_drop_drops_in_training_and_not_in_evaluation(cell):
    torch.manual_seed(0)
    network = Recurrent(cell, 3, 8, num_layers=2, weight_drop=0.5)
    inputs = torch.randn(2, 6, 3)
    assert not torch.equal(network(inputs)[0], network(inputs)[0])
    network.eval()
    assert torch.equal(network(inputs)[0], network(inputs)[0])
    plain = Recurrent(cell, 3, 8, num_layers=2)
    plain.load_state_dict(network.state_dict())
    assert torch.equal(network(inputs)[0], plain(inputs)[0])


def test_what_is_dropped_are_weights_between_states():
    # The first step, which has no state before it, uses none of them; the second does.
    torch.manual_seed(0)
    network = Recurrent("lstm", 3, 8, weight_drop=0.5)
    inputs = torch.randn(1, 2, 3)
    first, second = network(inputs)[0], network(inputs)[0]
    assert torch.equal(first[:, 0], second[:, 0])
    assert not torch.equal(first[:, 1], second[:, 1])


def test_all_weights_between_states_learn_but_the_dropped_ones():
    torch.manual_seed(0)
    layer = nn.LSTM(3, 20, batch_first=True)
    with dropped_weights(layer, 0.5):
        outputs, _ = layer(torch.randn(4, 6, 3))
    outputs.square().sum().backward()
    assert (layer.weight_hh_l0.grad == 0).float().mean().item() == pytest.approx(0.5, abs=0.05)
    assert (layer.weight_ih_l0.grad != 0).all()
    assert layer._flat_weights[1] is layer.weight_hh_l0
