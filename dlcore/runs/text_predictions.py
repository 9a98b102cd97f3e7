"""What a text model found of each document, as a CSV file."""

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

_LONGEST = 40  # characters of a document's beginning that are shown


def write_documents(
    path: Path, answers: Sequence[Tensor], text: Callable[[Sequence[int]], str], first_documents: Sequence[int]
) -> int:
    """Write a row for each document: how well the model foresaw it.

    The columns: ``index``, the document's place in the data, from 0; ``tokens``, its end included; ``characters``;
    ``bits per character``; ``beginning``, its first line. What has no end, because the batches were limited, is left
    out.

    Args:
        path: The file.
        answers: Of each batch, targets, nats and characters of each token (3, B, T); rows go on from batch to batch.
        text: Gives the text of numbers of the vocabulary.
        first_documents: The document with which each row begins (B): its place in the data.

    Returns:
        The number of documents.
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
    """Place, tokens, sum of nats and sum of characters of each document."""
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
