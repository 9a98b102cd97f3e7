"""Text classification: padding changes nothing, word order counts, and settings without effect are refused."""

import pytest
import torch

from dlcore.errors import ArgumentError, UnknownNameError
from dlcore.models import TextClassifier
from dlcore.text import END, UNKNOWN

KNOWN = {"vocab_size": 20, "num_classes": 3, "embedding_dim": 5, "hidden_size": 4}
FORMS = [
    *({"encoder": cell, "pooling": pooling} for cell in ("rnn", "gru", "lstm") for pooling in ("max", "mean", "last")),
    *({"encoder": "lstm", "bidirectional": True, "num_layers": 2, "pooling": way} for way in ("max", "mean", "last")),
    *({"encoder": "cnn", "pooling": pooling, "kernel_sizes": [1, 2, 5]} for pooling in ("max", "mean")),
]
TEXTS = [[5], [6, 7], [8, 9, 10, 11, 12, 13, 14], [3, 2, 0, 4]]


def padded(texts, width):
    return torch.tensor([text + [END] * (width - len(text)) for text in texts])


@pytest.mark.parametrize("form", FORMS, ids=lambda form: "-".join(map(str, form.values())))
def test_a_text_has_the_same_scores_alone_and_in_a_padded_batch(form):
    torch.manual_seed(0)
    model = TextClassifier(**form, **KNOWN).double().eval()
    together = model(padded(TEXTS, 11))
    assert together.shape == (4, 3)
    for text, scores in zip(TEXTS, together, strict=True):
        torch.testing.assert_close(model(torch.tensor([text]))[0], scores)


@pytest.mark.parametrize("form", FORMS[::3], ids=lambda form: "-".join(map(str, form.values())))
def test_the_embedding_of_padding_gets_no_gradient(form):
    model = TextClassifier(**form, **KNOWN)
    model.loss((padded(TEXTS, 9), torch.tensor([0, 1, 2, 0]))).backward()
    assert model.embedding.weight.grad[END].abs().max() == 0
    assert model.embedding.weight.grad[5].abs().max() > 0


@pytest.mark.parametrize("encoder", ["lstm", "cnn"])
def test_the_order_of_words_counts(encoder):
    model = TextClassifier(encoder, **KNOWN).eval()
    one, other = model(torch.tensor([[5, 6, 7, 8], [8, 7, 6, 5]]))
    assert (one - other).abs().max() > 1e-6


@pytest.mark.parametrize("encoder", ["gru", "cnn"])
def test_a_process_without_samples_has_a_loss_with_gradients(encoder):
    model = TextClassifier(encoder, **KNOWN)
    loss = model.loss((torch.zeros(0, 7, dtype=torch.int64), torch.zeros(0, dtype=torch.int64)))
    loss.backward()
    assert loss.item() == 0
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_word_dropout_makes_words_unknown_and_no_padding():
    model = TextClassifier(word_dropout=0.5, **KNOWN)
    seen = []
    model.embedding.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    tokens = padded([[7] * 200, [8] * 100], 200)
    model(tokens)
    model.eval()(tokens)
    assert seen[0][1, 100:].eq(END).all()
    assert 50 < seen[0][0].eq(UNKNOWN).sum() < 150
    assert seen[1].equal(tokens)


def test_an_empty_text_has_finite_scores():
    for form in FORMS:
        assert TextClassifier(**form, **KNOWN)(torch.full((2, 3), END)).isfinite().all()


def test_validation_and_test_have_the_mean_f1_of_the_classes():
    model = TextClassifier(**KNOWN)
    assert "f1" in model.val_metrics
    assert "f1" in model.test_metrics
    assert "f1" not in model.train_metrics


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"vocab_size": None}, "vocab_size: expected the number of words, got nothing"),
        ({"num_classes": None}, "num_classes: expected the number of classes, got nothing"),
        ({"encoder": "transformer"}, "encoder: expected rnn or gru or lstm or cnn, got 'transformer'"),
        ({"dropout": 1}, r"dropout: expected a number at least 0 and below 1, got 1"),
        ({"hidden_size": 0}, "hidden_size: expected a whole number at least 1"),
        ({"kernel_sizes": [3]}, r"kernel_sizes: expected nothing with encoder lstm, got \[3\]"),
        ({"encoder": "cnn", "kernel_sizes": []}, "kernel_sizes: expected at least one number of words"),
        ({"encoder": "cnn", "kernel_sizes": [0]}, r"kernel_sizes\[0\]: expected a whole number at least 1"),
        ({"encoder": "cnn", "bidirectional": True}, "bidirectional: expected false with encoder cnn"),
        ({"encoder": "cnn", "num_layers": 2}, "num_layers: expected 1 with encoder cnn"),
        ({"encoder": "cnn", "pooling": "last"}, "pooling: expected max or mean with encoder cnn"),
        ({"layer_dropout": 0.2}, "layer_dropout: expected 0 with one recurrent layer"),
        ({"class_weights": [1.0]}, "class_weights"),
    ],
)
def test_wrong_settings_are_answered_in_words(settings, message):
    with pytest.raises(ArgumentError, match=message):
        TextClassifier(**{**KNOWN, **settings})


def test_an_unknown_loss_is_refused():
    with pytest.raises(UnknownNameError, match="loss"):
        TextClassifier(loss="cross_entropi", **KNOWN)
