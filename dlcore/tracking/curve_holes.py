"""Warning for a resumed run whose logged files were cut or removed."""

from __future__ import annotations

import warnings
from pathlib import Path

from dlcore.tracking.event_files import last_step_of
from dlcore.tracking.metrics_csv import MetricsCsv


def warn_of_hole(folder: Path, table: MetricsCsv, resume_step: int) -> None:
    """Warn if ``metrics.csv`` and TensorBoard's files, which are written together, end at different steps.

    Args:
        folder: The run's folder.
        table: The run's metrics, up to the checkpoint.
        resume_step: Step of the checkpoint from which the run resumes.
    """
    events = last_step_of(folder, table.columns[2:])
    if table.last_step == events:
        return
    ends = " and ".join(
        f"{what} {'holds no step' if step is None else f'ends at step {step:,}'}"
        for what, step in (("metrics.csv", table.last_step), ("TensorBoard's file", events))
    )
    warnings.warn(
        f"{folder}: {ends}, but the run goes on from step {resume_step:,}: somebody cut or removed what was logged. "
        "The training is not touched by that, but its curves have a hole.",
        RuntimeWarning,
        2,
    )
