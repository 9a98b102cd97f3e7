"""Test report: write the metrics and the confusion matrix of a test."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from dlcore.errors import RunFileError
from dlcore.runs.folder import run_of_checkpoint
from dlcore.runs.other_data import class_names, output_files, remember
from dlcore.tracking import confusion_matrix
from dlcore.tracking.figures.style import to_png
from dlcore.tracking.run_file import replace_file

if TYPE_CHECKING:
    from dlcore.runs.command import Command


def write_test_report(command: Command) -> list[Path]:
    """Write ``test.json`` and ``confusion_matrix.png`` into the checkpoint's run folder.

    Other data get other names; files of another evaluation are not replaced (`output_files`).
    """
    folder = run_of_checkpoint(command.settings.checkpoint_path)
    if folder is None:
        return []
    source = getattr(command.datamodule, "source", "")
    unit = getattr(getattr(command.model, "task", None), "unit", "samples")
    confusion = getattr(command.model, "confusion_matrix", None)
    report = {
        "data": source,
        "checkpoint": command.settings.checkpoint_path.name,  # type: ignore[union-attr]
        unit: getattr(command.model, "evaluated", None),
        "overridden": command.changes,  # record where the test's settings differ from the run's
        # Six digits are more precise than 10,000 samples; JSON has no NaN.
        **{name: round(value, 6) if math.isfinite(value) else None for name, value in command.output[0].items()},
    }
    figure = None
    if isinstance(confusion, Tensor):
        names = class_names(command) or []
        report["confusion_matrix"] = {"class_names": names, "rows_are_targets": confusion.tolist()}
        figure, _, _ = to_png(confusion_matrix(confusion.cpu().numpy(), names))
    text = json.dumps(report, ensure_ascii=False, indent=1).encode(errors="replace")
    wanted = {"test.json": text} | ({} if figure is None else {"confusion_matrix.png": figure})
    contents = dict(zip(output_files(command, folder, *wanted), wanted.values(), strict=True))
    left = list(contents)
    try:
        while left:
            replace_file(left[0], contents[left[0]])
            left.pop(0)
        remember(command, list(contents))
    except RunFileError as error:
        missing = ", ".join(path.name for path in left)
        raise RunFileError(folder, f"{error.reason} ({missing})", error.remedy) from error
    return list(contents)
