"""Networks as they are exported give the answers of the models, from the data as files have them."""

import numpy as np
import pytest
import torch
from torch import nn

from dlcore.data.tables.columns import Names, Numbers
from dlcore.data.tables.encoding import Days, Encoding, OneHot, Scale
from dlcore.export.networks import NextWord, PreparedAnswers, TableAnswers, beginning
from dlcore.models import TextRNN


@pytest.mark.parametrize("standardize", [True, False])
def test_rows_of_a_table_are_encoded_as_in_the_training(standardize):
    columns = {
        "city": OneHot(["北京", "上海", "广州"]),
        "age": Scale(40.0, 8.0),
        "constant": Scale(5.0, 0.0),
        "smokes": OneHot(["no", "yes"]),
    }
    encoding = Encoding(columns, standardize)
    nan = float("nan")
    raw = torch.tensor([[1, 48, 5, 0], [-1, nan, 7, 1], [nan, 36, nan, -1], [2, 40, 5, 1]], dtype=torch.float64)
    file = {
        "city": Names(np.array([0, 2, -1, 1]), ["上海", "广州", "深圳"]),
        "age": Numbers(np.array([48.0, nan, 36.0, 40.0])),
        "constant": Numbers(np.array([5.0, 7.0, nan, 5.0])),
        "smokes": Names(np.array([0, 2, -1, 2]), ["no", "sometimes", "yes"]),
    }
    expected = encoding.expand(encoding.encode(file)[0])
    assert torch.equal(TableAnswers(nn.Identity(), encoding)(raw), expected)
    if standardize:  # Shanghai, (48 - 40) / 8, a constant column, no
        assert expected[0].tolist() == [0, 1, 0, 1, 0, 1, 0]


@pytest.mark.parametrize("standardize", [True, False])
def test_dates_have_the_cycles_of_the_training(standardize):
    columns = {
        "smokes": OneHot(["no", "yes"]),
        "day": Days(19844.0, 100.0, "", 19700.0, (7.0, 365.2425, 1.0), None),
        "age": Scale(40.0, 8.0),
        "born": Days(9844.0, 1000.0, "", 9000.0),
    }
    encoding, nan = Encoding(columns, standardize), float("nan")
    days, born = np.array([19844.25, 19999.0, nan]), np.array([nan, 9000.0, 9999.0])
    raw = torch.tensor([[1, 19844.25, 48, nan], [0, 19999, 40, 9000], [0, nan, 36, 9999]], dtype=torch.float64)
    file = {
        "smokes": Names(np.array([1, 0, 0]), ["no", "yes"]),
        "day": Numbers(days, dates=True),
        "age": Numbers(np.array([48.0, 40.0, 36.0])),
        "born": Numbers(born, dates=True),
    }
    expected = encoding.expand(encoding.encode(file)[0])
    found = TableAnswers(nn.Identity(), encoding)(raw)
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=0)
    assert found.shape == (3, 2 + 7 + 1 + 1)
    assert expected[0, 2].item() == pytest.approx(0.0025 if standardize else 144.25)
    assert found[0, 7:9].tolist() == pytest.approx([1, 0], abs=1e-6)  # a quarter of the day


def test_pixels_are_prepared_by_the_data():
    network = PreparedAnswers(nn.Flatten(), lambda pixels: pixels.unsqueeze(1) / 255, torch.Size([2, 3]))
    pixels = torch.arange(12, dtype=torch.uint8).reshape(2, 1, 2, 3)
    assert torch.equal(network(pixels), pixels.flatten(1) / 255)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_words_one_at_a_time_give_the_scores_of_the_whole_text(cell):
    torch.manual_seed(0)
    model = TextRNN(vocab_size=20, cell=cell, embedding_dim=8, hidden_size=8, num_layers=2).eval()
    text = torch.randint(2, 20, (3, 6))
    _, *state = beginning(model, 3)
    with torch.no_grad():
        for place in range(6):
            scores, *state = NextWord(model)(text[:, place], *state)
        torch.testing.assert_close(scores, model(text)[:, -1])
