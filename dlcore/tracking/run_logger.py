"""Logger of a run: TensorBoard events, ``metrics.csv`` and ``events.jsonl`` in the run's folder."""

from __future__ import annotations

import argparse
import atexit
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch.loggers.logger import Logger
from lightning_utilities.core.rank_zero import rank_zero_only
from torch import Tensor

from dlcore.errors import ArgumentError, RunFileError, check_number
from dlcore.tracking import hparams, timeline
from dlcore.tracking.background import BackgroundWriter
from dlcore.tracking.event_files import prepare_event_files, warn_of_hole
from dlcore.tracking.histogram import Histogram, HistogramTensors, count_histogram
from dlcore.tracking.metrics_csv import MetricsCsv
from dlcore.tracking.run_file import RUNS_FOLDER, new_run_folder, remove_leftovers, run_version, writing
from dlcore.tracking.run_page import escaped
from dlcore.tracking.summaries import (
    TrainValidationLayout,
    figure_summary,
    histogram_summary,
    number_of,
    scalars_summary,
)
from dlcore.tracking.timeline import FirstNotFinite, Timeline, not_finite_text, read_events

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from tensorboard.compat.proto.summary_pb2 import Summary
    from torch.utils.tensorboard import SummaryWriter


class RunLogger(Logger):
    """Logs one run into one folder: event files for TensorBoard, ``metrics.csv`` and ``events.jsonl``.

    Scalars are written at once. Histograms are counted on the device; histograms and figures are written in the
    background. Only rank 0 writes, and not before the first use.

    With `resume_step`, a run resumes in its folder: points and rows after that step are removed, those at the step are
    kept (they are logged before the checkpoint is written). Without it, new data are added to the folder's.

    A metric's first NaN or infinite value is recorded as an event. If a file cannot be written (a full disk), an error
    is raised at once: otherwise the curves would have a gap that nobody notices. Resume the run: its curves are whole.

    Args:
        folder: The run's folder, created if missing; None: the next free ``lightning_logs/<name>/version_<N>``.
        name: The recipe's name.
        resume_step: Step (`global_step`) of the checkpoint from which the run resumes; None for a new run or to add.

    Attributes:
        tell: Called with a line for the terminal at a metric's first value that is not finite; None: not called.
        position: Returns steps and epochs completed, to replace Lightning's epochs from 0; None: not used.

    Raises:
        ArgumentError: `resume_step` is negative.
        RunFileError: A file cannot be written; raised by any logging method.
    """

    def __init__(self, folder: str | Path | None = None, name: str = "run", resume_step: int | None = None) -> None:
        super().__init__()
        if resume_step is not None:
            check_number("resume_step", resume_step, at_least=0)
        self.background = BackgroundWriter()
        self._given, self._name, self._resume_step = folder, name, resume_step
        self.tell: Callable[[str], None] | None = None
        self.position: Callable[[], tuple[int, float]] | None = None
        self._experiment: SummaryWriter | None = None
        self._table: MetricsCsv | None = None
        self._layout = TrainValidationLayout()
        self._session = hparams.Session()
        self._last_step = resume_step or 0
        self._timeline: Timeline | None = None
        self._first_not_finite = FirstNotFinite()
        self._not_counted: set[str] = set()  # curves of NaN and infinite counts

    @property
    def name(self) -> str:
        """The recipe's name."""
        return self._name

    @property
    def version(self) -> int:
        """The run's number, from its folder's name."""
        return run_version(self._folder) or 0

    @cached_property
    def _folder(self) -> Path:
        if self._given is not None:
            return Path(self._given)
        writes = getattr(rank_zero_only, "rank", 0) == 0
        return new_run_folder(Path(RUNS_FOLDER), self.name) if writes else Path(RUNS_FOLDER, self.name)

    @property
    def log_dir(self) -> str:
        """The run's folder."""
        return str(self._folder)

    @property
    def save_dir(self) -> str:
        """The run's folder: ``trainer.log_dir`` returns it to callbacks and profilers."""
        return str(self._folder)

    @property
    def root_dir(self) -> str:
        """The folder of all the recipe's runs."""
        return str(self._folder.parent)

    @property
    @rank_zero_experiment
    def experiment(self) -> SummaryWriter:
        """TensorBoard's writer, opened at first use; on other ranks, a dummy that does nothing."""
        if self._experiment is None:
            self._experiment = self._open()
            if self._layout.pairs:
                self._add(self._layout.to_summary(), self._last_step)
        return self._experiment

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Write the numbers that a step does not have yet as curves and into its row of ``metrics.csv``.

        Args:
            metrics: Numbers or tensors with one element by name; NaN and infinity are allowed. ``epoch`` is a column.
            step: Their step; None for the latest logged one.

        Raises:
            ArgumentError: A value is not one number.
        """
        numbers = {tag: number_of(tag, metrics[tag]) for tag in sorted(metrics, key=lambda name: name[:4] == "val/")}
        if self.position is not None and isinstance(metrics.get("epoch"), int):  # Lightning's count
            step, numbers["epoch"] = self.position()
        _, step = self.experiment, self._note_step(step)  # `experiment` opens the table too
        news = numbers if self._table is None else self._table.news(numbers, step)
        curves = {name: float(value) for name, value in news.items() if name != "epoch"}
        if not curves:
            return
        self._add(self._session.begin(), step)
        self._add(scalars_summary(curves), step)
        if self._table is not None:
            self._table.write(numbers, step)
        if self._layout.add(curves):
            self._add(self._layout.to_summary(), step)
        advice = not self._first_not_finite.any
        if found := self._first_not_finite.find(curves):
            for name, value in found.items():
                text = not_finite_text({name: value}, step, advice)
                self.log_event("not_finite", text, step, numbers.get("epoch"), metric=name, value=value)
            if self.tell is not None:
                self.tell(not_finite_text(found, step, advice))

    @rank_zero_only
    def log_event(self, kind: str, text: str, step: int | None = None, epoch: float | None = None, **own: Any) -> None:
        """Write an event to ``events.jsonl``, and to TensorBoard as a text under ``events``.

        Write a new best state only to the file: TensorBoard shows few texts per tag, and its curves show the best.

        Args:
            kind: Kind of event, one of `timeline.KINDS`.
            text: Description for users, with the reason.
            step: Optimiser steps completed; None for the latest logged one.
            epoch: Epochs completed, with a fraction; None if unknown.
            own: Further numbers and names of the event.

        Raises:
            ArgumentError: Unknown kind.
        """
        experiment, step = self.experiment, self._note_step(step)  # `experiment` opens the file too
        if self._timeline is not None:
            self._timeline.write(kind, text, step, epoch, **own)
        if kind != "new_best":
            experiment.add_text("events", escaped(text), step)

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | argparse.Namespace, *args: Any, **kwargs: Any) -> None:
        """Add settings for the HPARAMS tab; several calls before the first metric are merged.

        Args:
            params: The settings, possibly nested; `hparams.columns` flattens them.
            args: Not used.
            kwargs: Not used.
        """
        self._session.add(params)

    @rank_zero_only
    def log_histograms(self, values: Mapping[str, Tensor | HistogramTensors | Histogram], step: int) -> None:
        """Count the tensors' values on their device now, and write the histograms in the background.

        Histograms exclude NaN and infinite values; the curves ``<tag>/nan`` and ``<tag>/infinite`` count them, from the
        first step that has any. A tensor without a finite value gives an empty histogram.

        Args:
            values: Tensors or counted histograms, by tag. All values of one call are one job.
            step: Their step.

        Raises:
            ArgumentError: A value is neither (a parameter without a gradient has None).
        """
        _, step = self.experiment, self._note_step(step)  # open it here, not in two threads at once
        for tag, value in values.items():
            if not isinstance(value, Tensor | HistogramTensors | Histogram):
                raise ArgumentError(f"values[{tag!r}]", "a tensor or a counted histogram", value, "Leave it out.")

        def write_histograms(counted: Mapping[str, HistogramTensors | Histogram]) -> None:
            for tag, value in counted.items():
                read = value.read() if isinstance(value, HistogramTensors) else value
                self._add(histogram_summary(tag, read, self._not_counted), step)

        counted = {tag: count_histogram(value) if isinstance(value, Tensor) else value for tag, value in values.items()}
        self.background.submit(write_histograms, counted)

    @rank_zero_only
    def log_figure(self, tag: str, draw: Callable[[], Figure], step: int, path: str | Path | None = None) -> None:
        """Draw a figure in the background, and write it to TensorBoard.

        Args:
            tag: Its name in TensorBoard.
            draw: Creates the figure in another thread. It must use matplotlib's objects, not pyplot, and data that
                training does not change.
            step: Its step.
            path: PNG file to write too; None: no file.
        """
        _, step = self.experiment, self._note_step(step)
        self.background.submit(lambda: self._add(figure_summary(tag, draw, Path(path) if path else None), step))

    @rank_zero_only
    def log_text(self, tag: str, text: str, step: int | None = None) -> None:
        """Write a text (Markdown) to TensorBoard, at a step; None for the latest logged one."""
        self.experiment.add_text(tag, text, self._note_step(step))

    @rank_zero_only
    def save(self) -> None:
        """Do nothing: rows and events are already written."""

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Wait for the background jobs and close the files. Later logging opens them again.

        The run has failed unless the status is ``success`` or ``finished``.
        """
        if self._experiment is None:
            return
        try:
            self.background.close()
        finally:
            well = status in ("success", "finished")
            with suppress(*([] if well else [RunFileError])):  # the run's own error is reported: probably the same disk
                self._add(self._session.begin(), self._last_step)
                self._add(self._session.end(well), self._last_step)
            self._close()

    def _open(self) -> SummaryWriter:
        # Import here: torch's writer takes a second to import.
        from dlcore.tracking.event_writer import EventWriter

        purge_step = None
        if self._table is None:  # the first time, not after a finalize
            with writing(self._folder):
                self._folder.mkdir(parents=True, exist_ok=True)
            if self._resume_step is not None:
                remove_leftovers(self._folder)
            purge_step = prepare_event_files(self._folder, self._resume_step)
            self._session.shown = purge_step is not None
            self._table = MetricsCsv(self._folder / "metrics.csv", self._resume_step)
            self._timeline = Timeline(self._folder / timeline.FILE, self._resume_step)
            self._first_not_finite = FirstNotFinite(event.get("metric") for event in read_events(self._folder))
            self._layout.add(self._table.columns)
            if self._resume_step:
                warn_of_hole(self._folder, self._table, self._resume_step)
        writer = EventWriter(self._folder, purge_step)
        atexit.register(self._close)
        return writer

    def _close(self) -> None:
        try:
            self.background.close()
        finally:
            if self._experiment is not None:
                self._experiment.close()
                self._experiment = None
            atexit.unregister(self._close)

    def _add(self, summary: Summary | None, step: int) -> None:
        if summary is not None:
            self.experiment.file_writer.add_summary(summary, step)

    def _note_step(self, step: int | None) -> int:
        step = self._last_step if step is None else int(step)
        self._last_step = max(self._last_step, step)
        return step

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_experiment": None, "tell": None, "position": None}  # for spawned processes
