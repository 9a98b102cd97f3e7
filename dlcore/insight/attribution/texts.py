"""What each word of a text contributes to a class, or to the next word, and how far back a text model looks.

Shapes: P words of a text, M texts with words left out, V vocabulary, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dlcore.data.texts.words import words_of
from dlcore.errors import ArgumentError
from dlcore.insight.attribution.checks import NETWORKS, MapCheck, check_map, randomized
from dlcore.insight.attribution.trained import Sample, Trained
from dlcore.runs.text_classification import ClassifiedText, TextClassifierModel, classify, log_probabilities
from dlcore.runs.text_generation import TextModel
from dlcore.text.gradient_by_lag import gradient_by_lag, reach
from dlcore.text.network import check_finite, read_in
from dlcore.text.tokenizer import read_prompt
from dlcore.text.vocabulary import END, SPECIAL, UNKNOWN

_MOST_WORDS = 200  # of a text, the last ones
_SHOWN = 5  # next words

LogProbabilities = Callable[[list[Tensor]], Tensor]


@dataclass(frozen=True)
class TextReason:
    """What the words of a text contribute to an answer.

    Attributes:
        words: The words as they are read (P).
        contributions: By how many nats the log probability of the answer falls without each word (P,).
        answers: The most probable classes or next words, with their probabilities; the first is explained.
        check: The checks of the contributions.
        gradients: Of a text model: size of the gradient of the next word's loss by each word's embedding (P,).
        reach: Of a text model: the tokens back within which 95% of that gradient lies; None: the text is too short.
        not_read: Number of words that are not read: before the last 200, or after a classifier's max_length.
        unknown: Words that the training did not have, each once.
    """

    words: list[str]
    contributions: Tensor
    answers: dict[str, float]
    check: MapCheck
    gradients: Tensor | None = None
    reach: int | None = None
    not_read: int = 0
    unknown: Sequence[str] = ()


def explain_text(text: str, loaded: TextClassifierModel) -> tuple[TextReason, ClassifiedText]:
    """Explain the class of a text by leaving out each word (occlusion); see `dlcore.runs.classify`.

    Raises:
        ArgumentError: The text has no words.
    """
    answer = classify(text, loaded)[0]
    vocabulary = loaded.tokenizer.vocabulary
    ids = torch.tensor([vocabulary.id(word) for word in words_of(text, loaded.tokenizer)[: loaded.max_length]])
    place = loaded.class_names.index(next(iter(answer.probabilities)))

    of = partial(_of_class, place=place)
    contributions = torch.tensor(answer.contributions)
    networks = [of(randomized(loaded.model, seed)) for seed in range(NETWORKS)]
    check = _check(contributions, ids, of(loaded.model), networks)
    shares, unknown, cut_off = answer.probabilities, answer.unknown, answer.cut_off
    return TextReason(answer.words, contributions, shares, check, not_read=cut_off, unknown=unknown), answer


def explain_mistakes(trained: Trained, samples: Sequence[Sample]) -> list[TextReason]:
    """Explain the classes that a text classifier gave to samples, by leaving out each word (occlusion)."""
    words = trained.data.known_tokenizer.vocabulary.words
    networks: list[Any] = [randomized(trained.model, seed) for seed in range(NETWORKS)]
    found = []
    for sample in samples:
        ids = sample.inputs[0].cpu()
        ids = ids[ids != END]
        [logs] = log_probabilities([ids], trained.model)
        best = logs[0].exp().topk(min(_SHOWN, logs.shape[1]))
        answers = {trained.named(place): share for share, place in zip(*map(Tensor.tolist, best), strict=True)}
        of = partial(_of_class, place=int(best.indices[0]))
        contributions = _left_out(ids, of(trained.model))
        check = _check(contributions, ids, of(trained.model), list(map(of, networks)))
        found.append(TextReason([_shown(words[number]) for number in ids.tolist()], contributions, answers, check))
    return found


def _of_class(model: Any, place: int) -> LogProbabilities:
    return lambda rows: torch.cat(list(log_probabilities(rows, model)))[:, place]


def explain_next(text: str, loaded: TextModel) -> TextReason:
    """Explain the word that a text model takes for the most probable next one.

    Each word is left out in turn (occlusion); and the gradient of the next word's loss by each embedding shows how far
    back the network looks at all (`dlcore.text.gradient_by_lag`).

    Raises:
        ArgumentError: The text has no words.
        CheckpointError: The network's scores are not finite.
    """
    network: Any = loaded.model
    words = loaded.tokenizer.vocabulary.words
    prompt = read_prompt(text, loaded.tokenizer)
    device = next(loaded.model.parameters()).device
    ids = torch.tensor(prompt.ids[1:])  # the first is the end of the document before
    if not len(ids):
        raise ArgumentError("--text", "a text with at least one word", text)
    not_read, ids = max(0, len(ids) - _MOST_WORDS), ids[-_MOST_WORDS:]

    @torch.no_grad()
    def scores(model: Any, row: Tensor) -> Tensor:
        return read_in(model.scores, [[END, *row.tolist()]], device)[0][0].double().log_softmax(0).cpu()

    logs = scores(network, ids)
    check_finite(logs)
    logs[:END] = -torch.inf  # an unknown word is no answer
    best = logs.topk(min(_SHOWN, len(logs)))
    place = int(best.indices[0])

    def of(model: Any) -> LogProbabilities:
        return lambda rows: torch.stack([scores(model, row)[place] for row in rows])

    contributions = _left_out(ids, of(network))
    networks = [of(randomized(network, seed)) for seed in range(NETWORKS)]
    check = _check(contributions, ids, of(network), networks)
    whole = np.array([END, *ids.tolist(), place])
    by_lag = gradient_by_lag(loaded.model, whole, lags=len(whole), windows=1)
    gradients = torch.tensor(by_lag[: len(ids)]).flip(0)
    answers = {_shown(words[number]): float(np.exp(log)) for log, number in zip(*map(Tensor.tolist, best), strict=True)}
    return TextReason(
        [_shown(words[number]) for number in ids.tolist()],
        contributions,
        answers,
        check,
        gradients,
        reach(by_lag),
        not_read,
        list(prompt.unknown),
    )


def _shown(word: str) -> str:
    """Return a word with visible line breaks (⏎) and blanks (␣)."""
    return "□" if word == SPECIAL[UNKNOWN] else word.replace("\n", "⏎").replace(" ", "␣")


def _left_out(ids: Tensor, log_probability: LogProbabilities) -> Tensor:
    """Return by how many nats the answer falls without each word (P,)."""
    logs = log_probability([ids, *(torch.cat([ids[:place], ids[place + 1 :]]) for place in range(len(ids)))])
    return logs[0] - logs[1:]


def _check(
    contributions: Tensor, ids: Tensor, log_probability: LogProbabilities, networks: Sequence[LogProbabilities]
) -> MapCheck:
    def delete(masks: Tensor) -> Tensor:
        return log_probability([ids[~mask] for mask in masks]).exp()

    return check_map(contributions, delete, (_left_out(ids, network) for network in networks))
