"""Text predictions: write a text model's bits per character of each document as a CSV file."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from dlcore.plain_text import csv_cell
from dlcore.text import END
from dlcore.tracking.run_file import replacing

_LONGEST = 40  # characters of a document's first line to write


def write_documents(
    path: Path, answers: Sequence[Tensor], text: Callable[[Sequence[int]], str], first_documents: Sequence[int]
) -> int:
    """Write a row for each document: how well the model predicts it.

    The columns: ``index``, the document's index in the data, from 0; ``tokens``, including its end; ``characters``;
    ``bits per character``; ``beginning``, its first line. A document without end, because the batches were limited, is
    left out.

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
        for index, tokens, nats, characters in _documents(together, first_documents):
            beginning = text(tokens[:_LONGEST]).strip().partition("\n")[0][:_LONGEST]
            bits = f"{nats / math.log(2) / characters:.4f}" if characters else ""
            writer.writerow([index, len(tokens), round(characters), bits, csv_cell(beginning)])
            count += 1
    return count


def _documents(answers: Tensor, first_documents: Sequence[int]) -> Iterator[tuple[int, list[int], float, float]]:
    """Yield index, tokens, sum of nats and sum of characters of each document."""
    targets, nats, characters = answers
    for row, (tokens, first) in enumerate(zip(targets.long(), first_documents, strict=True)):
        begin = 0
        for index, end in enumerate((tokens == END).nonzero().flatten().tolist(), first):
            piece = slice(begin, end + 1)
            yield (
                index,
                tokens[piece].tolist(),
                nats[row, piece].double().sum().item(),
                characters[row, piece].double().sum().item(),
            )
            begin = end + 1
