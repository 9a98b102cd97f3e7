"""The logger of a run: TensorBoard events and ``metrics.csv`` in the run's own folder."""

from __future__ import annotations

import argparse
import atexit
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lightning.pytorch.loggers.logger import Logger, rank_zero_experiment
from lightning.pytorch.utilities.rank_zero import rank_zero_only
from torch import Tensor

from dlcore.errors import ArgumentError, check_number
from dlcore.tracking import hparams
from dlcore.tracking.background import BackgroundWriter
from dlcore.tracking.event_files import drop_events_after, find_event_files
from dlcore.tracking.histogram import Histogram, HistogramTensors, count_histogram
from dlcore.tracking.layout import TrainValidationLayout
from dlcore.tracking.metrics_csv import MetricsCsv

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from tensorboard.compat.proto.summary_pb2 import Summary
    from torch.utils.tensorboard import SummaryWriter

# Seconds after which TensorBoard can see what was logged, and how many events may wait to be written.
_FLUSH_SECONDS, _EVENT_QUEUE = 5, 1000


class RunLogger(Logger):
    """Logs one run into one folder: event files for TensorBoard, and ``metrics.csv``.

    Scalars are written at once. Histograms are counted on the device and written in the background; figures are drawn
    and written in the background. Only the process of rank zero writes; nothing is written before the first use.

    With `resume_step`, the run goes on in its folder: points and rows beyond that step are taken away, those at the
    step stay (what led to a checkpoint is logged at steps up to the checkpoint's own, before it is written).
    Without it, a folder that already holds a run is added to: so a test later adds its results.

    Args:
        folder: The run's folder (``lightning_logs/<recipe>/version_<N>``), made if it is not there.
        name: The recipe's name.
        version: The run's number.
        resume_step: Step (`global_step`) of the checkpoint that the run goes on from; None for a new run or to add.

    Raises:
        ArgumentError: `resume_step` is negative.
    """

    def __init__(self, folder: str | Path, name: str, version: int, resume_step: int | None = None) -> None:
        super().__init__()
        if resume_step is not None:
            check_number("resume_step", resume_step, at_least=0)
        self.background = BackgroundWriter()
        self._folder, self._name, self._version, self._resume_step = Path(folder), name, version, resume_step
        self._experiment: SummaryWriter | None = None
        self._table: MetricsCsv | None = None
        self._layout = TrainValidationLayout()
        self._hparams: dict[str, bool | float | str] = {}
        self._last_step = resume_step or 0
        self._not_finite: set[str] = set()
        # A session is what the HPARAMS tab shows as one line; None: this logger only adds to a finished one.
        self._session: str | None = "not begun"

    @property
    def name(self) -> str:
        """The recipe's name."""
        return self._name

    @property
    def version(self) -> int:
        """The run's number."""
        return self._version

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
        """Write numbers as curves and as a row of ``metrics.csv``. ``epoch`` is only a column.

        Args:
            metrics: Numbers or tensors with one element by name; NaN and infinity are written as such.
            step: The step they belong to; None for the latest one that was logged.

        Raises:
            ArgumentError: A value is not one number.
        """
        from tensorboard.compat.proto.summary_pb2 import Summary

        _ = self.experiment  # opens the table too
        step = self._note_step(step)
        numbers = {name: _number(name, value) for name, value in metrics.items()}
        curves = {name: float(value) for name, value in numbers.items() if name != "epoch"}
        self._begin_session()
        self._add(Summary(value=[Summary.Value(tag=name, simple_value=y) for name, y in curves.items()]), step)
        if self._table is not None:
            self._table.write(numbers, step)
        if self._layout.add(curves):
            self._add(self._layout.to_summary(), step)

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | argparse.Namespace, *args: Any, **kwargs: Any) -> None:
        """Take note of settings for the HPARAMS tab; several calls before the first metric add up.

        Args:
            params: The settings, nested as you like; `hparams.columns` says how they are shown.
            args: Not used.
            kwargs: Not used.
        """
        self._hparams.update(hparams.columns(params))

    @rank_zero_only
    def log_histogram(self, tag: str, values: Tensor | HistogramTensors | Histogram, step: int) -> None:
        """Write one histogram; `log_histograms` says how."""
        self.log_histograms({tag: values}, step)

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
        _ = self.experiment  # opened here and not by two threads at once
        step = self._note_step(step)
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
        _ = self.experiment
        self.background.submit(self._write_figure, tag, draw, self._note_step(step), path and Path(path))

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
        """Nothing to do: rows are in the file at once, events after at most five seconds and at `finalize`."""

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Wait for the background and close the files. Logging may go on afterwards, and opens them again.

        Args:
            status: How the run ended: ``success`` or ``finished``; all else counts as failed.
        """
        if self._experiment is None:
            return
        try:
            self._begin_session()
            self.background.close()
        finally:
            if self._session == "begun":
                self._add(hparams.session_end(status in ("success", "finished")), self._last_step)
                self._session = "ended"
            self._close()

    def _open(self) -> SummaryWriter:
        from torch.utils.tensorboard import SummaryWriter

        purge_step = None
        if self._table is None:  # the first time, not after a finalize
            self._folder.mkdir(parents=True, exist_ok=True)
            if self._resume_step is not None:
                drop_events_after(self._folder, self._resume_step)
                purge_step = self._resume_step + 1
            elif not find_event_files(self._folder):
                # Marks the beginning. TensorBoard's slow reader takes no notice of the first mark that it meets, so
                # that without this one the first resume would purge nothing.
                purge_step = 0
            else:
                self._session = None
            self._table = MetricsCsv(self._folder / "metrics.csv", self._resume_step)
            self._layout.add(self._table.columns)
        atexit.register(self._close)
        return SummaryWriter(
            str(self._folder), purge_step=purge_step, max_queue=_EVENT_QUEUE, flush_secs=_FLUSH_SECONDS
        )

    def _close(self) -> None:
        try:
            self.background.close()
        finally:
            if self._experiment is not None:
                self._experiment.close()
                self._experiment = None
            atexit.unregister(self._close)

    def _add(self, summary: Summary, step: int) -> None:
        self.experiment.file_writer.add_summary(summary, step)

    def _note_step(self, step: int | None) -> int:
        step = self._last_step if step is None else int(step)
        self._last_step = max(self._last_step, step)
        return step

    def _begin_session(self) -> None:
        # As late as possible: TensorBoard takes the first record of a run and no second one, and settings may come in
        # several calls (the model's own by Lightning, those of the recipe by the run).
        if self._session == "not begun" and self._hparams:
            self._add(hparams.session_start(self._hparams), self._last_step)
            self._session = "begun"

    def _write_histograms(self, values: Mapping[str, HistogramTensors | Histogram], step: int) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary

        for tag, value in values.items():
            counted = value.read() if isinstance(value, HistogramTensors) else value
            summary = counted.to_summary(tag)
            for kind, number in (("nan", counted.nan), ("infinite", counted.infinite)):
                name = f"{tag}/{kind}"
                if number or name in self._not_finite:
                    self._not_finite.add(name)
                    summary.value.append(Summary.Value(tag=name, simple_value=number))
            self._add(summary, step)

    def _write_figure(self, tag: str, draw: Callable[[], Figure], step: int, path: Path | None) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary

        from dlcore.tracking.figures.style import to_png

        try:
            content, width, height = to_png(draw())
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                temporary = path.with_name(f".{path.name}.tmp")
                temporary.write_bytes(content)
                temporary.replace(path)
        except Exception as error:
            error.add_note(f"(figure {tag})")
            raise
        image = Summary.Image(width=width, height=height, colorspace=4, encoded_image_string=content)
        self._add(Summary(value=[Summary.Value(tag=tag, image=image)]), step)

    def __getstate__(self) -> dict[str, Any]:
        # Processes that Lightning spawns get a copy: files and threads stay here.
        return {**vars(self), "_experiment": None}


def _number(name: str, value: Any) -> float:
    if isinstance(value, Tensor) and value.numel() == 1:
        return value.item()
    try:
        return value if isinstance(value, int) else float(value)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"metrics[{name!r}]", "a number", value, "Log its mean or its parts.") from error
