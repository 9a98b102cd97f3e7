"""What a test leaves behind: its metrics and its confusion matrix."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

from dlcore.nn import ClassTally
from dlcore.runs.folder import run_of_checkpoint
from dlcore.runs.other_data import class_names, named_after_data
from dlcore.tracking import confusion_matrix
from dlcore.tracking.figures.style import to_png
from dlcore.tracking.run_file import replace_file

if TYPE_CHECKING:
    from dlcore.runs.command import Command


def write_test_report(command: Command) -> list[Path]:
    """Write ``test.json`` and ``confusion_matrix.png`` into the checkpoint's run folder, of other data beside them.

    Args:
        command: The command, after its work.

    Returns:
        The files; none when the checkpoint lies in no run folder.
    """
    folder = run_of_checkpoint(command.settings.checkpoint_path)
    if folder is None:
        return []
    source = getattr(command.datamodule, "source", "")
    tally = getattr(command.model, "eval_tally", None)
    report = {
        "data": source,
        "checkpoint": command.settings.checkpoint_path.name,  # type: ignore[union-attr]
        getattr(tally, "unit", "samples"): getattr(tally, "count", None),
        "overridden": command.changes,  # a test under other conditions than the run's own says so
        # Six digits are more than 10,000 samples can tell; JSON knows no NaN.
        **{name: round(value, 6) if math.isfinite(value) else None for name, value in command.output[0].items()},
    }
    paths = [folder / named_after_data(command, "test.json")]
    if isinstance(tally, ClassTally):
        names = class_names(command) or []
        report["confusion_matrix"] = {"class_names": names, "rows_are_targets": tally.confusion.tolist()}
        paths.append(folder / named_after_data(command, "confusion_matrix.png"))
        content, _, _ = to_png(confusion_matrix(tally.confusion.cpu().numpy(), names))
        replace_file(paths[-1], content)
    replace_file(paths[0], json.dumps(report, ensure_ascii=False, indent=1).encode(errors="replace"))
    return paths
