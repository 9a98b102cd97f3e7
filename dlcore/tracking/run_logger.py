"""The logger of a run: TensorBoard events, ``metrics.csv`` and ``events.jsonl`` in the run's own folder."""

from __future__ import annotations

import argparse
import atexit
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lightning.pytorch.loggers.logger import Logger, rank_zero_experiment
from lightning.pytorch.utilities.rank_zero import rank_zero_only
from torch import Tensor

from dlcore.errors import ArgumentError, RunFileError, check_number
from dlcore.tracking import hparams, timeline
from dlcore.tracking.background import BackgroundWriter
from dlcore.tracking.curve_holes import warn_of_hole
from dlcore.tracking.event_files import prepare_event_files
from dlcore.tracking.histogram import Histogram, HistogramTensors, count_histogram
from dlcore.tracking.layout import TrainValidationLayout
from dlcore.tracking.markdown import escaped
from dlcore.tracking.metrics_csv import MetricsCsv
from dlcore.tracking.not_finite import FirstNotFinite, not_finite_text
from dlcore.tracking.run_file import remove_leftovers, writing
from dlcore.tracking.run_folder import RUNS_FOLDER, new_run_folder, run_version
from dlcore.tracking.summaries import figure_summary, histogram_summary, number_of, scalars_summary
from dlcore.tracking.timeline import Timeline, read_events

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from tensorboard.compat.proto.summary_pb2 import Summary
    from torch.utils.tensorboard import SummaryWriter


class RunLogger(Logger):
    """Logs one run into one folder: event files for TensorBoard, ``metrics.csv`` and ``events.jsonl``.

    Scalars are written at once. Histograms are counted on the device; they and figures are written in the background.
    Only the process of rank zero writes; nothing is written before the first use.

    With `resume_step`, the run goes on in its folder: points and rows beyond that step are taken away, those at the
    step stay (what led to a checkpoint is logged before it is written). Without it, what a folder holds is added to.

    The first value of a metric that is NaN or infinite is an event of its own. What cannot be written (a full disk) is
    an error at once: a hole in the curves would never be noticed, and a run goes on from its checkpoint without one.

    Args:
        folder: The run's folder, made if it is not there; None: the next free ``lightning_logs/<name>/version_<N>``.
        name: The recipe's name.
        resume_step: Step (`global_step`) of the checkpoint that the run goes on from; None for a new run or to add.

    Attributes:
        tell: Called with a line for the terminal when a metric is not finite for the first time; None: nobody.
        position: Gives the steps and epochs that are done, where Lightning logs and counts from 0; None: nobody.

    Raises:
        ArgumentError: `resume_step` is negative.
        RunFileError: At any logging: a file cannot be written.
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
        self._not_counted: set[str] = set()  # curves of what histograms leave out

    @property
    def name(self) -> str:
        """The recipe's name."""
        return self._name

    @property
    def version(self) -> int:
        """The run's number, as its folder has it."""
        return run_version(self._folder) or 0

    @cached_property
    def _folder(self) -> Path:
        if self._given is not None:
            return Path(self._given)
        writes = rank_zero_only.rank == 0  # type: ignore[attr-defined]
        return new_run_folder(Path(RUNS_FOLDER), self.name) if writes else Path(RUNS_FOLDER, self.name)

    @property
    def log_dir(self) -> str:
        """The run's folder."""
        return str(self._folder)

    @property
    def save_dir(self) -> str:
        """The run's folder: it is what ``trainer.log_dir`` gives to callbacks and profilers."""
        return str(self._folder)

    @property
    def root_dir(self) -> str:
        """The folder of all runs of the recipe."""
        return str(self._folder.parent)

    @property
    @rank_zero_experiment
    def experiment(self) -> SummaryWriter:
        """TensorBoard's writer, opened when it is first asked for; on other ranks one that does nothing."""
        if self._experiment is None:
            self._experiment = self._open()
            if self._layout.pairs:
                self._add(self._layout.to_summary(), self._last_step)
        return self._experiment

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Write numbers as curves and as a row of ``metrics.csv``, validation's last. ``epoch`` is only a column.

        Args:
            metrics: Numbers or tensors with one element by name; NaN and infinity are written as such.
            step: The step they belong to; None for the latest one that was logged.

        Raises:
            ArgumentError: A value is not one number.
        """
        numbers = {tag: number_of(tag, metrics[tag]) for tag in sorted(metrics, key=lambda name: name[:4] == "val/")}
        if self.position is not None and isinstance(metrics.get("epoch"), int):  # as Lightning counts it
            step, numbers["epoch"] = self.position()
        _, step = self.experiment, self._note_step(step)  # the first opens the table too
        curves = {name: float(value) for name, value in numbers.items() if name != "epoch"}
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
        """Write what happened into ``events.jsonl``, and into TensorBoard as a text under ``events``.

        A new best state is only in the file: TensorBoard shows few texts of a tag, and its curves show the best.

        Args:
            kind: What happened, one of `timeline.KINDS`.
            text: The same for people, with its reason.
            step: Optimiser steps that were done; None for the latest one that was logged.
            epoch: Epochs that were done, with their fraction; None where that is not known.
            own: Numbers and names that belong to it.

        Raises:
            ArgumentError: There is no such kind.
        """
        experiment, step = self.experiment, self._note_step(step)  # the first opens the file too
        if self._timeline is not None:
            self._timeline.write(kind, text, step, epoch, **own)
        if kind != "new_best":
            experiment.add_text("events", escaped(text), step)

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | argparse.Namespace, *args: Any, **kwargs: Any) -> None:
        """Take note of settings for the HPARAMS tab; several calls before the first metric add up.

        Args:
            params: The settings, nested as you like; `hparams.columns` says how they are shown.
            args: Not used.
            kwargs: Not used.
        """
        self._session.add(params)

    @rank_zero_only
    def log_histograms(self, values: Mapping[str, Tensor | HistogramTensors | Histogram], step: int) -> None:
        """Count tensors' values on their device now, write the histograms in the background.

        NaN and infinite values are not in a histogram: their numbers are the curves ``<tag>/nan`` and
        ``<tag>/infinite``, from the first step on that has any. A tensor without a finite value is an empty histogram.

        Args:
            values: Tensors, or histograms that are counted already, by tag. All of one step in one call is one job.
            step: The step they belong to.

        Raises:
            ArgumentError: A value is neither (a parameter without a gradient has None).
        """
        _, step = self.experiment, self._note_step(step)  # opened here and not by two threads at once
        for tag, value in values.items():
            if not isinstance(value, Tensor | HistogramTensors | Histogram):
                raise ArgumentError(f"values[{tag!r}]", "a tensor or a counted histogram", value, "Leave it out.")
        counted = {tag: count_histogram(value) if isinstance(value, Tensor) else value for tag, value in values.items()}
        self.background.submit(self._write_histograms, counted, step)

    @rank_zero_only
    def log_figure(self, tag: str, draw: Callable[[], Figure], step: int, path: str | Path | None = None) -> None:
        """Draw a figure in the background, and send it to TensorBoard.

        Args:
            tag: Its name in TensorBoard.
            draw: Makes the figure; called in another thread: through matplotlib's objects, without pyplot, and with
                data that training does not change meanwhile.
            step: The step it belongs to.
            path: Where it is also written as a PNG file; None for nowhere.
        """
        _, step = self.experiment, self._note_step(step)
        self.background.submit(lambda: self._add(figure_summary(tag, draw, Path(path) if path else None), step))

    @rank_zero_only
    def log_text(self, tag: str, text: str, step: int | None = None) -> None:
        """Write a text (Markdown) to TensorBoard.

        Args:
            tag: Its name in TensorBoard.
            text: The text.
            step: The step it belongs to; None for the latest one that was logged.
        """
        self.experiment.add_text(tag, text, self._note_step(step))

    @rank_zero_only
    def save(self) -> None:
        """Nothing to do: rows and events are in their files at once."""

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Wait for the background and close the files. Logging may go on afterwards, and opens them again.

        Args:
            status: How the run ended: ``success`` or ``finished``; all else counts as failed.
        """
        if self._experiment is None:
            return
        try:
            self.background.close()
        finally:
            well = status in ("success", "finished")
            with suppress(*([] if well else [RunFileError])):  # what ended it is told: very likely the same disk
                self._add(self._session.begin(), self._last_step)
                self._add(self._session.end(well), self._last_step)
            self._close()

    def _open(self) -> SummaryWriter:
        # Imported here: torch's writer takes a second to import.
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

    def _write_histograms(self, values: Mapping[str, HistogramTensors | Histogram], step: int) -> None:
        for tag, value in values.items():
            counted = value.read() if isinstance(value, HistogramTensors) else value
            self._add(histogram_summary(tag, counted, self._not_counted), step)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_experiment": None, "tell": None, "position": None}  # a spawned process gets a copy
