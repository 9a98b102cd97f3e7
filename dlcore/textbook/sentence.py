"""A sentence on its way through a recurrent network: words, indices, vectors, hidden states.

Shapes: T words, N batch, E embedding, D hidden.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from dlcore.errors import ArgumentError, check_number
from dlcore.text.dictionary import Dictionary
from dlcore.text.documents import normalize
from dlcore.text.segmentation import Segmenter
from dlcore.text.vocabulary import Vocabulary
from dlcore.textbook.demonstration import Demonstration, Table
from dlcore.tracking.figures import style

EXAMPLES = ("show sentence", "show sentence --text 我爱自然语言处理 --embedding_dim 64 --hidden_size 32")
_CHAPTERS = "北京冬奥的进度条已经过半,不少外国运动员在完成自己的比赛后踏上归途。"
_MOST_WORDS, _DRAWN = 40, 32


def sentence(
    text: str = _CHAPTERS,
    embedding_dim: int = 128,
    hidden_size: int = 256,
    seed: int = 0,
) -> Demonstration:
    """A sentence through a recurrent network: cut by jieba, indices, vectors, and one hidden state a word.

    The network reads one word after the other: hₜ = tanh(W xₜ + b + U hₜ₋₁ + c). The last column of the table is the
    greatest difference between this formula by hand and torch's own result.

    Args:
        text: The sentence, at most 40 words.
        embedding_dim: Numbers in the vector of a word (E).
        hidden_size: Numbers in the hidden state (D).
        seed: Seed of the embedding and the weights.

    Returns:
        The demonstration; its `values` are ``words``, ``indices``, ``outputs`` (T, 1, D), ``hidden`` (1, 1, D) and
        ``shapes`` of the chapter's two examples.

    Raises:
        ArgumentError: The text is empty or too long, or a number is out of range.
    """
    check_number("embedding_dim", embedding_dim, at_least=1, at_most=4096, whole=True)
    check_number("hidden_size", hidden_size, at_least=1, at_most=4096, whole=True)
    if not text.strip():
        raise ArgumentError("text", "a sentence", text)
    words = Segmenter(Dictionary(), hmm=True).cut(normalize(text))
    if not 1 <= len(words) <= _MOST_WORDS:
        raise ArgumentError("text", f"1 to {_MOST_WORDS} words", f"{len(words)} words" if words else text)
    vocabulary = Vocabulary(dict.fromkeys(words))
    indices = [vocabulary.id(word) for word in words]
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        embedding, rnn = nn.Embedding(len(vocabulary), embedding_dim), nn.RNN(embedding_dim, hidden_size)
        vectors = embedding(torch.tensor(indices))[:, None]
        outputs, hidden = rnn(vectors)
        shapes = [_shapes(rnn, *sizes) for sizes in ((1, 1), (8, 16), (len(words), 1))]
        error = (_by_hand(rnn, vectors) - outputs).abs().max().item()
    rows = [
        (str(place + 1), word, str(index), _numbers(vectors[place, 0]), _numbers(outputs[place, 0]))
        for place, (word, index) in enumerate(zip(words, indices, strict=True))
    ]
    tables = [
        Table(("t", "word", "index", f"vector x (E = {embedding_dim})", f"hidden state h (D = {hidden_size})"), rows),
        Table(
            ("input (T, N, E)", "output (T, N, D)", "last hidden state (1, N, D)"),
            shapes,
            "shapes: T words, N sentences at once",
        ),
    ]
    notes = [
        f"The vocabulary has {len(vocabulary)} words: these, and {' and '.join(vocabulary.words[:2])}.",
        f"hₜ = tanh(W xₜ + b + U hₜ₋₁ + c) by hand and torch's RNN differ by at most {error:.1g}.",
    ]
    values: dict[str, object] = {
        "words": words, "indices": indices, "outputs": outputs, "hidden": hidden, "shapes": shapes, "error": error,
    }  # fmt: skip
    return Demonstration(_figure(words, indices, vectors[:, 0], outputs[:, 0]), tables, notes, values)


def _shapes(rnn: nn.RNN, words: int, sentences: int) -> tuple[str, str, str]:
    inputs = torch.zeros(words, sentences, rnn.input_size)
    outputs, hidden = rnn(inputs)
    return tuple(str(tuple(each.shape)).replace(" ", "") for each in (inputs, outputs, hidden))  # type: ignore[return-value]


def _by_hand(rnn: nn.RNN, vectors: torch.Tensor) -> torch.Tensor:
    """Return the hidden states (T, 1, D) by the formula."""
    weights, recurrent, bias, other = (
        getattr(rnn, name) for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    )
    state, states = vectors.new_zeros(1, rnn.hidden_size), []
    for vector in vectors:
        state = torch.tanh(vector @ weights.T + bias + state @ recurrent.T + other)
        states.append(state)
    return torch.stack(states)


def _numbers(values: torch.Tensor) -> str:
    return ", ".join(f"{value:+.2f}" for value in values[:3].tolist()) + (", …" if len(values) > 3 else "")


def _figure(words: list[str], indices: list[int], vectors: torch.Tensor, states: torch.Tensor) -> Any:
    """Draw the words from left to right: word, index, vector, hidden state, each a column."""
    count = len(words)
    figure = style.new_figure(max(8.0, 0.62 * count + 1.6), 6.2)
    top, middle, bottom = figure.subplots(3, 1, height_ratios=[1.1, 2, 2], sharex=True)
    for place, (word, index) in enumerate(zip(words, indices, strict=True)):
        top.text(place, 0.72, word, ha="center", va="center", fontsize=13 if len(word) < 3 else 10, color=style.INK)
        top.text(place, 0.22, str(index), ha="center", va="center", fontsize=style.LABEL_SIZE, color=style.BLUE)
    top.set_ylim(0, 1)
    top.axis("off")
    top.set_title("words, cut by jieba, and their indices", fontsize=style.LABEL_SIZE, color=style.INK, loc="left")
    for axes, values, name in (
        (middle, vectors, "vectors x of the words"),
        (bottom, states, "hidden states h: each is made of its word's vector and the state at its left"),
    ):
        shown = values[:, :_DRAWN].T.numpy()
        most = float(abs(shown).max()) or 1.0
        axes.imshow(shown, cmap="RdBu_r", vmin=-most, vmax=most, aspect="auto")
        more = f", first {_DRAWN} of {values.shape[1]} numbers" if values.shape[1] > _DRAWN else ""
        axes.set_title(name + more, fontsize=style.LABEL_SIZE, color=style.INK, loc="left")
        axes.set_yticks([])
        axes.set_xticks(range(count), [f"t = {place + 1}" for place in range(count)], fontsize=8)
    for place in range(count - 1):
        bottom.annotate("", (place + 0.72, len(states[0][:_DRAWN]) / 2), (place + 0.28, len(states[0][:_DRAWN]) / 2),
                        arrowprops={"arrowstyle": "->", "color": style.INK, "linewidth": 0.8})  # fmt: skip
    return style.finish(figure)
