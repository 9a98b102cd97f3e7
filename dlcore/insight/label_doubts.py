"""Training labels that a recipe's model doubts, by cross-validation or with a checkpoint.

Shapes: N samples, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Trainer

from dlcore.callbacks.logged_figures import class_numbers
from dlcore.data import Split
from dlcore.errors import FitError, NotFiniteError
from dlcore.evaluation.label_errors import LabelErrors, find_label_errors
from dlcore.insight.short_training import read_data
from dlcore.lightning_compat import callbacks_of
from dlcore.nn import Binary, Multiclass
from dlcore.runs import Command
from dlcore.runs.batch_size import BatchNormCheck
from dlcore.runs.evaluation_files import class_names


@dataclass(frozen=True)
class LabelDoubts:
    """Training samples whose label is doubted.

    Attributes:
        errors: The doubted, the most doubted first.
        probabilities: Probabilities of the samples (N, K).
        labels: Their given labels (N,).
        indices: Index of each sample in the data (N,).
        class_names: Names of the classes (K).
        accuracy: Share of the samples whose label has the highest probability.
        part: The training part, all of it.
    """

    errors: LabelErrors
    probabilities: np.ndarray
    labels: np.ndarray
    indices: np.ndarray
    class_names: list[str]
    accuracy: float
    part: Split


def doubted_labels(
    make: Callable[[], Command], folds: int, tell: Callable[[int], object] = lambda fold: None
) -> LabelDoubts:
    """Find the doubted labels of a recipe's training samples.

    Args:
        make: Prepares the recipe's command anew: its model with initial weights, or with those of a checkpoint.
        folds: Parts of the cross-validation: each is judged by a model that is trained on the others. 0: the model as
            prepared judges all.
        tell: Called with the number of each fold, from 1, before its training.

    Raises:
        FitError: The model is no classifier, or the data are not samples in memory with labels.
        NotFiniteError: Probabilities are NaN.
    """
    command = make()
    data: Any = command.datamodule
    if not isinstance(getattr(command.model, "task", None), Binary | Multiclass):
        name = type(command.model).__name__
        raise FitError(f"mistakes: expected one of dlcore's classifiers, got {name}. For example: -c mlp_fashion_mnist")
    read_data(data)
    part = getattr(data, "parts", {}).get("train")
    if not isinstance(part, Split):
        raise FitError(
            f"mistakes: expected data in memory with labels, got {type(data).__name__}. For example: --data Table"
        )
    labels = class_numbers(part.targets[part.indices]).numpy()
    part = replace(part, indices=part.indices[torch.from_numpy(labels >= 0)])
    labels = labels[labels >= 0]
    found = np.full((len(labels), command.model.task.num_classes), np.nan)
    parts = dict(data.parts)
    for number, (rest, held) in enumerate(_folds(labels, folds)):
        if number:
            command = make()
        own = replace(part, indices=part.indices[torch.from_numpy(held)])
        data.parts = {
            **parts,
            "train": replace(part, indices=part.indices[torch.from_numpy(rest)]),
            "val": own,
            "test": own,
        }
        trainer = _quiet(command.trainer)
        if folds:
            tell(number + 1)
            trainer.fit(command.model, datamodule=data)
        answers: Any = trainer.predict(command.model, datamodule=data)
        found[held] = torch.cat(answers).double().cpu().numpy()
    data.parts = parts
    if not np.isfinite(found).all():
        raise NotFiniteError("mistakes: the probabilities are NaN: the training diverged. See: python -m dlcore check")
    names = class_names(command) or []
    right = float((found.argmax(axis=1) == labels).mean())
    return LabelDoubts(find_label_errors(found, labels), found, labels, part.indices.numpy(), names, right, part)


def _folds(labels: np.ndarray, folds: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the places to train on and to judge, of each fold; large enough classes are spread evenly."""
    from sklearn.model_selection import KFold, StratifiedKFold

    places = np.arange(len(labels))
    if not folds:
        return [(places, places)]
    if len(labels) < folds:
        raise FitError(f"mistakes: expected at least {folds} training samples, got {len(labels)}: --folds {folds}.")
    sizes = np.bincount(labels)
    kind = StratifiedKFold if sizes[sizes > 0].min() >= folds else KFold
    return list(kind(folds, shuffle=True, random_state=0).split(places, labels))


def _quiet(trainer: Trainer) -> Trainer:
    """Let a trainer train without validation, logging and checkpoints."""
    vars(trainer)["callbacks"] = [each for each in callbacks_of(trainer) if isinstance(each, BatchNormCheck)]
    trainer.loggers = []
    trainer.limit_val_batches, trainer.num_sanity_val_steps = 0, 0
    return trainer


def table_rows(doubts: LabelDoubts, most: int | None = None) -> tuple[list[str], list[Sequence[str]]]:
    """Return the doubted samples as heads and rows: index, name, given and likely label with their probabilities.

    Args:
        doubts: The doubted labels.
        most: Most rows; None: all.
    """
    names = doubts.part.names
    heads = ["index", *(["sample"] if names is not None else []), "given", "probability of it", "likely", "of this"]
    rows: list[Sequence[str]] = []
    for place, likely in list(zip(doubts.errors.places.tolist(), doubts.errors.likely.tolist(), strict=True))[:most]:
        index, given, shares = int(doubts.indices[place]), int(doubts.labels[place]), doubts.probabilities[place]
        sample = [] if names is None else [str(names[index])]
        pairs = [text for label in (given, likely) for text in (doubts.class_names[label], f"{shares[label]:.4f}")]
        rows.append([str(index), *sample, *pairs])
    return heads, rows
