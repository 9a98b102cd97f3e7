"""Predictions as a CSV file that any program opens."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from dlcore.callbacks.data_facts import data_facts
from dlcore.configs.plain_text import csv_cell
from dlcore.errors import FitError
from dlcore.nn import LanguageModeling
from dlcore.runs.folder import run_of_checkpoint
from dlcore.runs.other_data import class_names, output_files, remember
from dlcore.runs.text_predictions import write_documents
from dlcore.tracking.run_file import replacing

if TYPE_CHECKING:
    from dlcore.runs.command import Command


def write_predictions(command: Command) -> tuple[Path, int]:
    """Write the answers of ``predict``, a row each.

    The columns: ``index``, the sample's place in the data, from 0; ``file``, where samples are files; of a classifier
    ``predicted``, ``probability of`` each class and, where it is known, ``target``; of a regression ``predicted NAME``
    and, where it is known, ``NAME``. Of a text model, a row a document (`write_documents`).

    A name that a spreadsheet would take for a formula has an apostrophe before it (`csv_cell`).

    Args:
        command: The command, after its work.

    Returns:
        The file, ``predictions.csv`` (of other data by flag: ``predictions_NAME.csv``; of a
        pattern or a list ``predictions_other.csv``) in the checkpoint's run folder (in the working folder when it lies
        in none, or in one that may only be read), and the number of its rows. A file of another evaluation is left as
        it is (`output_files`).
    """
    folder = run_of_checkpoint(command.settings.checkpoint_path)
    if folder is None or not os.access(folder, os.W_OK):
        folder = Path()
    (path,) = output_files(command, folder, "predictions.csv")
    rows = _write(command, path)
    remember(command, [path])
    return path, rows


def _write(command: Command, path: Path) -> int:
    if isinstance(getattr(command.model, "task", None), LanguageModeling):
        data = command.datamodule
        firsts = data.predict_dataloader().first_documents
        return write_documents(path, command.output, data.vocabulary.text, firsts)
    answers = _answers(command)
    facts = data_facts(command.datamodule)
    names = class_names(command)
    part: Any = getattr(command.datamodule, "parts", {}).get("test")
    indices = part.indices[: len(answers)] if part is not None else torch.arange(len(answers))
    targets = _targets(part.targets[indices], names) if part is not None else []
    if names is None:
        header, known = _regression_header(facts.get("target_name"), answers.shape[1])
        columns = _numbers(answers)
    else:
        header, known = ["predicted", *(f"probability of {name}" for name in names)], ["target"]
        best = answers.argmax(dim=1).tolist()
        columns = [
            [csv_cell(names[winner]), *(f"{value:.6f}" for value in row)]
            for winner, row in zip(best, answers.tolist(), strict=True)
        ]
    if not any(any(row) for row in targets):  # new rows, whose answers nobody knows
        known, targets = [], []
    with replacing(path) as file:
        writer = csv.writer(file)
        files = getattr(part, "names", None)
        writer.writerow(map(csv_cell, ["index", *(["file"] if files else []), *header, *known]))
        for number, index in enumerate(indices.tolist()):
            writer.writerow(
                [
                    *(index, *([csv_cell(files[index])] if files else [])),
                    *(*columns[number], *(targets[number] if targets else [])),
                ]
            )
    return len(answers)


def _answers(command: Command) -> Tensor:
    """What the model answered to each sample, a row each.

    Raises:
        FitError: A model of the user's own answers in another form.
    """
    outputs = list(command.output)
    if all(isinstance(each, Tensor) and each.ndim == 2 for each in outputs):
        return torch.cat(outputs).float().cpu()
    raise FitError(
        f"predict: expected of {type(command.model).__name__}.predict_step a tensor (N, K) for each batch, a row a "
        f"sample, got {type(outputs[0]).__name__}"
        f"{f' of shape {tuple(outputs[0].shape)}' if isinstance(outputs[0], Tensor) else ''}: no table can be made of "
        'it. In Python it is there as it came: dlcore.runs.predict("--ckpt_path", …).output'
    )


def _regression_header(name: str | None, outputs: int) -> tuple[list[str], list[str]]:
    """Names of the columns of answers and of targets."""
    if outputs == 1 and name:
        return [f"predicted {name}"], [name]
    return [f"predicted_{number}" for number in range(outputs)], [f"target_{number}" for number in range(outputs)]


def _targets(targets: Tensor, names: list[str] | None) -> list[list[str]]:
    """The targets as they are written; empty where one is not known (a class below 0, a NaN)."""
    if names is not None:
        return [[csv_cell(names[target]) if target >= 0 else ""] for target in targets.tolist()]
    return _numbers(targets.reshape(len(targets), -1))


def _numbers(values: Tensor) -> list[list[str]]:
    """The shortest text that gives each number again."""
    text = values.numpy().astype(str)
    text[values.isnan().numpy()] = ""
    return text.tolist()
