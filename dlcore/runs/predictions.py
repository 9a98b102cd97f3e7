"""Predictions as a CSV file that any program opens."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from dlcore.runs.folder import run_of_checkpoint

if TYPE_CHECKING:
    from dlcore.runs.command import Command


def write_predictions(command: Command) -> tuple[Path, int]:
    """Write the answers of ``predict``: index, predicted class, probability of each class, target where it is known.

    Args:
        command: The command, after its work.

    Returns:
        The file, ``predictions.csv`` in the checkpoint's run folder (in the working folder when it lies in none), and
        the number of its rows.
    """
    answers = torch.cat(list(command.output)).float()
    part: Any = getattr(command.datamodule, "parts", {}).get("test")
    targets = part.targets[part.indices][: len(answers)].tolist() if part is not None else None
    names = (command.datamodule.facts() if hasattr(command.datamodule, "facts") else {}).get("class_names")
    folder = run_of_checkpoint(command.settings.checkpoint_path)
    path = (folder or Path()) / "predictions.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if names is None:
            header = [f"predicted_{number}" for number in range(answers.shape[1])]
            columns = [[f"{value:.6g}" for value in row] for row in answers.tolist()]
        else:
            header = ["predicted", *(f"probability of {name}" for name in names)]
            best = answers.argmax(dim=1).tolist()
            columns = [
                [names[winner], *(f"{value:.6f}" for value in row)]
                for winner, row in zip(best, answers.tolist(), strict=True)
            ]
        writer.writerow(["index", *header, *(["target"] if targets else [])])
        for number, row in enumerate(columns):
            known = [names[targets[number]] if names else targets[number]] if targets else []
            writer.writerow([number, *row, *known])
    return path, len(answers)
