"""Predictions of a trained model as a table: a row for each sample, or for each document."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from lightning.pytorch.utilities import move_data_to_device
from torch import Tensor

from dlcore.callbacks.data_facts import data_facts
from dlcore.nn import LanguageModeling
from dlcore.nn.metrics import SPELLING_BITS
from dlcore.plain_text import csv_cell
from dlcore.runs.evaluation_files import class_names, output_files, remember
from dlcore.runs.folder import run_of_checkpoint
from dlcore.runs.prediction_rows import ending_of, read_back, write_beside
from dlcore.text import END, UNKNOWN
from dlcore.tracking.run_file import replace_file, replacing

if TYPE_CHECKING:
    from dlcore.runs.command import Command
    from dlcore.runs.decision import Decision

_ROWS = 10_000  # that are written together: all would fill the memory
_LONGEST = 40  # characters of a document's first line to write


def write_predictions(command: Command) -> tuple[Path, int]:
    """Write the predictions of ``predict``, one row per sample.

    The columns: ``index``, the sample's index in the data, from 0; ``file`` or ``text``, if samples are that; of new
    rows of a table all columns of their file, as they came; for a classifier ``predicted`` (by the checkpoint's
    threshold, if it has one), ``probability of`` each class and, if known, ``target``; for a regression ``predicted
    NAME`` and, if known, ``NAME``. For a text model, one row per document (`write_documents`).

    Predictions that are not one row per sample are saved unchanged, as a list of batches, in ``predictions.pt``
    (``torch.load`` reads it).

    A name that a spreadsheet would take for a formula gets an apostrophe before it (`csv_cell`).

    Returns:
        The file and the number of its rows. The file is ``predictions.csv``, for new rows of a spreadsheet
        ``predictions_NAME.xlsx``, of a Parquet file ``predictions_NAME.parquet`` (other data by flag:
        ``predictions_NAME.csv``; a pattern or a list: ``predictions_other.csv``) in the checkpoint's run folder, or in
        the working folder if there is none or it is read-only. A file of another evaluation is not replaced
        (`output_files`).
    """
    folder = run_of_checkpoint(command.settings.checkpoint_path)
    if folder is None or not os.access(folder, os.W_OK):
        folder = Path()
    if not is_table(command):
        (path,) = output_files(command, folder, "predictions.pt")
        content = io.BytesIO()
        torch.save(move_data_to_device(list(command.output), torch.device("cpu")), content)
        replace_file(path, content.getvalue())
        remember(command, [path])
        return path, len(command.output)
    given = getattr(command.datamodule, "new_rows", None)
    ending = ".csv" if given is None else ending_of(given.path)
    (path,) = output_files(command, folder, f"predictions{ending}")
    rows = _write(command, path)
    remember(command, [path])
    return path, rows


def _write(command: Command, path: Path) -> int:
    if isinstance(getattr(command.model, "task", None), LanguageModeling):
        data = command.datamodule
        firsts = data.predict_dataloader().first_documents
        return write_documents(path, command.output, data.vocabulary.text, firsts)
    answers = torch.cat(list(command.output)).float().cpu()
    facts = data_facts(command.datamodule)
    names = class_names(command)
    part: Any = getattr(command.datamodule, "parts", {}).get("test")
    indices = part.indices[: len(answers)] if part is not None else torch.arange(len(answers))
    has_targets = part is not None and _known(part.targets[indices], names)
    if names is None:
        header, known = _regression_header(facts.get("target_name"), answers.shape[1])
    else:
        # The user's own module may return logits.
        word = "probability" if bool(((answers >= 0) & (answers <= 1)).all()) else "score"
        header, known = ["predicted", *(f"{word} of {name}" for name in names)], ["target"]
    files = getattr(part, "names", None)
    named = [facts.get("sample_names", "file")] if files else []
    if (given := getattr(command.datamodule, "new_rows", None)) is not None:
        numbers = answers.numpy().T
        best = [] if names is None else [names[each] for each in command.decision.classes(answers.numpy()).tolist()]
        beside = numbers if names is None else [best, *numbers.astype(np.float64).round(6)]
        found = dict(zip(header, beside, strict=True))
        write_beside(path, given.as_it_is(), indices.numpy(), found)
        return len(answers)
    with replacing(path) as file:
        csv.writer(file).writerow(map(csv_cell, ["index", *named, *header, *(known if has_targets else [])]))
        for own, chosen in zip(answers.split(_ROWS), indices.split(_ROWS), strict=True):
            # Pieces of lines, not cells: a quarter of the time of csv.writer.
            columns = [list(map(str, chosen.tolist()))]
            if files:
                columns.append([_quoted(files[index]) for index in chosen.tolist()])
            columns.append(_numbers(own) if names is None else _classes(own, names, command.decision))
            if has_targets:
                columns.append(_targets(part.targets[chosen], names))
            file.writelines(f"{','.join(pieces)}\r\n" for pieces in zip(*columns, strict=True))
    return len(answers)


def _quoted(text: str) -> str:
    """Return a text as a cell of a CSV file, as csv.writer does: in quotes if it needs them."""
    cell = csv_cell(text)
    return f'"{cell.replace(chr(34), chr(34) * 2)}"' if any(mark in cell for mark in ',"\r\n') else cell


def _known(targets: Tensor, names: Sequence[str] | None) -> bool:
    """Return whether any target is known: new rows have classes below 0, or NaN."""
    return bool((targets >= 0).any() if names is not None else (~targets.isnan()).any())


def _classes(answers: Tensor, names: Sequence[str], decision: Decision) -> list[str]:
    """Return the predicted class and the probability of each, for each row."""
    cells, numbers = [_quoted(name) for name in names], ",".join(["%.6f"] * answers.shape[1])
    pairs = zip(decision.classes(answers.numpy()).tolist(), answers.tolist(), strict=True)
    return [f"{cells[best]},{numbers % tuple(row)}" for best, row in pairs]


def few_answers(path: Path) -> dict[str, str]:
    """Return the answer to each sample of a small table of predictions, by the sample's name; empty for other files."""
    rows, found = read_back(path), {}
    for row in rows:
        answer = row.get("predicted", "")
        share = row.get(f"probability of {answer}")
        numbers = [f"{key} {value}" for key, value in row.items() if key.startswith(("predicted ", "predicted_"))]
        named = row.get("file") or row.get("text") or row["index"]
        found[named[:_LONGEST]] = (answer or ", ".join(numbers)) + (f" {float(share):.1%}" if share else "")
    return found if all(found.values()) and len(found) == len(rows) else {}  # equal texts have one name


def is_table(command: Command) -> bool:
    """Return whether the predictions are rows of a table: a tensor (N, K) per batch, or documents."""
    if isinstance(getattr(command.model, "task", None), LanguageModeling):
        return True
    return all(isinstance(each, Tensor) and each.ndim == 2 for each in command.output)


def _regression_header(name: str | None, outputs: int) -> tuple[list[str], list[str]]:
    if outputs == 1 and name:
        return [f"predicted {name}"], [name]
    return [f"predicted_{number}" for number in range(outputs)], [f"target_{number}" for number in range(outputs)]


def _targets(targets: Tensor, names: list[str] | None) -> list[str]:
    """Return the targets as text; empty if unknown (a class below 0, a NaN)."""
    if names is not None:
        cells = [_quoted(name) for name in names]
        return [cells[target] if target >= 0 else "" for target in targets.tolist()]
    return _numbers(targets.reshape(len(targets), -1))


def _numbers(values: Tensor) -> list[str]:
    """Return the shortest texts from which each number can be read back, row by row."""
    text = values.numpy().astype(str)
    text[values.isnan().numpy()] = ""
    return [",".join(row) for row in text.tolist()]


def write_documents(
    path: Path, answers: Sequence[Tensor], text: Callable[[Sequence[int]], str], first_documents: Sequence[int]
) -> int:
    """Write a row for each document: how well the model predicts it.

    The columns: ``index``, the document's index in the data, from 0; ``tokens``, including its end; ``characters``;
    ``bits per character``, with the spelling of unknown words; ``beginning``, its first line. A document without end,
    because the batches were limited, is left out.

    Args:
        path: The file.
        answers: Per batch, targets, nats and characters of each token (3, B, T); rows continue in the next batch.
        text: Returns the text of token ids.
        first_documents: Index in the data of the first document of each row (B).
    """
    count = 0
    with replacing(path) as file:
        writer = csv.writer(file)
        writer.writerow(["index", "tokens", "characters", "bits per character", "beginning"])
        together = torch.cat(list(answers), dim=-1).float().cpu()
        for index, tokens, total, characters in _documents(together, first_documents):
            beginning = text(tokens[:_LONGEST]).strip().partition("\n")[0][:_LONGEST]
            bits = f"{total / characters:.4f}" if characters else ""
            writer.writerow([index, len(tokens), round(characters), bits, csv_cell(beginning)])
            count += 1
    return count


def _documents(answers: Tensor, first_documents: Sequence[int]) -> Iterator[tuple[int, list[int], float, float]]:
    """Yield index, tokens, sum of bits and sum of characters of each document."""
    targets, nats, characters = answers
    bits = nats.double() / math.log(2) + SPELLING_BITS * characters * (targets == UNKNOWN)
    for row, (tokens, first) in enumerate(zip(targets.long(), first_documents, strict=True)):
        begin = 0
        for index, end in enumerate((tokens == END).nonzero().flatten().tolist(), first):
            piece = slice(begin, end + 1)
            yield (
                index,
                tokens[piece].tolist(),
                bits[row, piece].sum().item(),
                characters[row, piece].double().sum().item(),
            )
            begin = end + 1
